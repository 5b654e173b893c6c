"""Files of anybody's as tables: what a file is, its bytes say, and not its name."""

from pathlib import Path

from curation.sources.tables.csv_table import read_csv
from curation.sources.tables.encodings.decoding import decode
from curation.sources.tables.file_bytes import PARQUET, read_bytes, readable
from curation.sources.tables.json_table import is_json, read_json
from curation.sources.tables.parquet_table import read_parquet
from curation.sources.tables.table import Table
from curation.sources.tables.text_file import TextFile
from project.errors import InputError

# How texts begin that are no tables, and what they are.
PAGES = {
    "<!doctype html": "a web page, perhaps an error or a login instead of the file",
    "<html": "a web page, perhaps an error or a login instead of the file",
    "<?xml": "XML",
}
NO_DATA = (".dvc",)  # how files end in a folder that say something of the data


def read_tables(path: Path, *, skip: bool = False, encoding: str | None = None) -> list[Table]:
    """A file as a table, or all files in a folder and its folders, in the order of their names.

    Hidden files, read-me files and those of DVC are left aside. Raises InputError as read_table
    does, and for a folder without files.
    """
    return [read_table(file, skip=skip, encoding=encoding) for file in files_of(path)]


def files_of(path: Path) -> list[Path]:
    """Raises InputError for a folder without files."""
    with readable(path):
        if not path.is_dir():
            return [path]
        files = sorted(file for file in path.rglob("*") if is_data(file, path))
    if not files:
        raise InputError("is a folder without files", file=path)
    return files


def is_data(file: Path, folder: Path) -> bool:
    hidden = any(part.startswith(".") for part in file.relative_to(folder).parts)
    about = file.name.casefold().startswith("readme") or file.suffix in NO_DATA
    return file.is_file() and not hidden and not about


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
    read = read_json if is_json(source.text) else read_csv
    return read(source, skip=skip)


def refuse_pages(source: TextFile) -> None:
    """Raise InputError for a text that is no table at sight."""
    start = source.text[:1000].lstrip().casefold()
    if not source.text.strip():
        source.refuse("is empty")
    for beginning, what in PAGES.items():
        if start.startswith(beginning):
            source.refuse(f"is {what}: a table is CSV, JSON, JSON Lines or Parquet")
