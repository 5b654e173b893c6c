"""What a project's sealed eval set can show, in sentences."""

from collections.abc import Iterator
from dataclasses import dataclass

from evaluation.decision.policy import Policy
from evaluation.decision.power import (
    SPREADS,
    chance,
    chance_of_all,
    detectable,
    percent,
    sealed_power_line,
)
from project.errors import InputError
from project.paths import EVIDENCE
from project.records.evidence import Evidence, Measured, MetricEvidence, rated_by_people
from registry.alpha_ledger.spending import alpha_at

LEAST_SAID = 0.01  # of a lower bound: a smaller one says nothing


@dataclass(frozen=True)
class ExpectedGain:
    """A true gain in one metric, and what the last run measured of it, if there was one."""

    metric: str
    beyond: float  # the policy's threshold
    own: MetricEvidence | None

    @property
    def design(self) -> float:
        """The design effect: how much less the items say for being in clusters."""
        own = self.own
        return own.n * (own.se / own.sd) ** 2 if own and own.sd else 1.0

    @property
    def spread(self) -> float | None:
        return self.own.sd if self.own else SPREADS.get(self.metric)

    def chance(self, items: int, alpha: float) -> float | None:
        """None where no spread is known."""
        spread = self.spread
        return chance(items, self.beyond, spread, alpha, self.design) if spread else None

    def summary(self, items: int, alpha: float) -> str:
        if self.beyond <= 0:
            return f"{self.metric}: such a gain is within the policy's margin, and never wins"
        measured = self.own.sd if self.own else None
        said = sealed_power_line(items, self.beyond, self.metric, alpha, measured, self.design)
        return said or f"{self.metric}: how far items differ in it is not known before a first run"


def sealed_set_lines(items: int, policy: Policy, effect: float | None = None) -> Iterator[str]:
    """Of each gating metric, at a first look, and of all together; nothing without items.

    `effect` is the policy's where none is given. The spread of the items' differences is the
    project's own once it has run.
    """
    if not items:
        return
    measured, alpha = dev_measured(), alpha_at(policy.alpha, 1)
    gain = policy.effect if effect is None else effect
    gains = [
        ExpectedGain(m, gain - policy.threshold(m), measured.get(m))
        for m in policy.gating
        if not rated_by_people(m)  # of which dev tells nothing
    ]
    for one in gains:
        yield one.summary(items, alpha)
    chances = [one.chance(items, alpha) for one in gains if one.beyond > 0]
    known = [found for found in chances if found is not None]
    if len(known) == len(gains) > 1 and (all_win := chance_of_all(known)) >= LEAST_SAID:
        yield f"all of them win, as a promotion needs, in {percent(all_win)} of cases at least"


def refuse_powerless(items: int, policy: Policy) -> None:
    """Raise InputError where so many fresh items find the policy's effect in one of its gating
    metrics more seldom than it asks: small sets in a row would each have a first look.
    """
    measured, alpha = dev_measured(), alpha_at(policy.alpha, 1)
    for metric in policy.gating:
        gain = ExpectedGain(metric, policy.effect - policy.threshold(metric), measured.get(metric))
        found = gain.chance(items, alpha)
        if gain.spread and found is not None and found < policy.power:
            least = detectable(items, gain.spread, alpha, policy.power, gain.design)
            asked = percent(policy.power).removeprefix("about ")
            raise InputError(
                f"{items} fresh items find {policy.effect:+g} in {metric} in {percent(found)} of "
                f"cases, and {asked} are asked: add rows to curation.collect.sources and raise "
                "curation.curate.sealed, or say in evaluation.policy.effect what gain is worth "
                f"waiting for (so many items find {policy.threshold(metric) + least:+.2g})"
            )


def dev_measured() -> Measured:
    """What the last run measured on dev; empty before the first."""
    return Evidence.read(EVIDENCE).dev if EVIDENCE.exists() else {}
