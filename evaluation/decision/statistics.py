"""Means with their errors and intervals, and bounds by betting for scores of a known range."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, exp, inf, log, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from project.canonical import digest_bytes, digest_json
from project.records.evidence import SureBounds

# --- statistics -----------------------------------------------------------------------------------

# Paired differences with cluster-robust errors: what is known of a mean, and how well.

Array = NDArray[np.float64]
RESAMPLES = 1000
BLOCK = 1_000_000
MOST_UNITS = 5_000  # that the bootstrap draws from
LARGEST_EXPONENT = 709  # of e, in a double


@dataclass(frozen=True)
class PairedDifferences:
    """Mean of n item differences in C clusters, with its standard error."""

    n: int
    clusters: int
    diff: float
    sd: float
    se: float
    df: float  # of the t distribution that the mean is judged by; clusters − 1 where they are alike
    bootstrap: tuple[float, float]


def paired(differences: Array, clusters: Sequence[str]) -> PairedDifferences:
    """Summarise differences [n], items of one cluster being dependent.

    SE² = Σ_c (Σ_{i∈c} (d_i − d̄))² / (1 − n_c/n) / n²: the bias-reduced linearisation CR2 of Bell &
    McCaffrey 2002 (Survey Methodology 28: 169) for a mean. For clusters of one size it is the usual
    form with the factor C/(C−1). Raises ValueError with fewer than two clusters.
    """
    number = {name: i for i, name in enumerate(sorted(set(clusters)))}
    index = np.array([number[name] for name in clusters], dtype=np.int64)
    n, count = len(differences), len(number)
    if count < 2:
        raise ValueError(f"{n} items in {count} clusters: at least two clusters are needed")
    mean = float(differences.mean())
    sums = np.bincount(index, weights=differences - mean)
    sizes = np.bincount(index).astype(np.float64)
    variance = float((np.square(sums) / (1 - sizes / n)).sum()) / n**2
    return PairedDifferences(
        n=n,
        clusters=count,
        diff=mean,
        sd=float(differences.std(ddof=1)),
        se=rounding_to_zero(sqrt(variance), float(np.abs(differences).max())),
        df=satterthwaite(sizes),
        bootstrap=bootstrap_interval(sums + mean * sizes, sizes),
    )


def satterthwaite(sizes: Array) -> float:
    """Degrees of freedom of a CR2 error of a mean over clusters of these sizes [C].

    (tr P)² / tr P² for the quadratic form P that the error is in independent errors of the items
    (Bell & McCaffrey 2002; Pustejovsky & Tipton 2018). C − 1 for clusters of one size, and fewer
    the more of the items are in a few of them.
    """
    if sizes.min() == sizes.max():
        return float(len(sizes) - 1)
    n = float(sizes.sum())
    reach = np.square(sizes) / (1 - sizes / n)
    between = (reach.sum() ** 2 - np.square(reach).sum()) / n**2
    return float(n**2 / (np.square(sizes).sum() + between))


def rounding_to_zero(se: float, largest: float) -> float:
    """Equal differences have a standard error of 0, whatever floating point makes of them."""
    return se if se > 1e-12 * max(largest, 1.0) else 0.0


def bootstrap_interval(sums: Array, sizes: Array, level: float = 0.9) -> tuple[float, float]:
    """Percentile interval of the mean when whole clusters are drawn again with replacement.

    The seed is a function of the data, so that equal scores give equal intervals. Of very many
    clusters, random groups are drawn instead: the error of that is far under the interval's own.
    """
    seed = int(digest_json([sums.tolist(), sizes.tolist()])[:16], 16)
    rng = np.random.default_rng(seed)
    if len(sums) > MOST_UNITS:
        group = rng.permutation(len(sums)) % MOST_UNITS
        sums, sizes = (np.bincount(group, weights=w).astype(np.float64) for w in (sums, sizes))
    block = max(1, BLOCK // len(sums))  # resamples at a time, to bound the memory
    means = np.concatenate(
        [
            sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
            for start in range(0, RESAMPLES, block)
            for drawn in [rng.integers(len(sums), size=(min(block, RESAMPLES - start), len(sums)))]
        ]
    )
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def p_above(diff: float, se: float, df: float, threshold: float) -> float:
    """One-sided p of the hypothesis that the true difference is at most threshold."""
    if se == 0:
        return 1.0  # equal differences say nothing about how much they could have differed
    return float(special.stdtr(df, -(diff - threshold) / se))


def p_below(diff: float, se: float, df: float, threshold: float) -> float:
    """One-sided p of the hypothesis that the true difference is at least threshold."""
    return p_above(-diff, se, df, -threshold)


def bounds(diff: float, se: float, df: float, alpha: float) -> tuple[float, float]:
    """Lower and upper one-sided (1 − alpha) confidence bounds."""
    reach = -float(special.stdtrit(df, alpha)) * se
    return diff - reach, diff + reach


def e_value(wins: int, losses: int) -> float:
    """Evidence that wins are likelier than losses, valid whenever one looks and stops.

    E = 2^{n+1} · B(w+1, l+1) · (1 − I_{1/2}(w+1, l+1)) with n = w + l: the likelihood ratio of a
    win probability drawn evenly from (1/2, 1) against 1/2, a martingale under the null. By Ville's
    inequality the chance that it ever reaches 1/α is at most α. Infinite beyond the float range.
    """
    log_ratio = (
        (wins + losses + 1) * log(2)
        + special.betaln(wins + 1, losses + 1)
        + stats.beta.logsf(0.5, wins + 1, losses + 1)
    )
    return exp(log_ratio) if log_ratio < LARGEST_EXPONENT else inf


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's (1979) step-down adjustment of p-values, in the order given."""
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    adjusted, highest = [0.0] * len(p_values), 0.0
    for rank, i in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[i]))
        adjusted[i] = highest
    return adjusted


