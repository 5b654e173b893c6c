"""How many more people's votes would settle a preference, beside a judge and without one."""

from collections.abc import Callable
from dataclasses import dataclass
from math import exp, inf, log, log1p, sqrt

from scipy import stats

from evaluation.decision.statistics import LARGEST_EXPONENT, p_above


@dataclass(frozen=True)
class VotesSoFar:
    """What votes on some of the items say so far, beside a judge's word on all of them."""

    difference: float  # people's preference less one half
    se: float  # of the estimate with the judge
    sd: float  # of people's word, from item to item
    votes: int  # items that people voted on
    items: int

    def error(self, votes: int) -> float:
        """The standard error at so many votes: σ²/N + κ (1/n − 1/N), with κ from today's."""
        each = self.sd**2 / self.items
        reach = 1 / self.votes - 1 / self.items
        rest = max(0.0, self.se**2 - each) / reach if reach > 0 else 0.0
        return sqrt(each + rest * (1 / votes - 1 / self.items))

    def error_alone(self, votes: int) -> float:
        """The same of a random sample of the items, without the judge."""
        return self.sd / sqrt(votes)


Test = Callable[[float, float, float], bool]  # of a difference, its error and its df


def t_test(alpha: float) -> Test:
    return lambda difference, se, df: p_above(difference, se, df, 0.0) < alpha


def any_time_test(alpha: float) -> Test:
    return lambda difference, se, df: any_time_e_value(difference, se, df) >= 1 / alpha


def votes_to_settle(
    standing: VotesSoFar, alpha: float, *, any_time: bool
) -> tuple[int | None, int | None]:
    """How many more votes settle who is preferred, if people go on as so far, with this judge, and
    without it on items like these; 0: none is needed. None where votes on all items would not.

    `any_time`: by a test that may be looked at after every vote, else by one look at the end.
    """
    passes = any_time_test(alpha) if any_time else t_test(alpha)
    ways = (
        least_votes(standing, passes, standing.error, parameters=2),
        least_votes(standing, passes, standing.error_alone, parameters=1),
    )
    with_judge, alone = (None if votes is None else votes - standing.votes for votes in ways)
    return with_judge, alone


def least_votes(
    standing: VotesSoFar, passes: Test, error: Callable[[int], float], parameters: int
) -> int | None:
    """The smallest number of votes from today's on that settles it, whichever way, by halving."""
    difference = abs(standing.difference)

    def enough(votes: int) -> bool:
        return passes(difference, error(votes), votes - parameters)

    low, high = standing.votes - 1, standing.items
    if not enough(high):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


# --- any time mean --------------------------------------------------------------------------------

# Any-time evidence from a mean and its error, where both come from ever more votes.
#
# An estimate that grows with every vote moves, on the scale of what is known, I = 1/SE², like a
# random walk with drift: B = I (estimate − m) has mean I (θ − m) and variance I (Scharfstein,
# Tsiatis & Robins 1997, JASA 92: efficient estimates have independent increments). Then
#
#     E = ∫ exp(δ B − δ² I/2) dΠ(δ),   Π half-normal with scale ρ,
#
# is a supermartingale where θ ≤ m, and the chance that it ever reaches 1/α is at most α (Robbins
# 1970, Annals of Mathematical Statistics 41; Howard et al. 2021, Annals of Statistics 49). It holds
# as votes become many (Waudby-Smith et al. 2024, Annals of Statistics 52, on asymptotic confidence
# sequences); benchmarks/votes.py measures it with few.

SCALE = 0.1  # ρ: how far a preference is from one half, where it is
FARTHEST = 100.0  # a z that nothing real exceeds


def any_time_e_value(difference: float, se: float, df: float, scale: float = SCALE) -> float:
    """Evidence that a true difference is above 0: 2 Φ(x) exp(x²/2) / √(1 + ρ²I).

    x = z ρ√I / √(1 + ρ²I), where z is the normal quantile of what t with df degrees of freedom
    says, as the error is estimated. 1 without an error; infinite beyond the float range.
    """
    if se <= 0:
        return 1.0
    z = float(-stats.norm.ppf(stats.t.sf(difference / se, df)))
    known = (scale / se) ** 2
    x = min(max(z, -FARTHEST), FARTHEST) * sqrt(known / (1 + known))
    logarithm = log(2) + float(stats.norm.logcdf(x)) + x * x / 2 - log1p(known) / 2
    return exp(logarithm) if logarithm < LARGEST_EXPONENT else inf
