"""A new project's folder, and its params.yaml."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from curation.checks.waivers import add_contacts
from curation.curation_settings import Columns, ExportFields, FileSource, Format
from curation.sources.documents.read_documents import documents_in
from curation.sources.table_rows import SOURCES
from curation.sources.tables.unpacked_file import files_of
from incumbent.init.findings import Findings
from project.child_processes import author, dvc_in_turn
from project.errors import IncumbentError, InputError
from project.files import staged_folder, write_bytes
from project.model_pins import BaseChoice
from project.settings import PARAMS, SECTIONS, load

# --- new folder -----------------------------------------------------------------------------------

# The folder of a new project: a draft, which appears whole at the end or not at all.


@contextmanager
def new_folder(target: Path) -> Iterator[None]:
    """Work in a draft of the folder, which an error leaves nothing of. Raises InputError."""
    refuse_taken(target)
    target, before = target.resolve(), Path.cwd()
    try:
        with draft_of(target) as draft:
            os.chdir(draft)
            try:
                yield
            finally:
                os.chdir(before)
    except OSError as error:
        what = error.strerror or str(error)
        raise IncumbentError(f"{error.filename or target}: {what}: nothing was made") from None


@contextmanager
def draft_of(target: Path) -> Iterator[Path]:
    """A folder beside the target, or in it where it is there and may be a disk of its own."""
    if not target.exists():
        with staged_folder(target) as draft:
            yield draft
        return
    draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=target))
    try:
        yield draft
        for path in draft.iterdir():
            path.rename(target / path.name)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def refuse_taken(target: Path) -> None:
    """Raise InputError where a project cannot go."""
    with_parents = (target, *target.resolve().parents)
    if file := next((path for path in with_parents if path.exists() and not path.is_dir()), None):
        raise InputError("is a file: name a folder that is new or empty", file=file)
    if target.exists() and any(target.iterdir()):
        raise InputError("is there already: name a folder that is new or empty", file=target)


# --- own files ------------------------------------------------------------------------------------

# A person's files, taken into the project.

NO_FORMATS: Mapping[Path, Format] = MappingProxyType({})


def take_in(paths: Sequence[Path], formats: Mapping[Path, Format] = NO_FORMATS) -> list[Path]:
    """Copy files, and of folders the files of data or the documents, to where DVC is to track them.

    Two of one name get two names. A link's file is copied, and what nobody may write can be
    written then.
    """
    copies = []
    for path in paths:
        target = free_name(SOURCES / path.name)
        for file in documents_in(path) if formats.get(path) == "documents" else files_of(path):
            copy = target / file.relative_to(path) if path.is_dir() else target
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)
        copies.append(target)
    return copies


def free_name(path: Path) -> Path:
    """The path, or one that is numbered, where nothing is yet."""
    number, free = 1, path
    while free.exists():
        number += 1
        free = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return free


# --- repository -----------------------------------------------------------------------------------

# Git and DVC for a new project: its rows are tracked by DVC, all else by git.

REMOTE = "storage"  # the name of DVC's default remote
UNSIGNED = ("-c", "commit.gpgsign=false")  # nobody sits there to type a passphrase


def refuse_without_git() -> None:
    if shutil.which("git") is None:
        raise InputError("a project needs git, which is not installed")


def start(rows: Iterable[Path], message: str, target: Path, remote: str | None = None) -> None:
    """Make the current folder a DVC project that tracks these files, and commit it; where there is
    to be a remote, the files are sent there.

    The folder will be moved to target. Where a git repository would track it there, nothing is
    committed: that is its owner's. Nor staged, which DVC does where it can: it gets a repository
    of its own for a while. Raises IncumbentError with what git or DVC said.
    """
    nested = repository_around(target) is not None
    call(["git", "init", "-q"])
    commands = [["init"], ["config", "core.analytics", "false"]]
    if files := [str(path) for path in rows]:
        commands.append(["add", *files])
    if remote:
        commands += [["remote", "add", "--default", REMOTE, remote], ["push"]]
    dvc_in_turn(*commands)
    if nested:
        shutil.rmtree(".git")
    else:
        call(["git", "add", "-A"])
        call(["git", *author(), *UNSIGNED, "commit", "-q", "--no-verify", "-m", message])


def repository_around(target: Path) -> Path | None:
    """The git repository that would track a new folder here, if one would.

    One that ignores the folder does not, and DVC works in no folder that git ignores.
    """
    above = target.resolve().parent
    above = next(folder for folder in (above, *above.parents) if folder.is_dir())
    top = asked_git(above, "rev-parse", "--show-toplevel")
    ignored = asked_git(above, "check-ignore", "-q", f"{target.resolve()}/")
    tracks = top.returncode == 0 and ignored.returncode != 0
    return Path(top.stdout.strip()) if tracks else None


def asked_git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True)


def call(command: Sequence[str]) -> None:
    environment = {**os.environ, "DVC_NO_ANALYTICS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines() or ["nothing was said"]
        raise IncumbentError(f"`{' '.join(command)}` failed, so nothing was made: {lines[-1]}")


# --- settings file --------------------------------------------------------------------------------

# The params.yaml and the README of a new project.

TEMPLATES = Path(__file__).parent / "templates"
POISONED = Path("datasets/safety/poisoned.jsonl")  # asked where prompts show passages


@dataclass(frozen=True)
class Chosen:
    """All that the settings of a new project say."""

    family: str
    base: BaseChoice
    sources: tuple[FileSource, ...]
    found: Findings
    shared: bool = False  # there is a remote, from which others get the rows


def family_of(target: Path) -> str:
    """A name for the adapters, out of the folder's."""
    name = re.sub(r"[^a-z0-9]+", "-", target.resolve().name.lower()).strip("-")
    return name[:63] or "default"


