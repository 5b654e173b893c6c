"""Foreign files, each read by the format that it is in, as the options of an import say."""

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import get_args

from curation.curation_settings import Columns
from curation.sources.chat_shapes import with_roles
from curation.sources.columns.column_guess import guess
from curation.sources.columns.column_words import Guess
from curation.sources.documents.read_documents import documents_in
from curation.sources.exports.export_records import SourceFile, read_export
from curation.sources.exports.shown import TaskJudgement
from curation.sources.row_formats import Read
from curation.sources.source_file import (
    EXPORTS,
    TEXTS,
    guess_format,
    read_source_file,
    refuse_other_format,
)
from curation.sources.table_rows import rows_of_table
from curation.sources.tables.decoding import decode
from curation.sources.tables.read_table import read_tables
from curation.sources.tables.table import Table
from curation.sources.tables.unpacked_file import contents, data_in, files_in, files_of, is_seen
from curation.sources.transcripts import transcripts_in
from curation.sources.turns import Role
from incumbent.init.own_sources import HowRead
from project.errors import InputError
from project.progress import progress
from project.records.data import Document, Row
from project.records.record import read_input, read_object


def role_names(texts: Iterable[str]) -> dict[str, Role]:
    """The role of each name. Raises InputError for what is no NAME=ROLE."""
    roles: dict[str, Role] = {role: role for role in get_args(Role)}
    by_name: dict[str, Role] = {}
    for text in texts:
        name, word = pair(text, "--role", "NAME=ROLE, with system, user or assistant")
        if word.casefold() not in roles:
            raise InputError(f"{word!r} is none of {', '.join(roles)}", field="--role")
        by_name[name.strip().casefold()] = roles[word.casefold()]
    return by_name


def pair(text: str, option: str, form: str) -> tuple[str, str]:
    name, is_there, value = text.partition("=")
    if not (name and is_there and value):
        raise InputError(f"{text!r} is no {form}", field=option)
    return name, value


# --- foreign files --------------------------------------------------------------------------------

JSON = frozenset({".json", ".jsonl", ".ndjson"})
PLAIN = ".txt .text .md .markdown .vtt .srt .sbv .json .jsonl .csv .tsv"
PLAIN_TEXTS = frozenset(PLAIN.split())
QUEUE_FIELDS = {"prompt", "response", "user", "drift"}  # of a task of the labelling queue


@dataclass(frozen=True)
class FileRead:
    """A file, or a folder, and every record of it."""

    path: Path
    format: str
    reads: Sequence[Read]
    judgements: Sequence[TaskJudgement] = ()  # of an export, what people said
    tables: Sequence[Table] = ()
    # On how it was read, beside what its tables say, and on what its records do not tell.
    notes: Sequence[str] = ()
    unread: Mapping[Path, str] = field(default_factory=dict)  # files of a folder, and why

    @property
    def records(self) -> int:
        return len({(read.origin.file, read.origin.line) for read in self.reads})


def formats_of(paths: Sequence[Path], asked: HowRead) -> dict[Path, str]:
    """Raises InputError for a file that cannot be read, or is named twice."""
    if twice := [path for path, count in Counter(paths).items() if count > 1]:
        raise InputError("is named twice", file=twice[0])
    formats = {path: format_of(path, asked) for path in paths}
    for path in paths:
        if path.is_dir() and not asked.format:
            refuse_several_formats(path, asked)
    return formats


def refuse_several_formats(folder: Path, asked: HowRead) -> None:
    """Raise InputError for a folder in which exports lie beside files of other kinds."""
    by_format: dict[str, list[Path]] = {}
    for file in data_in(folder):
        form = format_of(file, asked) if file.suffix.casefold() in JSON else "table"
        by_format.setdefault(form, []).append(file)
    if len(by_format) > 1 and not by_format.keys().isdisjoint(EXPORTS):
        commands = [f"  {asked.command(files)}" for files in by_format.values()]
        kinds = " and ".join(by_format)
        problem = f"holds files of several kinds, {kinds}: import each by itself"
        raise InputError("\n".join([problem, *commands]), file=folder)


def format_of(path: Path, asked: HowRead) -> str:
    """As it was named, or guessed; what has named columns is a table, unless it is an export, and a
    text whose speakers are named is transcripts.
    """
    form = asked.format or guess_format(path, asked.encoding)
    if asked.format is None and asked.roles and path.suffix.casefold() in TEXTS:
        return "transcripts"
    is_named = asked.format is None and asked.columns
    return "table" if is_named and form in ("rows", "texts", "documents") else form


def read_files(formats: Mapping[Path, str], asked: HowRead) -> tuple[list[FileRead], Guess | None]:
    """Every file as it is, and what the columns of the tables are."""
    tables = {path: tables_of(path, asked) for path, form in formats.items() if form == "table"}
    every = [table for some in tables.values() for table in some]
    columns = guess(every, asked) if every else None
    known = [file for path in formats for file in files_in(path)]
    names = names_apart([*known, *(table.path for table in every)])  # those in archives too
    files = []
    with progress("reading", len(formats), "files", leave=False) as bar:
        for path, form in formats.items():
            if columns and path in tables:
                files.append(table_file(path, tables[path], columns.columns, names))
            else:
                files.append(other_file(path, form, asked, names))
            bar.advance()
    return files, columns


def tables_of(path: Path, asked: HowRead) -> list[Table]:
    tables = read_tables(path, skip=asked.skip, encoding=asked.encoding)
    return [with_plain_roles(table, asked) for table in tables] if asked.roles else tables


