"""Scores, the evidence that they sum up to, and the decision that rests on it."""

from collections.abc import Iterable
from enum import StrEnum
from math import sqrt
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from project.records.adapters import Numerics
from project.records.record import LATER, Digest, Record, short

# Whether a challenger is better that has more of a metric, or less; `neither` says nothing.
Better = Literal["more", "less", "neither"]


class Directions(Record):
    """Which way each metric is better, as far as the scorers say."""

    better: dict[str, Better]


def moderate(score: float) -> float:
    """Return a score. Raises ValueError for one whose square may be no number any more."""
    if abs(score) > LARGEST:
        raise ValueError(f"{score:g} is too large for a score, by far")
    return score


LARGEST = 1e100
# No text or truth value that looks like a number.
Score = Annotated[float, Field(strict=True), AfterValidator(moderate)]


class ItemScore(Record):
    """One eval item's scores; preference is the challenger's win probability."""

    item: str = Field(min_length=1)
    cluster: str | None = None
    slices: tuple[str, ...] = ()
    champion: dict[str, Score]
    challenger: dict[str, Score]
    preference: float | None = Field(default=None, ge=0, le=1, strict=True)

    @model_validator(mode="after")
    def both_sides_have_the_same_metrics(self) -> Self:
        odd = sorted(self.champion.keys() ^ self.challenger.keys())
        if odd:
            raise ValueError(f"metric {odd[0]!r} is on one side only")
        return self


class EvalSet(Record):
    """The items of an eval set, each by the digest of all that is asked and expected."""

    items: tuple[Digest, ...]


class ScorePins(Record):
    """What the scores were measured with; two sides are comparable only under equal pins."""

    eval_set: Digest  # of its EvalSet
    base: Digest
    champion: Digest | None  # adapter digest; None: the bare base
    challenger: Digest
    decoding: Digest
    scorers: Digest
    numerics: Annotated[Numerics | None, LATER] = None  # of the answers; None: not recorded


class ScoreTable(Record):
    pins: ScorePins | None  # None: a table that another program made
    items: tuple[ItemScore, ...]
    better: dict[str, Better] | None = None  # by metric, as far as the scorers say; None: likewise

    @property
    def metrics(self) -> list[str]:
        return list(self.items[0].champion) if self.items else []

    def __str__(self) -> str:
        return f"{len(self.items)} items scored"


class Flags(Record):
    """What is odd about some items, and about which: {"truncated": ids}."""

    items: dict[str, tuple[str, ...]] = Field(default={})

    @classmethod
    def joined(cls, several: Iterable["Flags"]) -> Self:
        found: dict[str, set[str]] = {}
        for flags in several:
            for what, items in flags.items.items():
                found.setdefault(what, set()).update(items)
        return cls(items={what: tuple(sorted(items)) for what, items in sorted(found.items())})

    def __str__(self) -> str:
        return "".join(f"; {what}: {len(items)}" for what, items in self.items.items())


class MetricEvidence(Record):
    """How much better the challenger is: a paired difference, its error cluster-robust.

    Challenger − champion; where less is better, champion − challenger.
    """

    better: Annotated[Better | None, LATER] = None  # None: more

    n: int
    clusters: int
    unjudged: int  # items without a preference, left out of n
    champion_mean: float | None  # None for a preference, which has no two sides
    challenger_mean: float | None
    diff: float
    sd: float  # of the item differences
    se: float
    df: float  # effective clusters less one
    wins: int  # items on which the challenger is better
    losses: int
    # The same of whole clusters, for an e-value: a cluster counts by most of its items, once all of
    # them were judged. None: it was not asked, or each item is a cluster of its own.
    clusters_won: Annotated[int | None, LATER] = None
    clusters_lost: Annotated[int | None, LATER] = None
    p: float  # one-sided, of "not better than the margin asks"
    bootstrap: tuple[float, float]  # central 90 % interval of the cluster bootstrap

    @property
    def own_score(self) -> float:
        """The challenger's mean; of a preference the mean win probability."""
        return 0.5 + self.diff if self.challenger_mean is None else self.challenger_mean

    @property
    def independent(self) -> tuple[int, int]:
        """Wins and losses that do not depend on each other: of clusters where counted."""
        if self.clusters_won is None or self.clusters_lost is None:
            return self.wins, self.losses
        return self.clusters_won, self.clusters_lost


BALLOTS = "ballots"  # the source of preference that people are


