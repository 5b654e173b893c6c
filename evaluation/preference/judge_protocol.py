"""A comparison of two answers and what a judge says of it: one interface, whoever judges."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from pydantic import Field

from project.records.preferences import Calibration
from project.records.record import Record


class AnswerPair(Record):
    """Two answers to one prompt, by whose they are."""

    item: str
    prompt: str
    champion: str
    challenger: str


class Judgement(Record):
    # The challenger's win probability; 0.5 a tie, None unjudged.
    win_probability: float | None = Field(default=None, ge=0, le=1)
    # The share of the orders shown in which the answer shown first was preferred, a tie counting
    # half: 0.5 for a judge that favours neither place. None where no order was seen.
    first: float | None = Field(default=None, ge=0, le=1)


class Judge(Protocol):
    source: str  # as people read it

    def prefer(self, comparisons: Sequence[AnswerPair]) -> list[Judgement]:
        """One judgement for each comparison, in their order."""
        ...


@runtime_checkable
class PinnedJudge(Protocol):
    """A judge that may be another one tomorrow, and may change its word."""

    def accounted(self, calibration: Calibration, comparisons: Sequence[AnswerPair]) -> Calibration:
        """The calibration on these comparisons, with who judged, and how steadily."""
        ...
