"""Scores of items, what they were measured with, and what is odd about them."""

from collections.abc import Iterable
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from project.records.adapters import Adapter, Contestant, Numerics, told_apart
from project.records.record import LATER, Digest, Record, later

# Whether a challenger is better that has more of a metric, or less; `neither` says nothing.
Better = Literal["more", "less", "neither"]


Ends = tuple[float, float]  # the least and the most that a metric can be
ROUNDING = 1e-5  # of a score in single precision, such as a cosine


def out_of_range(value: float, ends: Ends | None) -> bool:
    """Whether a score is none that its metric can be, but for rounding."""
    return ends is not None and not ends[0] - ROUNDING <= value <= ends[1] + ROUNDING


class Directions(Record):
    """Which way each metric is better, and on which range, as far as the scorers say."""

    better: dict[str, Better]
    ranges: Annotated[dict[str, Ends] | None, LATER] = None


def moderate(score: float) -> float:
    """Return a score. Raises ValueError for one whose square may be no number any more."""
    if abs(score) > LARGEST:
        raise ValueError(f"{score:g} is too large for a score, by far")
    return score


LARGEST = 1e100
# No text or truth value that looks like a number.
Score = Annotated[float, Field(strict=True), AfterValidator(moderate)]


class Labels(Record):
    """What an item was to be sorted as, and how both sides sorted it; None: as nothing known."""

    reference: str = Field(min_length=1)
    champion: str | None
    challenger: str | None


class ItemScore(Record):
    """One eval item's scores; preference is the challenger's win probability."""

    item: str = Field(min_length=1)
    # Which of several answers to the item, counted from 0.
    sample: Annotated[int, Field(ge=0)] = later(0)
    cluster: str | None = None
    slices: tuple[str, ...] = ()
    champion: dict[str, Score]
    challenger: dict[str, Score]
    preference: float | None = Field(default=None, ge=0, le=1, strict=True)
    # By metric, such as macro_f1: what a score over all items is made of.
    labels: Annotated[dict[str, Labels] | None, LATER] = None
    # Metrics that could not be measured on this item, on one side or on both. What stands there in
    # their place counts for nothing.
    unread: Annotated[tuple[str, ...] | None, LATER] = None
    # Those of them, or of metrics with labels, that do not apply to the item by its reference
    # alone, whatever anybody answers. The others are missing, and a missing score never helps.
    inapplicable: Annotated[tuple[str, ...] | None, LATER] = None

    @model_validator(mode="after")
    def both_sides_have_the_same_metrics(self) -> Self:
        odd = sorted(self.champion.keys() ^ self.challenger.keys())
        if odd:
            raise ValueError(f"metric {odd[0]!r} is on one side only")
        if twice := sorted((self.labels or {}).keys() & {*self.champion, "preference"}):
            raise ValueError(f"metric {twice[0]!r} has labels, and is a score too")
        if unknown := sorted({*(self.unread or ())} - self.champion.keys()):
            raise ValueError(f"metric {unknown[0]!r} is unread, and has no score in its place")
        scored = {*self.champion, *(self.labels or ())}
        if odd := sorted(scored & {*(self.inapplicable or ())} - {*(self.unread or ())}):
            raise ValueError(f"metric {odd[0]!r} is inapplicable, and must be unread too")
        return self


class EvalSet(Record):
    """The items of an eval set, each by the digest of all that is asked and expected."""

    items: tuple[Digest, ...]


class ScorePins(Record):
    """What the scores were measured with; two sides are comparable only under equal pins."""

    eval_set: Digest  # of its EvalSet
    base: Digest  # weights of the challenger's
    champion: Digest | None  # adapter digest; None: the bare base
    challenger: Digest
    decoding: Digest
    scorers: Digest
    numerics: Annotated[Numerics | None, LATER] = None  # of the answers; None: not recorded
    # Champion and challenger, their bases and system prompts with them; None: not recorded, and
    # both stood on the challenger's base, without a system prompt.
    contestants: Annotated[tuple[Contestant, Contestant] | None, LATER] = None

    def against(self, champion: Adapter) -> bool:
        """Whether the champion that was compared answers as this one, as far as is recorded."""
        return (
            self.contestants is None or self.contestants[0].identity == champion.contestant.identity
        )

    @property
    def apart(self) -> str | None:
        """What differs between the two beside their adapters, in words."""
        return told_apart(*self.contestants) if self.contestants else None


class ScoreTable(Record):
    pins: ScorePins | None  # None: a table that another program made
    items: tuple[ItemScore, ...]
    better: dict[str, Better] | None = None  # by metric, as far as the scorers say; None: likewise
    ranges: dict[str, Ends] | None = None  # likewise

    @property
    def metrics(self) -> list[str]:
        return list(self.items[0].champion) if self.items else []

    @property
    def label_metrics(self) -> list[str]:
        """Those that are computed of the labels of some items."""
        return sorted({name for item in self.items for name in item.labels or ()})

    def __str__(self) -> str:
        return f"{len(self.items)} items scored"


class Flags(Record):
    """What is odd about some items, and about which: {"truncated": ids}."""

    items: dict[str, tuple[str, ...]] = Field(default={})

    @classmethod
    def joined(cls, several: Iterable["Flags"]) -> Self:
        by_kind: dict[str, set[str]] = {}
        for flags in several:
            for what, items in flags.items.items():
                by_kind.setdefault(what, set()).update(items)
        return cls(items={what: tuple(sorted(items)) for what, items in sorted(by_kind.items())})

    def __str__(self) -> str:
        return "".join(f"; {what}: {len(items)}" for what, items in self.items.items())
