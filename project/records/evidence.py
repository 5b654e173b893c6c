"""The evidence that scores sum up to, and the decision that rests on it."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from project.records.preferences import BALLOTS, Calibration
from project.records.record import LATER, Digest, Record, short
from project.records.scores import Better, ScorePins

PREFERENCE = "preference"  # who is preferred, as a metric
PEOPLE = "people:"  # what the names of metrics begin with that people rate, as in people:polite


def rated_by_people(metric: str) -> bool:
    return metric.startswith(PEOPLE)


def by_people(metric: str) -> bool:
    """Whether people's votes may be what a metric rests on."""
    return metric == PREFERENCE or rated_by_people(metric)


class PeopleAndJudge(Record):
    """What a preference rests on that comes from people's votes on some items and a judge on all.

    evaluation.preference.ballots.preference_evidence says how they are put together.
    """

    votes: int  # items with people's word, as far as they were drawn
    tuning: float  # how far the judge is made use of, from 0 to 1
    saved: int  # further items that people would have to vote on without the judge
    sd: float  # of people's word between items
    # Of "people prefer the challenger", whenever one looks. None: not asked for, or of a slice.
    e_value: Annotated[float | None, LATER] = None


class SureBounds(Record):
    """One-sided bounds of a mean that hold for any distribution on the metric's range, at levels.

    evaluation.decision.statistics says how they are found.
    """

    levels: tuple[float, ...]  # falling
    lower: tuple[float, ...]
    upper: tuple[float, ...]

    def at(self, alpha: float) -> tuple[float, float] | None:
        """Those at the largest level that is at most alpha; None below all levels."""
        there = zip(self.levels, self.lower, self.upper, strict=True)
        return next(((low, high) for level, low, high in there if level <= alpha), None)

    @property
    def p_below(self) -> float:
        """One-sided p of the hypothesis that the true difference is at least 0."""
        there = zip(self.levels, self.upper, strict=True)
        return min((level for level, high in there if high < 0), default=1.0)


class Extreme(Record):
    """The mean difference where each item that was not measured counts as an end of the range."""

    diff: float
    se: float
    df: float


class MetricEvidence(Record):
    """How much better the challenger is: a paired difference, its error cluster-robust.

    Challenger − champion; where less is better, champion − challenger.
    """

    better: Annotated[Better | None, LATER] = None  # None: more

    n: int
    clusters: int
    unjudged: int  # items without a preference or a readable score, left out of n
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
    # Where an item was answered several times: how often, and how far one answer's difference is
    # from the item's mean, as a standard deviation. Items count by their means. None: once.
    samples: Annotated[int | None, LATER] = None
    within_sd: Annotated[float | None, LATER] = None
    people: Annotated[PeopleAndJudge | None, LATER] = None  # of a preference by both
    # Of the unjudged items those that are missing: the metric applies to them, and was not
    # measured. They count as the challenger's worst in a lower bound and as its best in an upper
    # one. Without a stated range neither is known. None: no item is missing.
    missing: Annotated[int | None, LATER] = None
    worst: Annotated[Extreme | None, LATER] = None
    best: Annotated[Extreme | None, LATER] = None
    # The challenger's mean where missing items have the worst score there is, for floors.
    own_worst: Annotated[float | None, LATER] = None
    sure: Annotated[SureBounds | None, LATER] = None  # of a metric that is checked, with a range
    p: float  # one-sided, of "not better than the margin asks"
    bootstrap: tuple[float, float]  # central 90 % interval of the cluster bootstrap

    @property
    def gains_alike(self) -> bool:
        """Whether every item gains the same: as of class names, when nothing was right before."""
        return self.se == 0 and self.diff > 0

    @property
    def drawn_share(self) -> float | None:
        """The share of the items' variance that comes from which answers were drawn, at most 1;
        more answers an item lessen that, and nothing else. None where items were answered once.
        """
        if self.samples is None or self.within_sd is None or not self.sd:
            return None
        return min(1.0, self.within_sd**2 / self.samples / self.sd**2)

    @property
    def own_score(self) -> float:
        """The challenger's mean; of a preference the mean win probability."""
        return 0.5 + self.diff if self.challenger_mean is None else self.challenger_mean

    def beyond(self, floor: float, *, at_worst: bool = False) -> bool:
        """Whether the challenger's mean is under a floor; above it where less is better."""
        mean = self.own_worst if at_worst and self.own_worst is not None else self.own_score
        return mean > floor if self.better == "less" else mean < floor

    @property
    def limit(self) -> str:
        """What a mean beyond a floor is, in words."""
        beyond = "above the most" if self.better == "less" else "under the least"
        return f"{beyond} that the policy allows"

    @property
    def limit_at_worst(self) -> str:
        """What a mean beyond a floor is, where only missing items bring it there."""
        worst = f"{self.own_worst:.3f} with its {self.missing} missing items at their worst"
        return f"{worst}, {self.limit}"

    @property
    def independent(self) -> tuple[int, int]:
        """Wins and losses that do not depend on each other: of clusters where counted."""
        if self.clusters_won is None or self.clusters_lost is None:
            return self.wins, self.losses
        return self.clusters_won, self.clusters_lost


