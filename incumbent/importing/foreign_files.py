"""Foreign files, each read by the format that it is in."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from curation.curation_settings import Columns
from curation.sources.columns.column_guess import guess
from curation.sources.columns.wanted import Guess
from curation.sources.exports.export_formats import EXPORTS
from curation.sources.exports.export_records import Fields, read_records
from curation.sources.exports.judgements.judgement import Judgement, reads
from curation.sources.format_guess import guess_format
from curation.sources.reading import Read
from curation.sources.source_file import read_source_file
from curation.sources.table_rows import rows_of_table
from curation.sources.tables.read_table import read_tables
from curation.sources.tables.table import Table
from incumbent.importing.asked_for import Asked
from project.errors import InputError
from project.progress import progress
from project.records.record import read_input, read_object

QUEUE_FIELDS = {"prompt", "response", "user", "drift"}  # of a task of the labelling queue


@dataclass(frozen=True)
class FileRead:
    """A file, and every record of it."""

    path: Path
    format: str
    reads: Sequence[Read]
    judgements: Sequence[Judgement] = ()  # of an export, what people said
    tables: Sequence[Table] = ()
    notes: Sequence[str] = ()  # on what its records do not tell

    @property
    def records(self) -> int:
        return len({(read.origin.file, read.origin.line) for read in self.reads})


def formats_of(paths: Sequence[Path], asked: Asked) -> dict[Path, str]:
    """Raises InputError for a file that cannot be read, or is named twice."""
    if twice := [path for path, count in Counter(paths).items() if count > 1]:
        raise InputError("is named twice", file=twice[0])
    return {path: format_of(path, asked) for path in paths}


def format_of(path: Path, asked: Asked) -> str:
    """As it was named, or guessed; what has named columns is a table, unless it is an export."""
    found = asked.format or guess_format(path, asked.encoding)
    is_named = asked.format is None and asked.wanted.columns
    return "table" if is_named and found in ("rows", "texts", "documents") else found


def read_files(formats: Mapping[Path, str], asked: Asked) -> tuple[list[FileRead], Guess | None]:
    """Every file as it is, and what the columns of the tables are."""
    tables = {path: tables_of(path, asked) for path, form in formats.items() if form == "table"}
    every = [table for some in tables.values() for table in some]
    columns = guess(every, asked.wanted) if every else None
    files = []
    with progress("reading", len(formats), "files", leave=False) as bar:
        for path, form in formats.items():
            if columns and path in tables:
                files.append(table_file(path, tables[path], columns.columns))
            else:
                files.append(other_file(path, form, asked))
            bar.advance()
    return files, columns


def tables_of(path: Path, asked: Asked) -> list[Table]:
    return read_tables(path, skip=asked.skip, encoding=asked.encoding)


def table_file(path: Path, tables: Sequence[Table], columns: Columns) -> FileRead:
    rows = [read for table in tables for read in rows_of_table(table, columns)]
    return FileRead(path, "table", rows, tables=tables)


def other_file(path: Path, form: str, asked: Asked) -> FileRead:
    file = asked.file(path, form)
    if form not in EXPORTS:
        return FileRead(path, form, list(read_source_file(file)))
    records = [one.fields for one in read_records(path, file.options) if one.fields]
    refuse_queue(records, path)
    judgements = list(EXPORTS[form].judge(path, file.options))
    notes = EXPORTS[form].notes(records)
    return FileRead(path, form, list(reads(judgements)), judgements, notes=notes)


def refuse_queue(records: Sequence[Fields], path: Path) -> None:
    """Raise InputError for labels of the queue: whoever accepts them is on record, with limits."""
    tasks = [record["data"] for record in records if isinstance(record.get("data"), dict)]
    if any(task.keys() >= QUEUE_FIELDS for task in tasks):
        problem = "is of the labelling queue, and holds what users wrote: accept it by"
        raise InputError(f"{problem} `incumbent data labels {path}`", file=path)


def holds_corrections(file: FileRead) -> bool:
    if file.format != "rows":
        return False
    lines = read_input(file.path).splitlines()
    first = next((line for line in lines if line.strip()), b"{}")
    about = read_object(first, file.path, 1).get("about")
    return isinstance(about, dict) and about.keys() >= {"why", "answer"}
