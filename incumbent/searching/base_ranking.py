"""Bases in the order of what they score on dev, and what each would cost: records and words."""

from collections.abc import Mapping, Sequence

import numpy as np

from evaluation.decision.statistics import bounds, paired
from project.records.record import Record
from project.records.scores import Better


class BaseDifference(Record):
    """A difference to the first base that was named; above 0 is better."""

    diff: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.diff:+.3f} [{self.low:+.3f}, {self.high:+.3f}]"


class BaseScores(Record):
    """A base, asked in one way."""

    scores: dict[str, float]  # means over dev
    against_first: dict[
        str, BaseDifference
    ]  # empty for the first itself, and where it has no answers
    prompt: float  # tokens of a prompt, the mean
    answer: float  # tokens of an answer
    seconds: float | None  # of an answer
    money: float | None  # of 1,000 answers, by evaluation.prices; None: no price is set

    @property
    def tokens_per_second(self) -> float | None:
        return self.answer / self.seconds if self.seconds else None


class TrainingCost(Record):
    """What one adapter would take on this machine, by the project's settings of step `sft`."""

    minutes: float
    peak_bytes: int
    fits: bool


class RankedBase(Record):
    name: str
    model: str  # as it was named
    revision: str | None
    license: str | None
    weights: int | None  # how many; None: it cannot be had
    problem: str | None  # why it was not asked
    bare: BaseScores | None
    few_shot: BaseScores | None
    training: TrainingCost | None

    @property
    def asked(self) -> list[BaseScores]:
        """The ways in which it was."""
        return [one for one in (self.bare, self.few_shot) if one]


class BaseRanking(Record):
    bases: tuple[RankedBase, ...]  # the best first; those that were not asked last
    first: str  # the base that the others are compared with
    by: str  # the metric that ranks
    shots: int
    items: int
    clusters: int
    level: float  # of the intervals
    better: dict[str, Better]

    @property
    def asked(self) -> list[RankedBase]:
        return [one for one in self.bases if one.asked]


def ranked(bases: Sequence[RankedBase], metric: str, better: Better) -> list[RankedBase]:
    """The bases by their better score, bare or few-shot; equal ones in the order in which they were
    named.
    """
    sign = -1 if better == "more" else 1

    def place(base: RankedBase) -> tuple[bool, float]:
        asked = [one.scores[metric] for one in base.asked]
        return not asked, min((sign * score for score in asked), default=0.0)

    return sorted(bases, key=place)


def against(
    first: Mapping[str, Sequence[float]],
    other: Mapping[str, Sequence[float]],
    groups: Sequence[str],
    better: Mapping[str, Better],
    alpha: float,
) -> dict[str, BaseDifference]:
    """Differences in each metric that has a better way, with one-sided bounds on both sides."""
    found = {}
    for name, values in other.items():
        if (way := better.get(name, "neither")) == "neither" or name not in first:
            continue
        sign = -1 if way == "less" else 1
        apart = paired(sign * (np.array(values) - np.array(first[name])), groups)
        low, high = bounds(apart.diff, apart.se, apart.df, alpha)
        found[name] = BaseDifference(diff=apart.diff, low=low, high=high)
    return found


def sentences(found: BaseRanking) -> list[str]:
    """What the ranking says, and what it does not."""
    if not found.asked:
        return ["none of them could be asked"]
    best = found.asked[0]
    lines = [f"best by {found.by}: {best.name}"]
    if best.name != found.first:
        shown = [one.against_first[found.by] for one in best.asked if found.by in one.against_first]
        if not any(one.low > 0 for one in shown):
            lines.append(f"it is not shown to be better than {found.first}")
    lines.append("a score before training is no promise for after it: train the best two")
    return lines
