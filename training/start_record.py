"""What training starts from and who teaches, as stage `start` writes it and the steps read it."""

from collections.abc import Iterable

from project.canonical import digest_json
from project.paths import START
from project.records.adapters import Contestant
from project.records.data import Row
from project.records.record import Digest, Record

START_FILE = START / "start.json"
START_ADAPTER = START / "adapter"  # there where training starts from an adapter

RowDigest = str  # the first 16 hex digits of the digest of what a row says


class LearntRows(Record):
    """The rows that an adapter has learnt, itself or the adapters that it went on from.

    The registry keeps it with a version: it tells new rows from old ones, and holds no text.
    """

    learnt: tuple[RowDigest, ...]  # sorted

    @classmethod
    def of(cls, rows: Iterable[Row], before: Iterable[RowDigest] = ()) -> "LearntRows":
        return cls(learnt=tuple(sorted({*before, *map(row_digest, rows)})))


class TrainingStart(Record):
    """The champion's adapter, or that of an earlier version; without one it is the bare base."""

    adapter: Digest | None = None  # of the folder beside this
    version: int | None = None
    known: tuple[RowDigest, ...] = ()  # that the adapter has learnt; empty where nobody recorded it

    @property
    def label(self) -> str:
        return f"version {self.version}" if self.adapter else "the base"


class Teacher(Record):
    """Whom step `distill` learns from, as stage `start` found it; without a contestant nobody."""

    contestant: Contestant | None = None
    version: int | None = None


def row_digest(row: Row) -> RowDigest:
    """A digest of prompt, answer, passages and tools: with a better answer, or on other passages,
    it is a new row, whatever its id.
    """
    shown = filter(None, [row.evidence_digest, row.tools_digest])
    return digest_json([*row.texts, *shown])[:16]