Measured = dict[str, MetricEvidence]  # by metric


class SuiteEvidence(Record):
    """What a suite says of a challenger: on all items, then on each slice. Items may differ in
    their metrics.
    """

    champion: dict[str, Measured]  # against the champion
    # Against the bare base, so that small losses of several promotions do not add up unseen. None:
    # the champion is the bare base.
    base: dict[str, Measured] | None = None


class Usage(Record):
    """What a system's answers to the dev part cost, in mean tokens an answer."""

    prompt: float
    answer: float


class KeptGain(Record):
    """How much of its teacher's gain over the bare base a student keeps, in one metric on dev."""

    n: int
    clusters: int
    teacher: float  # its mean gain over the base, more being better
    student: float
    lower: float  # one-sided bound of the teacher's gain, at the policy's alpha
    share: float | None = None  # student / teacher; None: the teacher's gain may be none
    interval: tuple[float, float] | None = None  # of the share, each end one-sided


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
    suites: Annotated[dict[str, SuiteEvidence] | None, LATER] = None  # by name; general is above
    calibration: Calibration | None = None
    usage: dict[str, Usage] = Field(default={})  # by system
    # By metric, where the champion is the challenger's teacher.
    kept: Annotated[dict[str, KeptGain] | None, LATER] = None
    # The metrics that rewarded the challenger while it learnt; None: it learnt from no reward.
    rewarded: Annotated[tuple[str, ...] | None, LATER] = None
    # Where the policy gates on people's ratings: whether all items have their votes.
    all_voted: Annotated[bool | None, LATER] = None
    # By part: the items that came after a hosted model's answers were kept, and are left out.
    left_out: Annotated[dict[str, int] | None, LATER] = None

    @property
    def without_votes(self) -> "Evidence":
        """The same evidence without what people's votes, which come in after a look, can change."""
        source = self.calibration
        if source is None or not (source.source == BALLOTS or source.people):
            return self

        def others(measured: Measured) -> Measured:
            return {name: value for name, value in measured.items() if not by_people(name)}

        return self.model_copy(
            update={
                "sealed": others(self.sealed),
                "slices": {name: others(measured) for name, measured in self.slices.items()},
                # How far reviewers agree is told by their votes too.
                "calibration": None if source.source == BALLOTS else source,
                "all_voted": None,
            }
        )

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
    rule: int  # the version of the rule that made it

    @property
    def promotes(self) -> bool:
        """Whether the challenger is to take the champion's place."""
        return self.verdict is Verdict.PROMOTE

    def __str__(self) -> str:
        return f"{self.verdict}: {self.reasons[0]}"
