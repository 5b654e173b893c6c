"""Files of anybody's as tables: what a file is, its bytes say, and not its name."""

import re
from pathlib import Path

from curation.sources.tables.binary_tables import read_parquet, read_workbook
from curation.sources.tables.csv_table import read_csv
from curation.sources.tables.decoding import decode
from curation.sources.tables.json_table import is_json, read_json
from curation.sources.tables.table import Table, TextFile
from curation.sources.tables.unpacked_file import (
    AGAIN,
    PARQUET,
    YAML,
    ZIP,
    FileBytes,
    files_of,
    files_read,
)
from curation.sources.tables.yaml_table import read_yaml
from project.errors import InputError

TABLES = "a table is CSV, JSON, JSON Lines, YAML, XLSX or Parquet"
MARKUP = re.compile(r"\s*<[A-Za-z][^<>]*>\s*<")  # where CSV has the names of columns
# How texts begin that are no tables, and what they are.
PAGES = {
    "<!doctype html": "a web page, perhaps an error or a login instead of the file",
    "<html": "a web page, perhaps an error or a login instead of the file",
    "<?xml": "XML",
}


def read_tables(path: Path, *, skip: bool = False, encoding: str | None = None) -> list[Table]:
    """A file as tables, or all files of data in a folder and its folders, in the order of their
    names; of archives the files in them, of a workbook its sheets, and the YAML of rasa as one.

    `skip` leaves out what is no record, and lists it in the table. `encoding` is that of a text
    whose bytes do not tell it. Raises InputError, with the line, for what cannot be read for sure,
    and for a folder without such files.
    """
    every = [held for file in files_of(path) for held in files_read(file)]
    if all(map(is_yaml, every)):
        return read_yaml([decode(held.data, held.path, encoding) for held in every])
    return [table for held in every for table in tables_in(held, skip=skip, encoding=encoding)]


def is_yaml(held: FileBytes) -> bool:
    """Whether the file's name is one of YAML, for nearly any text could be YAML."""
    return held.path.suffix.casefold() in YAML and not held.data.startswith((PARQUET, *ZIP))


def read_table(path: Path, *, skip: bool = False, encoding: str | None = None) -> Table:
    """The one table of a file. Raises InputError as read_tables does, and for several."""
    first, *others = read_tables(path, skip=skip, encoding=encoding)
    if others:
        problem = f"holds {len(others) + 1} tables, such as {others[0].path.name!r}: name one file"
        raise InputError(problem, file=path)
    return first


def tables_in(held: FileBytes, *, skip: bool, encoding: str | None) -> list[Table]:
    """What a file holds, whatever its name ends in. Raises InputError."""
    if held.data.startswith(ZIP):
        return read_workbook(held.data, held.path, skip=skip)
    if held.data.startswith(PARQUET):
        return [read_parquet(held.data, held.path)]
    source = decode(held.data, held.path, encoding)
    return read_yaml([source]) if is_yaml(held) else [table_of_text(source, skip=skip)]


def table_of_text(source: TextFile, *, skip: bool) -> Table:
    """Raises InputError."""
    start = source.text[:1000].lstrip().casefold()
    if not source.text.strip():
        source.refuse(f"is empty: {AGAIN}")
    for beginning, what in PAGES.items():
        if start.startswith(beginning):
            source.refuse(f"is {what}: {TABLES}")
    if is_json(source.text):
        return read_json(source, skip=skip)
    # Markup would pass for a CSV file of one column.
    if MARKUP.match(source.text[:1000]):
        source.refuse(f"is XML or HTML: {TABLES}")
    return read_csv(source, skip=skip)
