"""How many more items would win the next look, where those that are there go on to count.

Of m items to come, each with a true difference Δ, beside n with a mean of d̄, the mean over all of
N = n + m is normal about (n d̄ + m Δ) / N with the standard deviation σ √m / N, since d̄ is known. It
wins at level α where it exceeds the threshold by the bound's width there, z₁₋α σ / √N and what a
bound that holds for any distribution costs beside. That is of the order 1/N, a few large losses
that n items may have hidden. Conditional power: Lan & Wittes 1988 (Biometrics 44: 579).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod, sqrt

from scipy import stats

from evaluation.decision.policy_checks import reach
from evaluation.decision.statistics import bounds, least
from project.records.evidence import MetricEvidence

MOST = 10_000_000  # items: what would take more is none


@dataclass(frozen=True)
class Prospect:
    """One metric on the items that are there, and what it is taken to be on those to come."""

    found: MetricEvidence
    effect: float  # the true difference of items to come
    threshold: float  # that a lower bound must exceed
    alpha: float  # of the look to come

    def chance(self, more: int) -> float:
        """That it wins, with so many more items."""
        found, items = self.found, self.found.n + more * self.share
        spread, known = found.se * sqrt(found.n), found.n / items
        if spread == 0 or items == found.n:
            return 0.0
        mean = found.diff * known + self.effect * (1 - known)
        z = float(stats.t.isf(self.alpha, found.df / known))
        width = z * spread / sqrt(items) + self.price * known
        error = spread * sqrt(items - found.n) / items
        return float(stats.norm.cdf((mean - width - self.threshold) / error))

    @property
    def share(self) -> float:
        """Of items to come those that the metric speaks of, as of those that are there."""
        return self.found.n / (self.found.n + self.found.unjudged)

    @property
    def price(self) -> float:
        """How far the bound that decides is under t's, on the items that are there."""
        found = self.found
        by_t, _ = bounds(found.diff, found.se, found.df, self.alpha)
        lower, _ = reach(found, self.alpha)
        return by_t - max(lower, found.sure.lower[-1] if found.sure else lower)


def more_items(prospects: Sequence[Prospect], power: float) -> int | None:
    """The fewest more items with which all win together in `power` of cases, as if what they miss
    by did not depend on each other. None where no number of items is known to do.
    """

    def enough(more: int) -> bool:
        return prod(one.chance(more) for one in prospects) >= power

    if any(one.effect <= one.threshold for one in prospects):
        return None
    return least(enough, MOST)
