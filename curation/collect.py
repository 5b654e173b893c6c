"""Stage `collect`: every source's rows, in one canonical file."""

from collections.abc import Iterator

from curation.curation_settings import CollectParams, FileSource, Source
from curation.sources.python_api import read_package
from curation.sources.row_formats import read_rows
from project.errors import InputError
from project.paths import RAW
from project.records.data import Row
from project.records.record import write_records
from project.settings import load


def main() -> None:
    params = load(CollectParams)
    rows: dict[str, Row] = {}
    for source in params.sources:
        for row in read_source(source):
            if rows.setdefault(row.id, row) != row:
                raise InputError(f"{row} has the id of another row: {rows[row.id]}", field="id")
    if not rows:
        raise InputError("the sources hold no rows", file="params.yaml", field="curation.collect")
    write_records(RAW, rows.values())
    print(f"collected {len(rows)} rows into {RAW}")


def read_source(source: Source) -> Iterator[Row]:
    if isinstance(source, FileSource):
        yield from read_rows(source.path)
    else:
        for package in source.packages:
            yield from read_package(package)
