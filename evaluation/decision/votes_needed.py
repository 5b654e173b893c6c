"""How many more people's votes would settle a preference, beside a judge and without one."""

from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt

from evaluation.decision.any_time_mean import any_time_e_value
from evaluation.decision.statistics import p_above


@dataclass(frozen=True)
class Standing:
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


def further_with_judge(standing: Standing, passes: Test) -> int | None:
    """How many more votes settle who is preferred, if people go on as so far; 0: none is needed.
    None where votes on all items would not.
    """
    found = least_votes(standing, passes, standing.error, parameters=2)
    return None if found is None else found - standing.votes


def further_alone(standing: Standing, passes: Test) -> int | None:
    """The same without the judge, on items like these; None: more votes than there are items."""
    found = least_votes(standing, passes, standing.error_alone, parameters=1)
    return None if found is None else found - standing.votes


def least_votes(
    standing: Standing, passes: Test, error: Callable[[int], float], parameters: int
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
