"""What a night found in the traffic, and what followed."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from project.records.data import counted
from project.records.record import LATER, Digest, Record
from project.records.traffic import DayTally


class DriftVerdict(StrEnum):
    DRIFT = "drift"
    NO_DRIFT = "no_drift"
    INSUFFICIENT = "insufficient"


class SignalReading(Record):
    """What one signal says of the last nights, pooled, against the reference."""

    signal: str
    nights: int  # pooled, the last of them tonight
    n: int  # units: a user's rows of a night count once
    reference_n: int
    p: float  # of data like these when nothing has changed
    level: float  # that p must not exceed: this test's share of the false-alarm budget
    effect: float  # the share of traffic that moved, at least
    verdict: DriftVerdict
    # How much wider the statistic spreads between quiet days than between random choices of units.
    spread: float = 1.0

    @property
    def evidence(self) -> float:
        """1 or more is an alarm; where the effect is too small to matter, it stays below."""
        ratio = self.level / self.p
        return ratio if self.verdict is DriftVerdict.DRIFT else min(ratio, 0.99)

    def __str__(self) -> str:
        return f"{self.signal} over {self.nights} nights: p {self.p:.2g}, moved {self.effect:.1%}"


# The signals of what the champion answered, and of what became of it; all others are of prompts.
OF_ANSWERS = frozenset(
    (
        *("response", "judge", "feedback", "escalated", "unresolved", "satisfaction"),
        *("abstaining", "ungrounded", "calling", "failed_calls", "asking_back"),
    ),
)


def alarmed(readings: Iterable[SignalReading]) -> frozenset[str]:
    """The names of the signals that say drift."""
    return frozenset(
        reading.signal for reading in readings if reading.verdict is DriftVerdict.DRIFT
    )


def answers_alone(readings: Iterable[SignalReading]) -> frozenset[str]:
    """The signals of answers that say drift, where no signal of prompts does; else none."""
    signals = alarmed(readings)
    return signals if signals <= OF_ANSWERS else frozenset()


QUOTE = "“"  # what the name of a topic begins with that no word tells: a prompt stands for it


class Topic(Record):
    """A cluster of prompts, and its share of the traffic, in the reference and now."""

    name: str  # its typical words
    new: bool  # whether the reference lacks it
    before: float
    now: float
    z: float  # of the difference, in standard errors
    exemplars: tuple[str, ...]  # prompts, the most typical first
    perplexity: float | None = None  # the champion's, on its prompts
    rating: float | None = None  # the mean feedback

    @property
    def is_told_by_words(self) -> bool:
        """Whether its name quotes nobody."""
        return bool(self.name) and not self.name.startswith(QUOTE)

    def __str__(self) -> str:
        return f"{self.name}: {self.before:.1%} -> {self.now:.1%}"


class DriftState(StrEnum):
    """How far a suspicion has come; it takes several nights to grow, and several to fade."""

    OK = "ok"
    WATCH = "watch"
    CONFIRMED = "confirmed"
    ACT = "act"


class Action(StrEnum):
    """What a night did about what it found."""

    NONE = "none"
    LABEL = "label"  # a queue of rows to label was written
    RETRAIN = "retrain"
    REFUSED = "refused"  # drift is confirmed, and something speaks against a retrain


class RetrainOutcome(StrEnum):
    """What became of a retrain."""

    PROMOTED = "promoted"
    REVIEW = "review"  # it won, and a person decides
    LOST = "lost"  # HOLD or REJECT
    FAILED = "failed"


class AnswerCounts(Record):
    """What is plainly wrong with some of the champion's answers, one of each user and day."""

    n: int
    refused: int
    empty: int
    cut: int  # that end in the middle of a sentence

    def __str__(self) -> str:
        return (
            f"of {self.n:,}: {self.refused:,} refused, {self.empty:,} empty, {self.cut:,} cut off"
        )


class FarAnswer(Record):
    """An answer that is far from the usual ones, beside one to the likest prompt from before."""

    prompt: str
    answer: str
    usual_prompt: str | None  # None: no earlier traffic is kept
    usual_answer: str | None


class RatingShift(Record):
    """The mean rating, from −1 to 1, of the users now and before; each user counts once."""

    now: float
    n: int
    before: float
    n_before: int
    low: float  # of the interval of the difference, now less before
    high: float
    level: float  # that the interval holds the true difference with

    def __str__(self) -> str:
        users = f"{self.n} user{'s' if self.n != 1 else ''}"
        return (
            f"the mean rating is {self.now:+.2f}, it was {self.before:+.2f} (the difference: "
            f"{self.low:+.2f} to {self.high:+.2f} at {self.level:.0%}, {users})"
        )