def items_needed(
    sd: float, effect: float, alpha: float, power: float, metrics: int = 1, design: float = 1.0
) -> int:
    """Items that find a true `effect` in all of `metrics` metrics with the given power.

    n = (z₁₋α + z₁₋β/G)² σ² / Δ², times the design effect (Kish 1965) of clustered items.
    """
    z = stats.norm.isf(alpha) + stats.norm.isf((1 - power) / metrics)
    return ceil(design * (z * sd / effect) ** 2) if sd > 0 else 0


def least(enough: Callable[[int], bool], most: int, above: int = 0) -> int | None:
    """The smallest number above one that is enough, by doubling and halving: more helps. None where
    more than `most` would be tried.
    """
    low, high = above, above + 1
    while not enough(high):
        low, high = high, 2 * high
        if high > most:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


# --- bounded mean ---------------------------------------------------------------------------------

# Bounds of a mean that hold for any distribution on a known range, however rare large losses are.
#
# To doubt that the mean μ is at most m, capital is laid on the differences x one after the other:
#
#     K_t = K_{t−1} · (1 + b_t (x_t − m)),   0 ≤ b_t < 1 / (m − low).
#
# Where μ ≤ m, K is a non-negative supermartingale that starts at 1, whatever the distribution,
# since b_t is chosen before x_t is seen. So the chance that K ever reaches 1/α is at most α (Ville
# 1939), and the m at which it does are refused (Waudby-Smith & Ramdas 2024, JRSS B 86).
#
# The number n of differences is known beforehand, so each bet aims at what is still lacking by the
# end, b_t² = 2 log(1 / (α K_{t−1})) / (V (n − t + 1)), with V the mean square of the differences so
# far; capital that has reached 1/α stays there (Voráček & Orabona 2025, "STaR-Bets"). So little of
# α is left unused, and the bound is hardly wider than t's where that holds.
#
# Items of one cluster are one bet, on the sum of their differences. Bets follow the digests of the
# clusters' names: an order that nobody's scores have a part in.

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
    """The largest point of a fixed grid up to which every mean is refused, at each of LEVELS."""
    bounds = np.full((len(LEVELS), 1), low)
    width = high - low
    for _ in range(TIMES):
        width /= PARTS
        points = bounds + width * np.arange(1, PARTS + 1)
        upto = np.logical_and.accumulate(means_refused(sums, sizes, points, low, high), axis=1)
        bounds = bounds + width * upto.sum(axis=1, keepdims=True)
    largest: Array = bounds[:, 0]
    return largest


def means_refused(
    sums: Array,
    sizes: Array,
    means: Array,
    low: float,
    high: float,
    levels: Array | Sequence[float] = LEVELS,
) -> Refused:
    """Whether the capital reaches 1/α against each of some means [levels, k]."""
    largest = sizes.max()
    target = np.log(1 / np.asarray(levels))[..., None]
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


# --- betting --------------------------------------------------------------------------------------

# Evidence that may be looked at after every draw: capital that grows on bets.
#
# Theorem (Ville 1939). Let X_t have a mean of at most 0 given all that came before. For every bet
# b_t ≥ 0 that is known before X_t, and small enough that 1 + b_t X_t ≥ 0, the capital
#
#     K_t = Π_{s≤t} (1 + b_s X_s)
#
# is a non-negative supermartingale that starts at 1, since E[1 + b X] = 1 + b E[X] ≤ 1; and so is
# the mean of several such. So the chance that it ever reaches 1/α is at most α.
#
# For a mean m of a variable that is never under a: X − m in place of X, and g / (m − a) as the bet,
# for each g in [0, 1) of several, each with the same share of the capital (Waudby-Smith & Ramdas
# 2024, "Estimating means of bounded random variables by betting", JRSS B 86, section 4, their
# "diversified Kelly" bet): no bet has to be chosen. The means that are not refuted at 1/α are a
# confidence sequence: it holds at all times at once.

LEAST_ROOM = 1e-9  # between a mean and the least that can be drawn


def log_capital_of(steps: Array, shares: Array) -> Array:
    """The logarithm of the capital after each draw [..., T], laid on B bets by their shares [B], of
    which each lets its part grow by so much: log(1 + b X) [B, ..., T].
    """
    logs = np.cumsum(steps, axis=-1)
    parts = shares.reshape(-1, *[1] * (logs.ndim - 1))
    return np.asarray(special.logsumexp(logs, axis=0, b=parts), dtype=np.float64)


def log_capital_above(mean: float, differences: Array, least: Array, shares: Array) -> Array:
    """The same of bets that what is found [T] has a larger mean, where each can be so little at
    least [T]: equal parts of the capital, each of which risks another share of itself [B].
    """
    gains = (differences - mean) / np.maximum(mean - least, LEAST_ROOM)
    steps = np.log1p(np.outer(shares, np.maximum(gains, -1.0)))
    return log_capital_of(steps, np.full(len(shares), 1 / len(shares)))


def smallest(holds: Callable[[float], bool], low: float, high: float, halvings: int) -> float:
    """Where between two numbers a condition begins to hold, from below."""
    for _ in range(halvings):
        middle = (low + high) / 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return low