class Calibration(Record):
    """How well a source of preference agrees with pairs that it was not trained on.

    Ties count half in every accuracy. What could not be measured is None: so are the lengths for
    ballots, whose reviewers are compared with one another.
    """

    source: str
    n: int = Field(ge=0)  # pairs judged
    unjudged: int = Field(ge=0)
    accuracy: float | None  # None: no pair was judged
    kappa: float | None  # Cohen's, with a tie as a label of its own
    first_rate: float | None  # how often the answer shown first was preferred, a tie counting half
    longer_accuracy: float | None  # what "pick the longer" reaches on the same pairs
    shorter_accuracy: float | None
    matched_n: int = Field(ge=0)  # judged pairs of nearly equal length
    matched_accuracy: float | None
    matched_longer: float | None
    matched_shorter: float | None
    # Of ballots, at how many an item closes. None: it never does, as every ballot counts.
    votes: Annotated[int | None, LATER] = None

    @property
    def advisory(self) -> str | None:
        """Why no promotion may rest on the source; None when it beats length and chance."""
        if self.accuracy is None:
            return f"no held-out pair tells how good {self.source} is"
        if self.longer_accuracy is None:
            return self.beaten_by_chance(self.accuracy, self.n, "held-out pairs")
        if self.matched_accuracy is None:
            return f"no held-out pair of like length tells what {self.source} goes by"
        return self.beaten_by_length or self.beaten_by_chance(
            self.matched_accuracy, self.matched_n, "pairs of like length"
        )

    @property
    def beaten_by_length(self) -> str | None:
        for pairs, accuracy, longer, shorter in (
            ("held-out pairs", self.accuracy, self.longer_accuracy, self.shorter_accuracy),
            (
                "those of like length",
                self.matched_accuracy,
                self.matched_longer,
                self.matched_shorter,
            ),
        ):
            for name, rival in (("longer", longer), ("shorter", shorter)):
                if accuracy is not None and rival is not None and accuracy <= rival:
                    return (
                        f"{self.source} is right on {accuracy:.0%} of the {pairs}, picking the "
                        f"{name} answer on {rival:.0%}"
                    )
        return None

    def beaten_by_chance(self, p: float, n: int, pairs: str) -> str | None:
        """By Wilson's (1927) one-sided 95 % lower bound of an accuracy p on n pairs."""
        z = 1.6448536269514722  # the 95 % point of the normal distribution
        centre, spread = p + z**2 / (2 * n), z * sqrt(p * (1 - p) / n + (z / (2 * n)) ** 2)
        lower = (centre - spread) / (1 + z**2 / n)
        if lower > 0.5:
            return None
        return (
            f"{self.source} is right on {p:.0%} of {n} {pairs}, where a coin may be as good: 95 % "
            f"sure is only {lower:.0%}"
        )

    def __str__(self) -> str:
        if self.accuracy is None:
            return f"{self.source}: not calibrated"
        return f"{self.source}: {self.accuracy:.0%} of {self.n} held-out pairs"


Measured = dict[str, MetricEvidence]  # by metric


class Usage(Record):
    """What a system's answers to the dev part cost, in mean tokens an answer."""

    prompt: float
    answer: float


class Evidence(Record):
    """All that a decision rests on; what was not measured is empty."""

    pins: ScorePins | None
    policy: Digest  # under which it was weighed
    dev: Measured
    sealed: Measured
    slices: dict[str, Measured]  # of the sealed part
    general: dict[str, Measured] = Field(default={})  # general ability: all items, then each slice
    reference: Measured = Field(default={})  # against the regression baseline, sealed
    # True: scores against that baseline were there, whatever could be measured on them.
    reference_given: Annotated[bool | None, LATER] = None
    few_shot: Measured = Field(default={})  # against the base with a few-shot prompt, on dev
    calibration: Calibration | None = None
    usage: dict[str, Usage] = Field(default={})  # by system

    @property
    def without_votes(self) -> "Evidence":
        """Without what people's votes, which come in after a look, can change."""
        if self.calibration is None or self.calibration.source != BALLOTS:
            return self

        def others(measured: Measured) -> Measured:
            return {name: found for name, found in measured.items() if name != "preference"}

        slices = {name: others(measured) for name, measured in self.slices.items()}
        return self.model_copy(update={"sealed": others(self.sealed), "slices": slices})

    def __str__(self) -> str:
        return f"evidence {short(self.digest)}: {len(self.sealed)} metrics"


class Verdict(StrEnum):
    PROMOTE = "PROMOTE"
    HOLD = "HOLD"
    REJECT = "REJECT"


class Bound(Record):
    """One-sided (1−alpha) bounds of a mean difference."""

    lower: float
    upper: float
    won: bool


class Decision(Record):
    verdict: Verdict
    reasons: tuple[str, ...]
    opening: int | None  # which look it was; None: none, as the challenger did not qualify
    budget: float | None = None  # of alpha, for all looks of this champion
    alpha: float | None  # at which this look was judged
    bounds: dict[str, Bound]
    needed: int | None  # further items that would settle a HOLD
    pins: ScorePins | None
    evidence: Digest
    policy: Digest
    rule: Annotated[int | None, LATER] = None  # the version of the rule; None: the first

    def __str__(self) -> str:
        return f"{self.verdict}: {self.reasons[0]}"
