"""What an eval set can show: the chance that a true gain is found, and the smallest one that is.

Everything here inverts `items_needed`, which the rule counts further items by.
"""

from collections.abc import Iterable
from math import ceil, sqrt

from scipy import stats

from evaluation.decision.statistics import items_needed

# The spread of the items' differences, where a project has not measured its own: the median over
# nine comparisons of the sample task, on 24 to 165 items each, of challengers with the bare base
# and with another adapter. They were 0.13 to 0.20 in rougeL and 0.16 to 0.21 in semantic.
SPREADS = {"rougeL": 0.17, "semantic": 0.19}
USUAL, SURE = 0.8, 0.9  # chances that people plan for


def chance(items: int, effect: float, spread: float, alpha: float, design: float = 1.0) -> float:
    """The chance that a true gain wins one metric at a level: Φ(Δ √(n/deff) / σ − z₁₋α).

    The power of the one-sided z-test of a mean (Cohen 1988, section 2.2). `effect` Δ is what the
    gain has beyond the policy's threshold, `spread` σ the standard deviation of the items'
    differences, `design` deff the design effect of clustered items (Kish 1965).
    """
    return float(stats.norm.cdf(effect / error(items, spread, design) - stats.norm.isf(alpha)))


def chance_of_all(chances: Iterable[float]) -> float:
    """At least how likely all metrics win, whatever ties them together: 1 − Σ (1 − chance).

    Bonferroni's bound; by it the rule divides what may be missed among the gating metrics.
    """
    return max(0.0, 1.0 - sum(1.0 - probability for probability in chances))


def detectable(
    items: int, spread: float, alpha: float, chance: float = USUAL, design: float = 1.0
) -> float:
    """The smallest true gain that is found with a chance: (z₁₋α + z_chance) σ √(deff/n)."""
    z = stats.norm.isf(alpha) + stats.norm.ppf(chance)
    return float(z * error(items, spread, design))


def error(items: int, spread: float, design: float) -> float:
    """The standard error of the mean difference."""
    return spread * sqrt(design / items)


def sealed_power_line(
    items: int,
    effect: float,
    metric: str,
    alpha: float,
    measured: float | None = None,
    design: float = 1.0,
) -> str | None:
    """In a sentence, what so many sealed items can show of one metric at a first look.

    `measured` is the project's own spread; without it one is assumed. None where none is known.
    """
    spread = SPREADS.get(metric) if measured is None else measured
    if not spread:
        return None
    power = chance(items, effect, spread, alpha, design)
    least = detectable(items, spread, alpha, design=design)
    more = items_needed(spread, effect, alpha, SURE, design=design)
    sentence = f"{items:,} sealed items find {effect:+g} in {metric} in {percent(power)} of cases"
    if more > items:
        sentence += f", {rounded(more):,} in {percent(SURE)}"
    sentence += f"; they find {least:+.2g} in {percent(USUAL)}"
    source = "assumed" if measured is None else "measured on dev in the last run"
    return (
        f"{sentence} (a spread of {spread:.2g} between the items' differences is {source}; "
        f"look 1, alpha {alpha:.4f})"
    )


def percent(share: float) -> str:
    """The share as people say it of what is roughly known."""
    if share < 0.01:
        return "under 1 %"
    return "over 99 %" if share > 0.99 else f"about {share:.0%}".replace("%", " %")


def rounded(items: int) -> int:
    """Up to two digits."""
    step = int(10 ** max(0, len(str(items)) - 2))
    return ceil(items / step) * step
