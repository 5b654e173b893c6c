"""Bounds of a mean that hold for any distribution on a known range, however rare large losses are.

To doubt that the mean μ is at most m, capital is laid on the differences x one after the other:

    K_t = K_{t−1} · (1 + b_t (x_t − m)),   0 ≤ b_t < 1 / (m − low).

Where μ ≤ m, K is a non-negative supermartingale that starts at 1, whatever the distribution, since
b_t is chosen before x_t is seen. So the chance that K ever reaches 1/α is at most α (Ville 1939),
and the m at which it does are refused (Waudby-Smith & Ramdas 2024, JRSS B 86).

The number n of differences is known beforehand, so each bet aims at what is still lacking by the
end, b_t² = 2 log(1 / (α K_{t−1})) / (V (n − t + 1)), with V the mean square of the differences so
far; capital that has reached 1/α stays there (Voráček & Orabona 2025, "STaR-Bets"). So little of α
is left unused, and the bound is hardly wider than t's where that holds.

Items of one cluster are one bet, on the sum of their differences. Bets follow the digests of the
clusters' names: an order that nobody's scores have a part in.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from evaluation.decision.statistics import Array
from project.canonical import digest_bytes
from project.records.evidence import SureBounds

# At which bounds are known: a look between two is judged by the smaller. Those of first looks are
# hardly smaller than the looks' own.
DIGITS = (7.5, 5.5, 4, 3, 2.4, 1.8, 1.3, 1)
LEVELS = (0.1, *(float(f"{digit}e-{power}") for power in range(2, 8) for digit in DIGITS))
RISKED = 0.9  # of the capital at most, on one cluster
# What the spread is taken for before there are differences, as a share of the range, and how many
# of them that counts for.
FIRST_SPREAD, FIRST_COUNT = 0.3, 3.0
PARTS, TIMES = 16, 3  # a bound is sought in so many parts of the range, each in so many again
MOST_BETS = 1_000  # of more clusters, several are one bet

Refused = NDArray[np.bool_]


def sure_bounds(
    differences: Array, clusters: Sequence[str], low: float, high: float, best: Array | None = None
) -> SureBounds:
    """Lower and upper one-sided bounds of the mean of differences [n] in [low, high], at LEVELS.

    The upper bounds are of `best` [n], where those differ, as where some items were not measured.
    """
    sums, sizes = bets_of(differences, clusters)
    most, _ = bets_of(differences if best is None else best, clusters)
    lower = lower_bounds(sums, sizes, low, high)
    upper = -lower_bounds(-most, sizes, -high, -low)
    return SureBounds(levels=LEVELS, lower=to_nine_digits(lower), upper=to_nine_digits(upper))


def bets_of(differences: Array, clusters: Sequence[str]) -> tuple[Array, Array]:
    """The sum and the number of the differences of each bet, in the order of the bets."""
    names = sorted(set(clusters), key=lambda name: digest_bytes(name.encode()))
    bets = min(len(names), MOST_BETS)
    place = {name: i * bets // len(names) for i, name in enumerate(names)}
    index = np.array([place[name] for name in clusters], dtype=np.int64)
    sums = np.bincount(index, weights=differences).astype(np.float64)
    return sums, np.bincount(index).astype(np.float64)


def lower_bounds(sums: Array, sizes: Array, low: float, high: float) -> Array:
    """At each of LEVELS the largest point of a fixed grid up to which every mean is refused."""
    bounds = np.full((len(LEVELS), 1), low)
    width = high - low
    for _ in range(TIMES):
        width /= PARTS
        points = bounds + width * np.arange(1, PARTS + 1)
        upto = np.logical_and.accumulate(means_refused(sums, sizes, points, low, high), axis=1)
        bounds = bounds + width * upto.sum(axis=1, keepdims=True)
    found: Array = bounds[:, 0]
    return found


def means_refused(sums: Array, sizes: Array, means: Array, low: float, high: float) -> Refused:
    """Whether the capital reaches 1/α against each of some means [levels, k]."""
    largest = sizes.max()
    target = np.log(1 / np.array(LEVELS))[:, None]
    most = RISKED / (means - low)
    capital = np.zeros(means.shape)  # its logarithm
    squares = np.full(means.shape, FIRST_COUNT * (FIRST_SPREAD * (high - low)) ** 2)
    for t, (total, size) in enumerate(zip(sums / largest, sizes / largest, strict=True)):
        lacking = np.maximum(target - capital, 0.0)
        bet = bet_on(lacking, squares / (FIRST_COUNT + t), len(sums) - t, most)
        apart = total - size * means
        capital += np.where(lacking > 0, np.log1p(bet * apart), 0.0)
        squares += apart * apart
    reached: Refused = capital >= target
    return reached


def bet_on(lacking: Array, spread: Array, left: int, most: Array) -> Array:
    """What is laid on the next difference, to gain by the last what the logarithm still lacks.

    `spread` is the mean square so far, `left` the differences to come, `most` what may be laid.
    """
    bet: Array = np.minimum(np.sqrt(2 * lacking / (spread * left)), most)
    return bet


def to_nine_digits(bounds: Array) -> tuple[float, ...]:
    return tuple(round(bound, 9) for bound in bounds.tolist())
