"""A contest of two answers and what a judge says of it: one interface, whoever judges."""

from collections.abc import Sequence
from typing import Protocol

from pydantic import Field

from project.records.record import Record


class Comparison(Record):
    """Two answers to one prompt, by whose they are."""

    item: str
    prompt: str
    champion: str
    challenger: str


class Judgement(Record):
    # That the challenger's answer is preferred; 0.5 a tie, None unjudged.
    chance: float | None = Field(default=None, ge=0, le=1)
    # The share of the orders shown in which the answer shown first was preferred, a tie counting
    # half: 0.5 for a judge without a liking for a place. None where no order was seen.
    first: float | None = Field(default=None, ge=0, le=1)


class Judge(Protocol):
    source: str  # as people read it

    def prefer(self, contests: Sequence[Comparison]) -> list[Judgement]:
        """One judgement a contest, in their order."""
        ...
