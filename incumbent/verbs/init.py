"""`incumbent init`: a project of one's own, from files as people have them."""

import os
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import typer

from curation.curation_settings import FileSource
from curation.sources.columns.column_guess import guess
from curation.sources.columns.wanted import Guess, Wanted
from curation.sources.tables.read_table import read_tables
from curation.sources.tables.table import Table
from incumbent.init.findings import find
from incumbent.init.findings_text import columns_table, said_of
from incumbent.init.repository import inside_repository, start
from incumbent.init.settings_file import Chosen, write_settings
from incumbent.output import console, print_table
from incumbent.project_files import copy_project
from project.errors import InputError
from project.files import staged_folder
from project.model_pins import BaseChoice
from training.base import prepare

SOURCES = Path("datasets/sources")
MOST_FILES = 20  # shown by name


@dataclass(frozen=True)
class FileOptions:
    """How files are read where their bytes do not tell."""

    encoding: str | None = None
    skip: bool = False  # what is no record is left out and counted

    def read(self, path: Path) -> list[Table]:
        return read_tables(path, skip=self.skip, encoding=self.encoding)

    def source(self, path: Path, found: Guess) -> FileSource:
        return FileSource(
            kind="file",
            path=path,
            columns=found.columns,
            unreadable="skip" if self.skip else "refuse",
            encoding=self.encoding,
        )


def init_sample(target: Path) -> None:
    """The sample task: one-line summaries of Python APIs, from installed packages."""
    with new_folder(target) as nested:
        copy_project(Path(), sample=True)
        start([], "Start with the sample task", nested=nested)
    say_next(target, nested=nested)


def init_project(
    target: Path,
    files: Sequence[Path],
    wanted: Wanted,
    base: BaseChoice,
    options: FileOptions,
    *,
    yes: bool,
) -> None:
    """Make a project of files in a new folder. Raises InputError, and then there is no folder."""
    refuse_taken(target)
    there = [file.resolve() for file in files]  # wherever the work goes on
    tables = [table for file in files for table in options.read(file)]
    found = guess(tables, wanted)
    show_columns(tables, found)
    agree(yes=yes)
    with new_folder(target) as nested:
        copy_project(Path(), sample=False)
        sources = [options.source(path, found) for path in take_in(there)]
        findings = find(sources, prepare(base))
        chosen = Chosen(family=family_of(target), base=base, sources=tuple(sources), found=findings)
        write_settings(chosen)
        for line in said_of(findings):
            console.print(line, soft_wrap=True)
        names = ", ".join(file.name for file in files[:MOST_FILES])
        start([one.path for one in sources], f"Start with {names}", nested=nested)
    say_next(target, nested=nested)


@contextmanager
def new_folder(target: Path) -> Iterator[bool]:
    """Work in a draft of the folder, which appears whole at the end; yields whether it is to lie in
    a git repository.
    """
    refuse_taken(target)
    target = target.resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    nested, before = inside_repository(target.parent) is not None, Path.cwd()
    with staged_folder(target) as draft:
        os.chdir(draft)
        try:
            yield nested
        finally:
            os.chdir(before)


def refuse_taken(target: Path) -> None:
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise InputError("is there already: name a folder that is new or empty", file=target)


def take_in(files: Sequence[Path]) -> list[Path]:
    """Copy the files to where DVC is to track them; two of one name get two names."""
    found = []
    for file in files:
        path = free_name(SOURCES / file.name)
        if file.is_dir():
            shutil.copytree(file, path)
        else:
            shutil.copyfile(file, path)
        found.append(path)
    return found


def free_name(path: Path) -> Path:
    """The path, or one that is numbered, where nothing is yet."""
    number, free = 1, path
    while free.exists():
        number += 1
        free = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return free


def family_of(target: Path) -> str:
    """A name for the adapters, out of the folder's."""
    name = re.sub(r"[^a-z0-9]+", "-", target.resolve().name.lower()).strip("-")
    return name[:63] or "default"


def show_columns(tables: Sequence[Table], found: Guess) -> None:
    for table in tables[:MOST_FILES]:
        notes = "".join(f", {note}" for note in table.notes)
        lost = f", {len(table.unreadable)} unreadable" if table.unreadable else ""
        console.print(
            f"{table.path.name}: {table.format}, {len(table.rows):,} records{lost}{notes}",
            soft_wrap=True,
        )
    if len(tables) > MOST_FILES:
        console.print(f"and {len(tables) - MOST_FILES} files more")
    console.print()
    print_table(("column", "is taken for"), columns_table(found))
    for note in found.notes:
        console.print(note, soft_wrap=True)
    console.print()


def agree(*, yes: bool) -> None:
    """Ask whether the columns are right. Raises InputError where nobody can be asked."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise InputError("say --yes if these columns are right, or name others: incumbent init -h")
    if not typer.confirm("Are these columns right?", default=True):
        raise InputError("name them: --prompt, --completion, --messages, --slice, --group")


def say_next(target: Path, *, nested: bool) -> None:
    console.print()
    if nested:
        console.print("it lies in a git repository: nothing was committed there; commit it first")
    console.print(f"next: cd {target} && incumbent run", soft_wrap=True)