class AnswerChange(Record):
    """How the champion's answers differ from those before, for a person to look at."""

    now: AnswerCounts
    before: AnswerCounts | None  # None: no earlier traffic is kept
    furthest: tuple[FarAnswer, ...]
    ratings: RatingShift | None  # None: too few users rate


class ChampionQuality(Record):
    """How the champion answers freshly accepted labels, which it was not trained on."""

    n: int  # labels, each answered and scored once
    scores: dict[str, float]  # the mean of each metric
    errors: dict[str, float]  # their standard errors
    dev: dict[str, float] = Field(default={})  # the means on dev when the version was decided on
    rows: tuple[str, ...] = ()  # the labels' ids: none is measured twice

    def __str__(self) -> str:
        means = ", ".join(f"{name} {mean:.3f}" for name, mean in self.scores.items())
        return f"{self.n} fresh labels: {means}"


class ToLabel(Record):
    """Whose rows a night asks people about, and accepts what trusted users wrote of."""

    since: str  # the first UTC day
    grown: tuple[int, ...]  # the numbers of the topics that grew; none: all rows


class HindranceKind(StrEnum):
    """What a night lacks."""

    TRAFFIC = "traffic"  # there is none of the day, and there was some before
    ROWS = "rows"  # many are set aside
    REFERENCE = "reference"  # there is none yet
    USERS = "users"  # too few on one side
    SPECIAL = "special"  # the settings leave the day out


class Hindrance(Record):
    """Why a night could compare nothing, or not see a large part of the traffic."""

    kind: HindranceKind
    cause: str  # with its figures
    mend: str  # what a person can do, as a sentence
    soon: bool = False  # whether it ends by itself within days
    since: Annotated[str | None, LATER] = None  # the date of the first night in a row of its kind


class SameModelReading(Record):
    """Whether a hosted champion answers some dev questions as it did when it was registered."""

    n: int
    p: float  # that it does
    changed: bool
    served_as: tuple[str, ...]  # the names under which it answered
    fingerprints: tuple[str, ...]  # of how it is served

    def __str__(self) -> str:
        asked = f"asked {counted(self.n, 'question')} again"
        if not self.changed:
            return f"{asked}: it answers as when it was registered (p {self.p:.2g})"
        served = f" Served as {', '.join(self.served_as)}." if self.served_as else ""
        return (
            f"{asked}: it is another model than the one that was registered (p {self.p:.2g}), and "
            f"what is known is of that one.{served} Challengers are compared with the answers that "
            "were kept; `incumbent registry add-contestant --hosted …` asks it anew, as a "
            "challenger of itself"
        )


class Night(Record):
    """One night's verdict, what followed from it, and why."""

    family: str
    date: str  # the UTC day of the traffic
    champion: int | None  # the version that was watched; None: the bare base
    reference: Digest | None  # the frozen traffic that its prompts were compared with
    answers: Digest | None = None  # the same for its answers; None: there were too few before
    traffic: Digest | None  # of the day's partition; None: there is none
    rows: int
    units: int  # users, each counted once
    tally: DayTally | None = None
    set_aside: dict[str, int]  # corrupt lines by reason
    verdict: DriftVerdict
    readings: tuple[SignalReading, ...]
    topics: tuple[Topic, ...]
    exemplars: tuple[str, ...]
    new_words: tuple[str, ...]
    state: DriftState
    action: Action
    reasons: tuple[str, ...]
    outcome: RetrainOutcome | None = None
    challenger: int | None = None  # the version that the retrain made
    # What alarmed, tested again on the days after the first night of the drift alone.
    confirming: tuple[SignalReading, ...] = ()
    cut: int = 0  # prompts of which a part was not read
    notes: tuple[str, ...] = ()  # what people should know beside the verdict
    quality: ChampionQuality | None = None
    # What a retrain of this night takes along, in the artifact store: labels and their acceptance.
    labels: Digest | None = None
    # What is still to be accepted and queued of a night whose verdict is kept; None: nothing is.
    to_label: Annotated[ToLabel | None, LATER] = None
    # Of a night whose retrain ran over its time, what that retrain read.
    hung: Annotated[Digest | None, LATER] = None
    hindrance: Annotated[Hindrance | None, LATER] = None
    # The date of the first of the nights that cannot tell drift; None: this one is not blind. The
    # state stays what it was before them.
    blind: Annotated[str | None, LATER] = None
    # Of a night on which a signal of answers alarms.
    answer_change: Annotated[AnswerChange | None, LATER] = None
    same_model: Annotated[SameModelReading | None, LATER] = None  # of a hosted champion

    @property
    def evidence(self) -> float:
        """The evidence of the strongest signal; 1 or more is an alarm."""
        return max((reading.evidence for reading in self.readings), default=0)
