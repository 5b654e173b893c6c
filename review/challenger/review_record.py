"""What the review page of a challenger shows: one record, which it answers as JSON too."""

from typing import Literal

from evaluation.report.report_data import AnswerCost
from evaluation.report.report_page import DifferenceSpread
from project.records.ballots import SheetPart
from project.records.field_change import FieldChange
from project.records.record import Digest, Record
from review.data_pages.version_traffic import VersionTraffic
from review.frame.event_words import VersionDifference

Tone = Literal["good", "warn", "bad", "soft"]  # how the page colours it
Action = Literal["approve", "reject", "votes", "rollback"]


class Headline(Record):
    """The verdict: first in plain words, then as the rule that made it has it."""

    verdict: str | None  # None: it was never decided on
    summary: str
    reasons: tuple[str, ...] = ()
    right: tuple[str, ...] = ()  # how many answers are right, in what they can be right in
    ways_out: tuple[str, ...] = ()  # what would turn a verdict that is no promotion
    needed: int | None = None  # further eval items that would settle a HOLD
    look: int | None = None  # at the sealed eval set; None: it was not looked at
    alpha: float | None = None  # at which this look was judged
    policy: str | None = None
    against: str  # whom it was compared with
    champion: int  # the number of whoever is champion now, 0 for nobody
    decision: Digest | None = None
    apart: str | None = None  # in what the two differ beside their adapters
    standing: tuple[str, ...] = ()  # what the version is now, in sentences

    @property
    def tone(self) -> Tone:
        tones: dict[str | None, Tone] = {"PROMOTE": "good", "HOLD": "warn", "REJECT": "bad"}
        return tones.get(self.verdict, "soft")


class Interval(VersionDifference):
    """One difference, and how sure it is: each end is a one-sided bound at the look's level."""

    label: str
    champion: float | None  # the mean on each side, where it has sides
    challenger: float | None
    judged: bool  # whether a colour may say better or worse
    threshold: float | None = None  # that the lower end must exceed

    @property
    def tone(self) -> Tone:
        if not self.judged:
            return "soft"
        return "good" if self.lower > 0 else "bad" if self.upper < 0 else "soft"


class IntervalAxis(Record):
    """Intervals on one axis, from −end to +end."""

    lines: tuple[Interval, ...]
    end: float

    def place(self, value: float) -> float:
        """Where a value stands on an axis that is 200 wide."""
        return round(100 + 96 * max(-1.0, min(1.0, value / self.end)), 2)


class Plot(IntervalAxis):
    """One metric over all items and in each slice, or one thing that is guarded."""

    title: str
    means: str  # in plain words
    gating: bool


class SuiteTable(IntervalAxis):
    """What a suite says: all its items, then each part."""

    suite: str
    guarded: tuple[str, ...]  # what the policy asks of it, in sentences


class Trust(Record):
    """How far the source of preference can be trusted."""

    source: str
    n: int
    unjudged: int
    accuracy: float | None
    longer: float | None  # what "pick the longer" reaches on the same pairs
    shorter: float | None
    matched_n: int  # pairs of like length
    matched: float | None
    kappa: float | None
    advisory: str | None  # why no promotion may rest on it
    unsteady: str | None
    judges: tuple[str, ...]


class Changes(Record):
    """What is other than in the version that it was compared with."""

    against: str
    number: int | None  # of that version; None: it is the bare base
    known: bool  # False: nothing is recorded of the other one's making
    base: tuple[FieldChange, ...]
    splits: tuple[FieldChange, ...]  # rows by part
    rows_added: int | None  # that only this one has learnt; None: not recorded
    rows_removed: int | None
    sources_added: tuple[str, ...]
    sources_removed: tuple[str, ...]
    recipe: tuple[FieldChange, ...]
    trained_from: str | None

    @property
    def nothing(self) -> bool:
        """Whether all that is recorded is the same."""
        rows = self.rows_added or self.rows_removed
        sources = self.sources_added or self.sources_removed
        return not (self.base or self.splits or rows or sources or self.recipe)


class GateSummary(Record):
    """What the checks of the data said."""

    summary: str
    failed: tuple[str, ...]
    waived: tuple[str, ...]
    checks: tuple[tuple[str, bool], ...]  # each by name, and whether it passed


class NightBefore(Record):
    """A night whose retrain made this version."""

    date: str
    verdict: str
    reasons: tuple[str, ...]
    topics: tuple[str, ...]


class HistoryLine(Record):
    """One event of the version's history."""

    seq: int
    kind: str
    words: str  # what happened, after the actor's name
    actor: str
    at: str
    reason: str


class Offer(Record):
    """What a person may do now, or why not."""

    action: Action
    allowed: bool
    why_not: str | None = None


class Review(Record):
    """All of the page."""

    number: int
    label: str
    submitter: str
    submitted: str  # when
    headline: Headline
    part: SheetPart  # of the eval set that the plots are about
    plots: tuple[Plot, ...]
    guards: tuple[Plot, ...]  # general ability, the regression baseline, a few-shot prompt
    suites: tuple[SuiteTable, ...]
    floors: tuple[str, ...]  # that the policy has, in sentences
    costs: tuple[AnswerCost, ...]
    saving: str | None
    spreads: tuple[DifferenceSpread, ...]  # how the items differ
    odd: dict[str, int]
    trust: Trust | None
    changes: Changes
    gate: GateSummary | None
    nights: tuple[NightBefore, ...]
    card: str  # the model card, in Markdown
    signature: str
    traffic: VersionTraffic | None  # None: no gateway ever told of this family
    history: tuple[HistoryLine, ...]
    offers: tuple[Offer, ...]

    def offer(self, action: Action) -> Offer:
        return next(offer for offer in self.offers if offer.action == action)
