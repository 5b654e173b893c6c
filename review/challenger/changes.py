"""What is other in a version than in the one that it was compared with."""

from collections.abc import Iterator, Sequence, Set
from functools import lru_cache
from pathlib import Path
from typing import Literal

from curation.gate import cached_training_rows
from project.errors import IncumbentError
from project.files import FileState, state_of
from project.paths import CURATED, rows_of
from project.records.adapters import AdapterVersion
from project.records.data import DatasetVersion, Row, Split
from project.records.events import Submission
from project.records.field_change import adapter_facts, differing
from project.records.record import Record
from registry.lineage import Lineage, dataset_of, settings
from registry.reader import RegistryReader
from review.challenger.review_record import Changes
from review.data_pages.gate_view import excerpt, gate_report, private_rows
from review.frame.form_fields import NumberedPage, nth_page, page_numbers
from training.recipe import LearntRows, RowDigest, row_digest

# What stands below a version: the base model, and what stands in front of every prompt.
BASE = ("base", "base's configuration and tokenizer", "chat template", "system prompt")


def changes(reader: RegistryReader, lineage: Lineage, other: AdapterVersion | None) -> Changes:
    """Rows, recipe and base of a version, against those of another; None: the bare base."""
    adapter = lineage.version.adapter
    before = dataset_of(reader, other.adapter.dataset) if other else None
    learnt, known = learnt_by(reader, lineage.version), learnt_by(reader, other) if other else None
    counted = learnt is not None and known is not None
    sources = sources_of(lineage.dataset), sources_of(before)
    return Changes(
        against=other.label if other else "the bare base model",
        number=other.number if other else None,
        known=other is not None and before is not None,
        base=differing(adapter_facts(other.adapter), adapter_facts(adapter), BASE) if other else (),
        splits=differing(sizes(before), sizes(lineage.dataset)),
        rows_added=len((learnt or set()) - (known or set())) if counted else None,
        rows_removed=len((known or set()) - (learnt or set())) if counted else None,
        sources_added=tuple(sorted(sources[0] - sources[1])),
        sources_removed=tuple(sorted(sources[1] - sources[0])),
        recipe=differing(settings_of(reader, other) if other else {}, lineage.recipe),
        trained_from=lineage.parent,
    )


def sizes(dataset: DatasetVersion | None) -> dict[str, str]:
    return {str(split): f"{n:,}" for split, n in dataset.splits.items()} if dataset else {}


def sources_of(dataset: DatasetVersion | None) -> frozenset[str]:
    return frozenset(dataset.sources) if dataset else frozenset()


def settings_of(reader: RegistryReader, version: AdapterVersion) -> dict[str, str]:
    return {} if reader.deleted(version.number) else settings(reader, version)


def learnt_by(reader: RegistryReader, version: AdapterVersion) -> set[str] | None:
    """The digests of all rows that a version has learnt; None where that was not recorded."""
    submitted = reader.newest_event(version.number, "submit")
    for digest in submitted.told(Submission).records if submitted else ():
        try:
            data = reader.artifacts.get(digest)
        except IncumbentError:
            continue
        if data.startswith(b'{"learnt":'):
            return set(LearntRows.model_validate_json(data).learnt)
    return None


# --- changed rows ---------------------------------------------------------------------------------

# The training rows that one version has learnt and another has not, as far as they are here.

SHOWN = 50  # rows of a page
FETCH = f"dvc fetch --all-commits {CURATED}"
HIDDEN = "not shown: it seems to hold what must not get out"

Which = Literal["added", "removed"]
Place = tuple[Path, int]  # a file, and where in it a row's line begins


class ChangedRow(Record):
    """A training row; its prompt is shortened, with labels in place of personal data."""

    id: str
    source: str
    prompt: str


class ChangedRows(NumberedPage):
    """One page of the rows that only one of two versions has learnt."""

    which: Which
    version: int
    against: int | None  # None: the bare base
    elsewhere: int  # rows whose dataset is not on this machine
    rows: tuple[ChangedRow, ...]


def changed_rows(
    reader: RegistryReader,
    version: AdapterVersion,
    other: AdapterVersion | None,
    which: Which,
    page: int,
) -> ChangedRows:
    """Raises IncumbentError where it was not recorded which rows one of the two has learnt."""
    digests = only_in(reader, version, other, which)
    row_places = places(reader, version if which == "added" else other, digests)
    return ChangedRows(
        which=which,
        version=version.number,
        against=other.number if other else None,
        **page_numbers(len(row_places), page, SHOWN),
        elsewhere=len(digests) - len(row_places),
        rows=tuple(shown_rows(nth_page(row_places, page, SHOWN))),
    )


def only_in(
    reader: RegistryReader, version: AdapterVersion, other: AdapterVersion | None, which: Which
) -> set[RowDigest]:
    learnt, others = learnt_by(reader, version), learnt_by(reader, other) if other else set()
    if learnt is None or others is None:
        unknown = version if learnt is None or other is None else other
        raise IncumbentError(f"it was not recorded which rows {unknown.label} has learnt")
    return learnt - others if which == "added" else others - learnt


# --- the rows, in DVC's cache --------------------------------------------------------------------


def places(
    reader: RegistryReader, version: AdapterVersion | None, digests: Set[RowDigest]
) -> list[Place]:
    """Where these rows stand: among today's rows, or in those that the version was trained on."""
    by_digest: dict[RowDigest, Place] = {}
    for path in train_files(reader, version):
        for digest, start in row_starts(path, state_of(path)).items():
            if digest in digests:
                by_digest.setdefault(digest, (path, start))
    return list(by_digest.values())


def train_files(reader: RegistryReader, version: AdapterVersion | None) -> Iterator[Path]:
    """The files of training rows that are on this machine, the newest first."""
    dataset = dataset_of(reader, version.adapter.dataset) if version else None
    kept = cached_training_rows(dataset.dvc_revision) if dataset and dataset.dvc_revision else None
    yield from (path for path in (rows_of(Split.TRAIN), kept) if path and path.exists())


@lru_cache(4)
def row_starts(path: Path, state: FileState) -> dict[RowDigest, int]:
    """Where each row's line begins, by what the row says. Read once while the file stays."""
    starts, start = {}, 0
    with path.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            if line.strip():
                starts[row_digest(Row.parse(line, path, number))] = start
            start += len(line)
    return starts


def shown_rows(places: Sequence[Place]) -> Iterator[ChangedRow]:
    report = gate_report()
    private = private_rows(report.checks) if report else frozenset()
    for path, start in places:
        row = row_at(path, start)
        prompt = HIDDEN if row.id in private else excerpt(row.prompt_text)
        yield ChangedRow(id=row.id, source=row.source, prompt=prompt)


def row_at(path: Path, start: int) -> Row:
    with path.open("rb") as stream:
        stream.seek(start)
        return Row.parse(stream.readline(), path)
