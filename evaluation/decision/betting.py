"""Evidence that may be looked at after every draw: capital that grows on bets.

Theorem (Ville 1939). Let X_t have a mean of at most 0 given all that came before. For every bet
b_t ≥ 0 that is known before X_t, and small enough that 1 + b_t X_t ≥ 0, the capital

    K_t = Π_{s≤t} (1 + b_s X_s)

is a non-negative supermartingale that starts at 1, since E[1 + b X] = 1 + b E[X] ≤ 1; and so is the
mean of several such. So the chance that it ever reaches 1/α is at most α.

For a mean m of a variable that is never under a: X − m in place of X, and g / (m − a) as the bet,
for each g in [0, 1) of several, each with the same share of the capital (Waudby-Smith & Ramdas
2024, "Estimating means of bounded random variables by betting", JRSS B 86, section 4, their
"diversified Kelly" bet): no bet has to be chosen. The means that are not refuted at 1/α are a
confidence sequence: it holds at all times at once.
"""

from collections.abc import Callable

import numpy as np
from scipy import special

from evaluation.decision.statistics import Array

LEAST_ROOM = 1e-9  # between a mean and the least that can be drawn


def log_capital_of(steps: Array, shares: Array) -> Array:
    """The logarithm of the capital after each draw [..., T], laid on B bets by their shares [B], of
    which each lets its part grow by so much: log(1 + b X) [B, ..., T].
    """
    logs = np.cumsum(steps, axis=-1)
    parts = shares.reshape(-1, *[1] * (logs.ndim - 1))
    return np.asarray(special.logsumexp(logs, axis=0, b=parts), dtype=np.float64)


def log_capital_above(mean: float, found: Array, least: Array, shares: Array) -> Array:
    """The same of bets that what is found [T] has a larger mean, where each can be so little at
    least [T]: equal parts of the capital, each of which risks another share of itself [B].
    """
    gains = (found - mean) / np.maximum(mean - least, LEAST_ROOM)
    steps = np.log1p(np.outer(shares, np.maximum(gains, -1.0)))
    return log_capital_of(steps, np.full(len(shares), 1 / len(shares)))


def smallest(holds: Callable[[float], bool], low: float, high: float, halvings: int) -> float:
    """Where between two numbers a condition begins to hold, from below."""
    for _ in range(halvings):
        middle = (low + high) / 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return low
