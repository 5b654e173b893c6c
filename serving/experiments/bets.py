"""Evidence that may be looked at after every answer: capital that grows on bets.

Theorem. Let X_t have a mean of at least 0 given all that came before: the challenger is not worse.
For every bet b_t ≥ 0 that is known before X_t, and small enough that b_t X_t ≤ 1, the capital

    K_t = Π_{s≤t} (1 − b_s X_s)

is a non-negative supermartingale that starts at 1, since E[1 − b X] = 1 − b E[X] ≤ 1; and so is the
mean of several such. So the chance that it ever reaches 1/α is at most α (Ville 1939). For yes and
no as values, these are the e-variables of Turner, Ly & Grünwald (2024, "Generic E-variables for
exact sequential k-sample tests that allow for optional stopping") for a known chance of assignment:
the likelihood of the arm's own rate by that of the rate over both. Bets on bounded means: Waudby-
Smith & Ramdas (2024), JRSS B 86.

One caller's users may be made up. So each caller's part of log K_t counts at most a fixed amount
for each of its users (`most`). What counts is never more than K_t: the theorem holds for it too.

The bet that lets the capital grow most where the difference is −d is about d by the variance
(Kelly). d is not known: the capital is laid on three of them.
"""

import numpy as np
from scipy import special

from serving.experiments.differences import Array, Counts, Differences

# Differences that are bet on, and the share of the capital on each: most on what matters.
HARMS = ((0.05, 0.1), (0.12, 0.7), (0.3, 0.2))
RISKED = 0.95  # of the capital at most, on one answer


def log_capital(
    differences: Differences, callers: Counts | None = None, most: float = np.inf
) -> Array:
    """The logarithm of the capital after each user [..., T], laid on the challenger's being worse.

    Turn the differences around to bet on its being better. With `callers`, whose user each is [T],
    a caller's part is at most `most` for each of its users.
    """
    bets = [bet(differences, harm) for harm, _ in HARMS]
    steps = [np.log1p(-b * differences.found) for b in bets]
    if callers is not None:
        steps = [capped(step, callers, most) for step in steps]
    logs = np.stack([np.cumsum(step, axis=-1) for step in steps])
    shares = np.array([share for _, share in HARMS]).reshape(-1, *[1] * (logs.ndim - 1))
    capital: Array = special.logsumexp(logs, axis=0, b=shares)
    return capital


def bet(differences: Differences, harm: float) -> Array:
    most: Array = np.minimum(harm / differences.variance, RISKED / differences.most)
    return most


def capped(steps: Array, callers: Counts, most: float) -> Array:
    """Steps [T] whose sums for each caller are at most `most` for each of its users until then."""
    order = np.argsort(callers, kind="stable")
    sums = np.cumsum(steps[order])
    starts = np.flatnonzero(np.diff(callers[order], prepend=-1))  # the first of each caller
    sizes = np.diff(starts, append=len(order))
    before = np.repeat(sums[starts] - steps[order][starts], sizes)
    number = np.arange(len(order)) - np.repeat(starts, sizes) + 1
    kept = np.minimum(sums - before, most * number)
    rises = np.diff(kept, prepend=0.0)
    rises[starts] = kept[starts]
    found = np.empty_like(steps)
    found[order] = rises
    return found