def with_plain_roles(table: Table, asked: HowRead) -> Table:
    rows = (replace(row, fields=with_roles(row.fields, asked.roles)) for row in table.rows)
    return replace(table, rows=tuple(rows))


def table_file(
    path: Path, tables: Sequence[Table], columns: Columns, names: Mapping[Path, str]
) -> FileRead:
    rows = [
        called(read, table.path, names)
        for table in tables
        for read in rows_of_table(table, columns)
    ]
    unread = files_unread(path, "table", {table.path for table in tables})
    return FileRead(path, "table", rows, tables=tables, unread=unread)


def other_file(path: Path, form: str, asked: HowRead, names: Mapping[Path, str]) -> FileRead:
    file = asked.file(path, form, names)
    if form not in EXPORTS:
        return plain_file(file)
    export = read_export(file)
    # Whoever accepts labels of the queue is on record, with limits.
    tasks = [record["data"] for record in export.readable if isinstance(record.get("data"), dict)]
    if any(task.keys() >= QUEUE_FIELDS for task in tasks):
        problem = "is of the labelling queue, and holds what users wrote: accept it by"
        raise InputError(f"{problem} `incumbent data labels {path}`", file=path)
    if asked.format:
        refuse_other_format(form, export)
    content = EXPORTS[form].judged(export, asked.export)
    unread = files_unread(path, form, {table.path for table in export.tables})
    return FileRead(
        path, form, list(content.reads), content.judgements, notes=content.notes, unread=unread
    )


# Which files of a folder a format reads.
MEMBERS: Mapping[str, Callable[[Path], list[Path]]] = {
    "rows": files_of,
    "texts": files_of,
    "documents": documents_in,
    "transcripts": transcripts_in,
}


def plain_file(file: SourceFile) -> FileRead:
    """Rows, texts, documents or transcripts, file by file where needed. Raises InputError."""
    files = MEMBERS[file.format](file.path)
    apart = file.format == "rows" or not file.names.keys().isdisjoint(files)
    if len(files) > 1 and apart:
        parts = [replace(file, path=part) for part in files]
        reads = [
            called(read, part.path, file.names) for part in parts for read in read_source_file(part)
        ]
    else:
        reads = [called(read, file.path, file.names) for read in read_source_file(file)]
    unread = files_unread(file.path, file.format, set(files))
    return FileRead(file.path, file.format, reads, notes=decoding_notes(files, file), unread=unread)


def decoding_notes(files: Iterable[Path], file: SourceFile) -> list[str]:
    """The encoding in which texts were read, where that was no matter of course."""
    plain = [path for path in files if path.suffix.casefold() in PLAIN_TEXTS]
    decoded = [(path, decode(contents(path), path, file.encoding)) for path in plain]
    return [f"{path}: {note}" for path, source in decoded for note in source.notes]


def holds_corrections(file: FileRead) -> bool:
    return file.format == "rows" and are_corrections(file.path)


def are_corrections(path: Path) -> bool:
    """Whether JSON Lines are bad dev answers, corrected, as `incumbent data export` wrote them."""
    lines = read_input(path).splitlines()
    first = next((line for line in lines if line.strip()), b"{}")
    about = read_object(first, path, 1).get("about")
    return isinstance(about, dict) and about.keys() >= {"why", "answer"}


# --- file names -----------------------------------------------------------------------------------

# What the files of an import are called in what is made of them, and which were not read.

NOUNS = {"documents": "document", "transcripts": "transcript"}


def names_apart(files: Iterable[Path]) -> dict[Path, str]:
    """Files by their names, with as many of their folders as tell equal names apart."""
    alike: dict[str, dict[Path, tuple[str, ...]]] = {}
    for file in files:
        alike.setdefault(file.name, {})[file] = (*file.parent.resolve().parts, file.name)
    names: dict[Path, str] = {}
    for same in alike.values():
        every = set(same.values())  # once each: a folder may be named beside a file in it
        deep = next(n for n in count(1) if len({parts[-n:] for parts in every}) == len(every))
        names |= {file: "/".join(parts[-deep:]) for file, parts in same.items() if deep > 1}
    return names


def called(read: Read, file: Path, names: Mapping[Path, str]) -> Read:
    """A record with the name that tells its file apart, where another file is called alike."""
    if file not in names:
        return read
    bare, name = read.origin.file, names[file]
    origin = read.origin.model_copy(update={"file": name})
    made = read.made
    if isinstance(made, Document) and made.source == bare:
        made = Document.of(made.text, source=name)
    elif isinstance(made, Row):
        source = name if made.source == bare else made.source
        group = re.sub(rf"^{re.escape(bare)}(?=:\d+$)", lambda _: name, made.group)
        made = made.model_copy(update={"source": source, "group": group})
    if made is not None:
        origin = origin.model_copy(update={"row": made.id})
    return Read(origin, made)


def files_unread(path: Path, form: str, read: Collection[Path]) -> dict[Path, str]:
    """The files of a folder of which nothing was read, and why. Whole hidden folders are one."""
    if not path.is_dir():
        return {}
    opened = {*read, *(folder for file in read for folder in file.parents)}  # archives too
    noun = NOUNS.get(form, "data")
    beside = set(data_in(path)) if noun == "data" else set()  # such as rasa's answers
    unread: dict[Path, str] = {}
    for file in sorted(path.rglob("*")):
        inside = file.relative_to(path)
        hidden = next((n for n, part in enumerate(inside.parts) if not is_seen(Path(part))), None)
        if hidden is not None:
            unread[path.joinpath(*inside.parts[: hidden + 1])] = "hidden"
        elif file.is_file() and file not in opened:
            unread[file] = "no record of its own" if file in beside else f"no {noun} by its name"
    return unread
