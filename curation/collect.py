"""Stage `collect`: every source's rows, in one canonical file, and where each came from."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from curation.curation_settings import CollectParams, FileSource, Source
from curation.sources.python_api import read_package
from curation.sources.reading import Read
from curation.sources.row_formats import numbered_rows
from curation.sources.table_rows import read_file
from project.errors import InputError
from project.files import staged_folder
from project.paths import ORIGINS, RAW
from project.records.data import Origin, Row
from project.records.record import write_records
from project.settings import load


@dataclass
class Collected:
    """Each row once, by its id, and the origin of every record, in the order of the sources."""

    rows: dict[str, Row] = field(default_factory=dict)
    origins: list[Origin] = field(default_factory=list)


def main() -> None:
    collected = collect(load(CollectParams).sources)
    with staged_folder(RAW.parent) as draft:
        write_records(draft / RAW.name, collected.rows.values())
        write_records(draft / ORIGINS.name, collected.origins)
    print(said_of(collected))


def collect(sources: Iterable[Source]) -> Collected:
    """Read every source. Raises InputError for two rows of one id that do not say the same."""
    found, origins = Collected(), dict[str, Origin]()
    for source in sources:
        for origin, row in read_source(source):
            found.origins.append(origin)
            if not isinstance(row, Row):
                continue
            first = found.rows.setdefault(row.id, row)
            where = origins.setdefault(row.id, origin)
            if (first.prompt, first.completion) != (row.prompt, row.completion):
                raise InputError(
                    f"{row.id!r} is the id of another row, at {where.file}:{where.line}",
                    file=origin.file,
                    line=origin.line,
                    field="id",
                )
    if not found.rows:
        raise InputError("the sources hold no rows", file="params.yaml", field="curation.collect")
    return found


def read_source(source: Source) -> Iterator[Read]:
    if not isinstance(source, FileSource):
        for package in source.packages:
            for number, row in enumerate(read_package(package), start=1):
                yield Read(Origin(file=package, line=number, row=row.id), row)
    elif source.columns:
        yield from read_file(source, source.columns)
    else:
        for number, row in numbered_rows(source.path):
            yield Read(Origin(file=source.path.name, line=number, row=row.id), row)


def said_of(collected: Collected) -> str:
    """In one line: how many rows, and why some records gave none."""
    records = len({(origin.file, origin.line) for origin in collected.origins})
    lost = Counter(origin.why for origin in collected.origins if origin.why)
    whys = "".join(f", {count} {why}" for why, count in lost.most_common())
    return f"{len(collected.rows):,} rows of {records:,} records{whys}"
