"""Files of anybody's as tables: what a file is, its bytes say, and not its name."""

import re
from pathlib import Path

from curation.sources.tables.csv_table import read_csv
from curation.sources.tables.encodings.decoding import decode
from curation.sources.tables.file_bytes import AGAIN, PARQUET, read_bytes
from curation.sources.tables.folder_files import files_of
from curation.sources.tables.json_table import is_json, read_json
from curation.sources.tables.parquet_table import read_parquet
from curation.sources.tables.table import Table
from curation.sources.tables.text_file import TextFile

TABLES = "a table is CSV, JSON, JSON Lines or Parquet"
MARKUP = re.compile(r"\s*<[A-Za-z][^<>]*>\s*<")  # where CSV has the names of columns
# How texts begin that are no tables, and what they are.
PAGES = {
    "<!doctype html": "a web page, perhaps an error or a login instead of the file",
    "<html": "a web page, perhaps an error or a login instead of the file",
    "<?xml": "XML",
}


def read_tables(path: Path, *, skip: bool = False, encoding: str | None = None) -> list[Table]:
    """A file as a table, or all files of data in a folder and its folders, in the order of their
    names. Raises InputError as read_table does, and for a folder without such files.
    """
    return [read_table(file, skip=skip, encoding=encoding) for file in files_of(path)]


def read_table(path: Path, *, skip: bool = False, encoding: str | None = None) -> Table:
    """A CSV, TSV, JSON, JSON Lines or Parquet file as a table; gzip is unpacked.

    `skip` leaves out what is no record, and lists it in the table. `encoding` is that of a text
    whose bytes do not tell it. Raises InputError, with the line, for what cannot be read for sure.
    """
    data = read_bytes(path)
    if data.startswith(PARQUET):
        return read_parquet(data, path)
    source = decode(data, path, encoding)
    refuse_pages(source)
    if is_json(source.text):
        return read_json(source, skip=skip)
    refuse_markup(source)
    return read_csv(source, skip=skip)


def refuse_pages(source: TextFile) -> None:
    """Raise InputError for a text that is no table at sight."""
    start = source.text[:1000].lstrip().casefold()
    if not source.text.strip():
        source.refuse(f"is empty: {AGAIN}")
    for beginning, what in PAGES.items():
        if start.startswith(beginning):
            source.refuse(f"is {what}: {TABLES}")


def refuse_markup(source: TextFile) -> None:
    """Raise InputError for what would pass for a CSV file of one column."""
    if source.path.suffix.casefold() in (".yml", ".yaml"):
        source.refuse(f"is YAML: {TABLES}")
    if MARKUP.match(source.text[:1000]):
        source.refuse(f"is XML or HTML: {TABLES}")
