"""Bounds of a difference that hold at all times at once, to show to people.

A difference d is refuted when the bets against X − d have grown to 2/alpha (bets.py has the
theorem, Waudby-Smith & Ramdas 2024 the way): what is not refuted is between the bounds. The bets
are fixed shares of the most that can be risked, with the capital spread over them.
"""

from collections.abc import Callable

import numpy as np
from scipy import special

from serving.experiments.differences import Array, Differences

SHARES = np.array([0.01, 0.03, 0.1, 0.3, 0.6])  # of the most that can be risked
HALVINGS = 20  # to a millionth


def bounds(differences: Differences, alpha: float) -> tuple[float, float]:
    """Of challenger − champion, from −1 to 1, with 1 − alpha."""
    enough = float(np.log(2 / alpha))
    low = unrefuted(differences, enough)
    high = -unrefuted(differences.turned(), enough)
    return (low, high) if low <= high else ((low + high) / 2,) * 2


def unrefuted(differences: Differences, enough: float) -> float:
    """The smallest difference that is not refuted: the capital falls as the difference rises."""
    if not differences.found.size:
        return -1.0
    return smallest(lambda d: highest_capital(differences, d) < enough)


def smallest(holds: Callable[[float], bool]) -> float:
    """Where between −1 and 1 a condition begins to hold, from below."""
    low, high = -1.0, 1.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return low


def highest_capital(differences: Differences, difference: float) -> float:
    """The logarithm of the most that bets on a larger difference than this have come to."""
    room = np.maximum(difference - differences.least, 1e-9)
    gains = (differences.found - difference) / room
    logs = np.cumsum(np.log1p(np.outer(SHARES, np.maximum(gains, -1.0))), axis=1)
    capital: Array = special.logsumexp(logs, axis=0, b=1 / len(SHARES))
    return float(capital.max())
