"""What a dossier is made of: parts with headings, and under each what the records say of it."""

from enum import StrEnum

from pydantic import Field

from project.records.evidence import MetricEvidence
from project.records.record import Digest, Record


class ScoreInterval(Record):
    """A measured difference on an axis: more than zero is better for this version."""

    label: str
    lower: float
    diff: float
    upper: float

    @classmethod
    def of(cls, label: str, found: MetricEvidence) -> "ScoreInterval":
        """A difference with the central 90 % interval of the cluster bootstrap."""
        lower, upper = found.bootstrap
        return cls(label=label, lower=lower, diff=found.diff, upper=upper)


class DossierBlock(Record):
    """What one record, or a few of a kind, say: sentences, facts, a table, and intervals."""

    title: str = ""
    text: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    columns: tuple[str, ...] = ()  # one that holds numbers is named with a leading ">"
    rows: tuple[tuple[str, ...], ...] = ()
    intervals: tuple[ScoreInterval, ...] = ()

    @property
    def end(self) -> float:
        """Where the axis of the intervals ends, on both sides of zero."""
        ends = [abs(value) for one in self.intervals for value in (one.lower, one.upper)]
        return max(ends, default=0.0) or 1.0


class Filled(StrEnum):
    """Who has said what a heading asks for."""

    RECORDS = "from records"
    PARTLY = "partly from records"
    WRITTEN = "written by the provider"
    MISSING = "to be written"


class Section(Record):
    """A heading: what the records say of it, and what a person must write."""

    number: str
    title: str
    blocks: tuple[DossierBlock, ...] = ()
    see: tuple[str, ...] = ()  # numbers of sections that answer it too
    to_write: tuple[str, ...] = ()  # what no record can say
    written: str | None = None  # what a person wrote about it, in the project's notes

    @property
    def anchor(self) -> str:
        """The name by which a link finds it."""
        return "section-" + "".join(c if c.isalnum() else "-" for c in self.number).strip("-")

    @property
    def filled(self) -> Filled:
        if not self.to_write:
            return Filled.RECORDS
        if self.written:
            return Filled.WRITTEN
        return Filled.PARTLY if self.blocks or self.see else Filled.MISSING


class DossierPart(Record):
    """All headings that one rule book asks for."""

    title: str
    about: str
    sections: tuple[Section, ...]


class Dossier(Record):
    """One version's dossier, at one moment."""

    family: str
    number: int
    version: Digest  # of the version's record, as it was stored
    made: str  # when, RFC 3339, UTC
    by: str
    summary: DossierBlock
    parts: tuple[DossierPart, ...] = Field(min_length=1)

    @property
    def label(self) -> str:
        return f"{self.family} v{self.number}"

    @property
    def sections(self) -> tuple[Section, ...]:
        return tuple(section for part in self.parts for section in part.sections)

    def count(self, filled: Filled) -> int:
        return sum(section.filled is filled for section in self.sections)

    def titled(self, number: str) -> Section:
        """The section of a number that another one refers to."""
        return next(section for section in self.sections if section.number == number)
