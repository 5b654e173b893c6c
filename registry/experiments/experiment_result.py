"""What an experiment has found: the figures, as they are kept at its end and shown before it."""

from typing import Literal

from project.records.record import Record

Verdict = Literal["harm", "better", "no-difference", "stopped"]


class Arms(Record):
    """A number for each of the two who are compared."""

    champion: float
    challenger: float


class Comparison(Record):
    """One metric or guardrail, counted by users."""

    name: str  # rating, escalated, resolved, satisfaction; errors, refusals, slow, long
    more_is_better: bool
    users: Arms  # whose first value counts
    means: Arms
    difference: float  # challenger − champion
    interval: tuple[
        float, float
    ]  # of the difference; it holds at all times at once, with 1 − alpha
    limit: float | None = None  # of slow (ms) and long (characters), above which an answer counts
    # The most that the evidence ever was, and what is enough.
    harm: float
    harm_needed: float
    better: float | None = None  # None: a win is not asked about
    better_needed: float | None = None


class Health(Record):
    """Whether the arms can be compared at all."""

    ratio: float  # e-value against the share by which users were assigned, over all users
    feedback_ratio: float | None  # the same over those whose feedback counts
    ratio_needed: float  # from here on they do not fit
    both_arms: int  # users who were answered by both; their first answers count
    waiting: int  # users without a word on the metric yet

    @property
    def sound(self) -> bool:
        """Whether as many users were counted in each arm as the share says."""
        return self.ratio < self.ratio_needed and (self.feedback_ratio or 0) < self.ratio_needed


class ExperimentResult(Record):
    """All that came in until somebody looked, or until the verdict."""

    experiment: int  # the number of its event
    counted: int  # the number of the newest observation in it; 0: none
    users: Arms
    metric: Comparison | None  # None: a shadow, of whose answers no user can say anything
    guardrails: tuple[Comparison, ...]
    health: Health

    @property
    def comparisons(self) -> tuple[Comparison, ...]:
        return (*([self.metric] if self.metric else []), *self.guardrails)
