"""Stage `collect`: what every source holds, in canonical files, and where each record came from."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from curation.curation_settings import CollectParams, FileSource, Source
from curation.data_sources import refuse_unlicensed
from curation.sources.exports.export_records import SourceFile
from curation.sources.python_api import read_package
from curation.sources.row_formats import Made, Read
from curation.sources.source_file import read_source_file
from project.erasures import WHY, Erased
from project.errors import InputError
from project.files import staged_folder
from project.paths import ORIGINS, RAW, RAW_DOCUMENTS, RAW_PREFERENCES
from project.records.data import Document, Origin, Row, counted
from project.records.preferences import Preference, RatedAnswer
from project.records.record import Record, read_input, write_records
from project.records.tool_calls import sound_tools, tools_in
from project.settings import load
from project.untrusted_input import strict_json
from project.written_calls import asks_back

TOOLS_FIELD = "curation.collect.tools"


@dataclass
class Collected:
    """Each thing once, by its id, and the origin of every record, in the order of the sources."""

    rows: dict[str, Row] = field(default_factory=dict)
    preferences: dict[str, Preference] = field(default_factory=dict)
    documents: dict[str, Document] = field(default_factory=dict)
    origins: list[Origin] = field(default_factory=list)

    def add(self, made: Made) -> None:
        """Keep what has a new id."""
        if isinstance(made, Row):
            self.rows.setdefault(made.id, made)
        elif isinstance(made, Document):
            self.documents.setdefault(made.id, made)
        else:
            self.preferences.setdefault(made.id, made)

    @property
    def files(self) -> dict[Path, Iterable[Record]]:
        """What stage `collect` writes; where there are no preferences or documents, no file."""
        files: dict[Path, Iterable[Record]] = {RAW: self.rows.values(), ORIGINS: self.origins}
        if self.preferences:
            files[RAW_PREFERENCES] = self.preferences.values()
        if self.documents:
            files[RAW_DOCUMENTS] = self.documents.values()
        return files

    def with_tools(self, tools: tuple[dict[str, Any], ...]) -> Self:
        """Rows and preferences, those without tools of their own with these."""
        told = {"tools": tools}
        rows = {
            name: row if row.tools else with_turn(row.model_copy(update=told))
            for name, row in self.rows.items()
        }
        new = {
            name: preference if preference.tools else preference.model_copy(update=told)
            for name, preference in self.preferences.items()
        }
        origins = [
            origin.model_copy(update={"row": new[origin.row].id}) if origin.row in new else origin
            for origin in self.origins
        ]
        preferences = {preference.id: preference for preference in new.values()}
        return replace(self, rows=rows, preferences=preferences, origins=origins)


def main() -> None:
    params = load(CollectParams)
    refuse_unlicensed(params)
    collected = collect(params.sources)
    if params.tools:
        collected = collected.with_tools(read_tools(params.tools))
    refuse_unknown_tools(collected)
    with staged_folder(RAW.parent) as draft:
        for path, records in collected.files.items():
            write_records(draft / path.name, records)
    print(collected_line(collected))


def collect(sources: Iterable[Source]) -> Collected:
    """Read every source. Raises InputError for two records of one id that do not say the same, and
    where there are no rows.
    """
    collected = gathered(reads_of(sources))
    if not collected.rows:
        raise InputError("the sources hold no rows", file="params.yaml", field="curation.collect")
    collected.rows = {name: with_turn(row) for name, row in collected.rows.items()}
    return collected


def read_tools(file: Path) -> tuple[dict[str, Any], ...]:
    """Raises InputError where a file holds no tools."""
    value = strict_json(read_input(file), file, TOOLS_FIELD)
    try:
        tools = sound_tools(tuple(tools_in(value)))
    except (ValueError, RecursionError) as error:
        raise InputError(str(error), file=file, field=TOOLS_FIELD) from None
    if not tools:
        raise InputError("holds no tools", file=file, field=TOOLS_FIELD)
    return tools


def refuse_unknown_tools(collected: Collected) -> None:
    """Raise InputError for a scenario that names a tool which its row lacks, the project's tools
    among them.
    """
    for origin in collected.origins:
        row = collected.rows.get(origin.row or "")
        problem = row.scenario.unknown_tool(row.tools or ()) if row and row.scenario else None
        if problem:
            raise InputError(problem, file=origin.file, line=origin.line, field="scenario")


def with_turn(row: Row) -> Row:
    """A row with tools with slices that say what its turn is, beside its own."""
    turn = 1 + sum(message.role == "assistant" for message in row.prompt)
    after = "tool" if row.prompt[-1].role == "tool" else "user"
    slices = {"turn": str(turn), "after": after, "calls": "yes" if row.calls else "no"}
    slices["asks_back"] = "yes" if not row.calls and asks_back(row.completion_text) else "no"
    whole = row.scenario or not row.tools
    return row if whole else row.model_copy(update={"slices": slices | row.slices})


def reads_of(sources: Iterable[Source]) -> Iterator[Read]:
    for source in sources:
        yield from read_source(source)


def gathered(reads: Iterable[Read], erased: Erased | None = None) -> Collected:
    """What was read, each once, but for what was erased: by the project's list, if no other one is
    given. Raises InputError for two records of one id that do not say the same.
    """
    collected, first = Collected(), dict[str, tuple[Origin, object]]()
    erased = Erased.here() if erased is None else erased
    for origin, made in reads:
        if made is not None and erased.holds(made):
            collected.origins.append(origin.model_copy(update={"row": None, "why": WHY}))
            continue
        collected.origins.append(origin)
        if made is None:
            continue
        collected.add(made)
        where, earlier = first.setdefault(made.id, (origin, content_of(made)))
        if earlier != content_of(made):
            raise InputError(
                f"{made.id!r} is the id of another record, at {where.file}:{where.line}",
                file=origin.file,
                line=origin.line,
                field="id",
            )
    return collected


def content_of(made: Made) -> object:
    """What two records of one id must agree on: all but where they are from and what is known of
    them.
    """
    if isinstance(made, Row):
        return made.prompt, made.completion, made.tools, made.scenario
    if isinstance(made, Document):
        return made.text
    return made.id  # the digest of its texts


def read_source(source: Source) -> Iterator[Read]:
    if isinstance(source, FileSource):
        file = SourceFile(
            path=source.path,
            format=source.read_as,
            columns=source.columns,
            export=source.export,
            skip=source.unreadable == "skip",
            encoding=source.encoding,
            answers_as_rows=source.answers_as_rows,
        )
        yield from read_source_file(file)
        return
    for package in source.packages:
        for number, row in enumerate(read_package(package), start=1):
            yield Read(Origin(file=package, line=number, row=row.id), row)


def collected_line(collected: Collected) -> str:
    """One line: how many there are of each, and why some records gave none."""
    records = len({(origin.file, origin.line) for origin in collected.origins})
    lost = Counter(origin.why for origin in collected.origins if origin.why)
    made = [origin.row for origin in collected.origins if origin.row]
    lost["repeats"] += len(made) - len(set(made))
    whys = "".join(f", {count:,} {why}" for why, count in lost.most_common() if count)
    counts = [f"{len(collected.rows):,} rows", *other_counts(collected)]
    return f"{', '.join(counts)} of {records:,} records{whys}"


def other_counts(collected: Collected) -> Iterator[str]:
    """How many of each that is there and is no row."""
    rated = sum(isinstance(record, RatedAnswer) for record in collected.preferences.values())
    counts = {
        "preference pair": len(collected.preferences) - rated,
        "rated answer": rated,
        "document": len(collected.documents),
    }
    yield from (counted(count, noun) for noun, count in counts.items() if count)
