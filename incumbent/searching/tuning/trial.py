"""One trial of a search: the values that were tried, and what dev said of the adapter."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from project.records.scores import Better


@dataclass(frozen=True)
class Trial:
    """A failed one has no items, but the error that ended it."""

    number: int  # from 0, in the order in which they were tried
    values: dict[str, Any]  # by keys such as sft.learning_rate
    items: tuple[float, ...] = ()  # what each dev item got
    seconds: float | None = None  # None: it was there from an earlier search
    error: str | None = None

    @property
    def score(self) -> float | None:
        return fmean(self.items) if self.items else None


def best_of(trials: Sequence[Trial], better: Better) -> Trial | None:
    """The earliest of those with the best score; None where all failed."""
    scored = [(trial.score, trial) for trial in trials if trial.score is not None]
    if not scored:
        return None
    sign = 1 if better == "less" else -1
    return min(scored, key=lambda pair: (sign * pair[0], pair[1].number))[1]