def write_settings(chosen: Chosen) -> None:
    """Write both into the current folder, the organisation's contacts beside the contract, and, for
    a base that is shown passages, the safety suite's questions with poisoned ones.

    Every section is read back, so that none is wrong.
    """
    files = [source.path.name for source in chosen.sources]
    for name in (PARAMS.name, "README.md"):
        text = render(name, files=", ".join(f"`{name}`" for name in files), **vars(chosen))
        write_bytes(Path(name), text.encode())
    if chosen.base.evidence_template:
        write_bytes(POISONED, (TEMPLATES / POISONED.name).read_bytes())
    add_contacts(chosen.found.ours.model_dump())
    for place in SECTIONS.values():
        module, _, model = place.partition(":")
        load(getattr(import_module(module), model))


def render(name: str, **values: Any) -> str:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined, keep_trailing_newline=True
    )
    environment.filters |= {"columns": as_yaml, "scalar": as_scalar, "inline": as_inline}
    return environment.get_template(name).render(**values)


def as_yaml(columns: Columns | ExportFields) -> str:
    """Only what differs from the defaults, a name alone where a list would hold just that."""
    fields = columns.model_dump(mode="json", exclude_defaults=True)
    short = {
        key: value[0] if isinstance(value, list) and len(value) == 1 else value
        for key, value in fields.items()
    }
    return yaml.safe_dump(short, allow_unicode=True, sort_keys=False, width=1000).rstrip()


def as_scalar(value: str | None) -> str:
    """The value on one line, in quotes where YAML needs them."""
    text = yaml.safe_dump(value, allow_unicode=True, width=float("inf"))
    return text.removesuffix("\n").removesuffix("...").rstrip()


def as_inline(value: object) -> str:
    """The value on one line, as YAML writes lists and mappings within a line."""
    text = yaml.safe_dump(
        value, allow_unicode=True, default_flow_style=True, width=float("inf"), sort_keys=False
    )
    return text.removesuffix("\n").removesuffix("...").rstrip()
