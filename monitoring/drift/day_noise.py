"""How much days differ where nothing has changed, and what that makes of a night's distance.

Days differ where nothing has changed: by what is in the news, by who is on holiday. So the units of
one day are not quite independent, and a random choice of units, spread evenly over the days, shows
too little of how far one day may lie from the others. The reference's own days show it.

The model is the random effects model of one-way analysis of variance: a unit's columns are those of
its stratum, plus its day's, plus its own. Where the sum over units is weighed by w (tonight's
against the reference's, centred in the strata), units alone give it the variance R Σ w², and days
add A Σ (Σ w of the day)², over the days of both sides. So it is R + k A, with k the ratio of the
two. With w nights of n units each against D days of n, k = n whatever w is.
"""

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import digamma, polygamma
from scipy.stats import chi2, f, norm

from monitoring.drift.user_days import SignalUnits, UserDays
from monitoring.signals.signal import Direction, Ints

Numbers = NDArray[np.float64]
STEPS = 400  # of the integral over what the variance of days may be
FAR = 1e-13  # the chance that is left out at each of its ends
FEW = 5  # columns tell nothing of what is usual
MOST_DRAWN = 3  # degrees of freedom of others, at most, for each of a column's own
USUAL = 0.9  # of columns like the others have no larger square
UNLIKE = 0.05  # of kinds of day that are like the others seem to differ more
PULL = 0.03  # how strongly all columns are taken to vary by day where chance decides


@dataclass(frozen=True)
class Moments:
    """The moments of a sum of squares of correlated columns, and its largest root."""

    trace: float
    square: float
    cube: float
    largest: float

    @classmethod
    def of(cls, correlation: Numbers) -> Self:
        roots = np.linalg.eigvalsh(correlation)
        trace, square, cube = (float((roots**power).sum()) for power in (1, 2, 3))
        return cls(trace, square, cube, largest=float(roots[-1]))

    @property
    def rank(self) -> float:
        """The number of independent columns that would vary as much (Dempster 1958)."""
        return self.trace**2 / self.square


@dataclass(frozen=True)
class Prior:
    """What a column's mean square is usually, as if so many degrees of freedom had shown it."""

    square: float = 1.0
    freedom: float = 0.0

    @classmethod
    def of(cls, squares: Numbers, free: int) -> Self:
        """From mean squares of many columns, each of `free` degrees of freedom, by the moments of
        their logarithms (Smyth 2004).

        The more they are alike, the more a column is drawn to them; its own days count at least a
        quarter.
        """
        known = squares[squares > 0]
        if len(known) < FEW:
            return cls()
        logs = np.log(known) - digamma(free / 2) + np.log(free / 2)
        more, most = logs.var(ddof=1) - polygamma(1, free / 2), MOST_DRAWN * free
        freedom = most
        if more > polygamma(1, most / 2):
            freedom = 2 * brentq(lambda half: polygamma(1, half) - more, 1e-6, most / 2)
        square = np.exp(logs.mean() + digamma(freedom / 2) - np.log(freedom / 2))
        return cls(float(square), float(freedom))

    def holds(self, square: float, free: int) -> bool:
        """Whether a column's mean square is not too large to be like the others."""
        return bool(square <= self.square * f.ppf(USUAL, free, self.freedom))


NO_PRIOR = Prior()


@dataclass(frozen=True)
class DayNoise:
    """What a reference's days show of a signal.

    The squares of the days' contrasts have the mean trace + weight · a, all columns together, where
    a is what days add to their variances.
    """

    moments: Moments  # of units alone
    squares: Numbers  # of each column, their mean over the contrasts [columns]
    free: int  # contrasts: days, less one for each group of days that are compared
    weight: float
    rank: float  # so many independent columns would vary as days do
    prior: Prior = NO_PRIOR

    @property
    def mean(self) -> float:
        """The mean of the squares; one column's is drawn to the usual one."""
        observed = float(self.squares.sum())
        total = self.free * observed + self.prior.freedom * self.prior.square
        return total / (self.free + self.prior.freedom)

    @property
    def between(self) -> float:
        """The estimate of a; 0 or more."""
        return max(0.0, (self.mean - self.moments.trace) / self.weight)

    @property
    def freedom(self) -> float:
        """The degrees of freedom of a χ² that varies as the mean does."""
        trace, days = self.moments.trace, self.between * self.weight
        free = self.free + self.prior.freedom
        return free * (trace + days) ** 2 / float(self.square(np.array(days)))

    def exceeds(self, other: "DayNoise") -> bool:
        """Whether its days differ clearly more than another's, by F of the mean squares."""
        ratio = self.mean / max(other.mean, 1e-12)
        return bool(f.sf(ratio, self.freedom, other.freedom) < UNLIKE)

    def spread(self, k: float) -> float:
        """How much wider a sum spreads than over random choices of units: 1 or more."""
        return float(np.sqrt(1 + k * self.between / self.moments.trace))

    def p_value(self, sums: Numbers, k: float, direction: Direction) -> float:
        """How likely sums so large are, where days differ as the reference's do [columns].

        What a may be, given the squares, is integrated over: a generalised p-value (Tsui &
        Weerahandi 1989). With as many units in tonight's days as in the reference's and one column
        it is Student's t with the days as its units. A sum of squares has the scaled, shifted χ²
        that has its first three cumulants (Zhang 2005).
        """
        chances, between = self.likely
        if direction == "up":
            tails = norm.sf(sums[0] / np.sqrt(1 + k * between))
        else:
            tails = self.tails(float((sums**2).sum()), k * between)
        return float(chances @ tails)

    @cached_property
    def likely(self) -> tuple[Numbers, Numbers]:
        """What a may be, and how likely that is, as the squares leave it open [STEPS]."""
        trace, freedom = self.moments.trace, self.freedom
        cuts = np.linspace(np.log(chi2.ppf(FAR, freedom)), np.log(chi2.isf(FAR, freedom)), STEPS)
        chances = np.diff(chi2.cdf(np.exp(cuts), freedom))
        middle = np.exp((cuts[:-1] + cuts[1:]) / 2)
        between = (self.mean * freedom / middle - trace) / self.weight
        return chances, np.maximum(between, 0)

    def tails(self, statistic: float, days: Numbers) -> Numbers:
        """P(sum of squares ≥ statistic) where days add so much to its mean [n]."""
        moments, rank = self.moments, self.rank
        crossed = 3 * days * moments.largest**2 + 3 * days**2 * moments.largest / rank
        square, cube = self.square(days), moments.cube + crossed + days**3 / rank**1.5
        freedom, scale = square**3 / cube**2, cube / square
        chances: Numbers = chi2.sf((statistic - moments.trace - days) / scale + freedom, freedom)
        return chances

    def square(self, days: Numbers) -> Numbers:
        """Half of its variance; where days and units vary alike is not known, so at most that."""
        squared: Numbers = (
            self.moments.square + 2 * days * self.moments.largest + days**2 / self.rank
        )
        return squared


@lru_cache(maxsize=64)
def noise_of(reference: UserDays, signal: str) -> DayNoise | None:
    """What the reference's days show of a signal; None where it has no two days to compare.

    A column alone has few days to tell from. Where all columns of all signals are alike, it is
    taken to be like them. reference is the same object each night: what it shows is found once.
    """
    noise = own_noise(reference, signal)
    if noise is None or len(noise.squares) > 1:
        return noise
    prior = usual(reference, noise.free)
    known = prior.freedom > 0 and prior.holds(noise.mean, noise.free)
    return replace(noise, prior=prior) if known else noise


@lru_cache(maxsize=512)
def noise_of_kind(reference: UserDays, signal: str, strata: tuple[int, ...]) -> DayNoise | None:
    """The same of the days of some strata alone; None where these differ as all days do.

    What is news on one weekday only, as a newsletter's, is spread thin over all of them.
    """
    every, units = own_noise(reference, signal), reference.having(signal)
    if every is None or set(strata) >= set(units.kinds.tolist()):
        return None
    noise = noise_in(units.taken(np.isin(units.strata, strata)))
    return noise if noise and noise.exceeds(every) else None


@lru_cache(maxsize=16)
def usual(reference: UserDays, free: int) -> Prior:
    every = (own_noise(reference, signal) for signal in reference.columns)
    squares = [noise.squares for noise in every if noise]
    return Prior.of(np.concatenate(squares), free)


@lru_cache(maxsize=64)
def own_noise(reference: UserDays, signal: str) -> DayNoise | None:
    return noise_in(reference.having(signal))


def noise_in(units: SignalUnits) -> DayNoise | None:
    if not len(units.days):
        return None
    columns = units.columns.astype(np.float64)
    day, stratum = units.day_numbers, units.stratum_numbers
    columns -= means_by(stratum, columns)[stratum]
    deviation = columns.std(0)
    columns /= np.where(deviation > 1e-9, deviation, np.inf)
    weights, days = contrasts(table_of(day, stratum))
    if not len(days) or not columns.any():
        return None
    correlation = columns.T @ columns / len(columns)
    return noise_between(weights.T @ sums_by(day, columns), days, correlation)


def noise_between(contrasts: Numbers, days: Numbers, correlation: Numbers) -> DayNoise:
    """contrasts [free, columns] are independent, and their variance is correlation + days · A."""
    free, moments = len(contrasts), Moments.of(correlation)
    rank = moments.rank if free < 2 else rank_of(contrasts, correlation, moments)
    return DayNoise(moments, (contrasts**2).mean(0), free, float(days.mean()), rank)


def rank_of(contrasts: Numbers, correlation: Numbers, moments: Moments) -> float:
    """How many columns vary from day to day: the square of A's trace over its square's.

    Where chance decides, all are taken to: drawn to the columns' own rank by a share of what
    chance adds to the square.
    """
    free, mean = len(contrasts), float((contrasts**2).sum()) / len(contrasts)
    gram = float(((contrasts @ contrasts.T) ** 2).sum()) / free**2
    # Unbiased for the square of days and units together (Bai & Saranadasa 1996).
    together = free**2 / (free - 1) / (free + 2) * (gram - mean**2 / free)
    crossed = float(np.einsum("fc,cd,fd->", contrasts, correlation, contrasts)) / free
    of_days = max(together - 2 * crossed + moments.square, 0.0)
    trace, chance = max(mean - moments.trace, 0.0), PULL * 2 * moments.square / free
    rank = (trace**2 + moments.rank * chance) / (of_days + chance)
    return float(np.clip(rank, 1, moments.rank))


def contrasts(table: Numbers) -> tuple[Numbers, Numbers]:
    """Weights of the days' sums, of units centred in their strata, that make independent contrasts
    of variance 1 [days, free], and what a variance of days, 1 for a unit, adds to each [free].

    table [days, strata] counts units. The sums' variance is L = diag(day) - N S⁻¹ Nᵀ, and what days
    add to it L²: both are diagonal in L's own directions.
    """
    variance = np.diag(table.sum(1)) - (table / table.sum(0)) @ table.T
    values, directions = np.linalg.eigh(variance)
    free = values > 1e-6 * values.max()
    return directions[:, free] / np.sqrt(values[free]), values[free]


def k_of(current: SignalUnits, reference: SignalUnits) -> float:
    """What the variance of days counts in that of tonight's sum, beside that of units."""
    now, before = (
        table_of(units.day_numbers, units.stratum_numbers) for units in (current, reference)
    )
    n, m = now.sum(0), before.sum(0)
    share = n / (n + m)
    of_days = ((now @ (1 - share)) ** 2).sum() + ((before @ share) ** 2).sum()
    return float(of_days / (n * m / (n + m)).sum())


def widened(current: SignalUnits, reference: SignalUnits) -> float:
    """How much wider one column spreads over both sides than over the reference; 1 for several.

    Sums come in the standard deviations of both sides, of which a change is part. So what is far
    from everything could be at most so many of them away, too few for Student's t of a few days.
    """
    if reference.columns.shape[1] > 1:
        return 1.0
    together, alone = deviation_within(current, reference), deviation_within(reference)
    return together / alone if alone > 1e-9 else 1.0


def deviation_within(*sides: SignalUnits) -> float:
    columns = np.concatenate([side.columns for side in sides]).astype(np.float64)
    strata = np.concatenate([side.stratum_numbers for side in sides])
    return float((columns - means_by(strata, columns)[strata]).std())


def table_of(day: Ints, stratum: Ints) -> Numbers:
    """Units of each day and stratum [days, strata]."""
    shape = int(day.max()) + 1, int(stratum.max()) + 1
    counts = np.bincount(day * shape[1] + stratum, minlength=shape[0] * shape[1])
    return counts.reshape(shape).astype(np.float64)


def means_by(group: Ints, columns: Numbers) -> Numbers:
    return sums_by(group, columns) / np.bincount(group)[:, None]


def sums_by(group: Ints, columns: Numbers) -> Numbers:
    order = np.argsort(group, kind="stable")
    starts = np.searchsorted(group[order], np.arange(int(group.max()) + 1))
    sums: Numbers = np.add.reduceat(columns[order], starts, axis=0)
    return sums


# --- odd days -------------------------------------------------------------------------------------

# Days of the reference that lie out, and nights that are like them: month-ends, days of a release.
# They are few and come in a row, so no variance of days tells how far such nights may lie out.

ODD = 3.0  # standard errors
NORMAL = 1.4826  # a normal standard deviation, in medians of the distance from the median
FEWEST_DAYS = 7  # of fewer none is odd
LONGEST_RUN = 7  # days


class OddDays(NamedTuple):
    """Nights that are like odd days of the reference, and those days, by their numbers."""

    nights: Ints
    days: Ints


def odd_days(now: SignalUnits, reference: SignalUnits) -> OddDays | None:
    """Those that lie out where tonight does, of any stratum; None where there are no such days or
    nights. The reference has all of tonight's strata.

    A night is like them where it is nearer to them than to the other days. Of a window so many
    nights are as there were odd days: what was a day's and stays is a change.
    """
    if not len(now.days) or len(np.unique(reference.days)) < FEWEST_DAYS:
        return None
    means = means_by(reference.stratum_numbers, reference.columns.astype(np.float64))
    tonight = now.columns - means[np.searchsorted(reference.kinds, now.strata)]
    usual = reference.columns - means[reference.stratum_numbers]
    deviation = usual.std(0)
    scale = np.where(deviation > 1e-9, deviation, np.inf)
    tonight, usual = tonight / scale, usual / scale
    along = usual @ tonight.mean(0)
    out = sums_by(reference.day_numbers, along) / np.sqrt(np.bincount(reference.day_numbers))
    out -= np.median(out)
    odd = odd_runs(out / max(float(along.std()), NORMAL * float(np.median(np.abs(out)))))
    if not odd.any():
        return None
    there = odd[reference.day_numbers]
    like, unlike = usual[there].mean(0), usual[~there].mean(0)
    nearer = (means_by(now.day_numbers, tonight) - (like + unlike) / 2) @ (like - unlike)
    chosen = np.argsort(-nearer)[: min(int(odd.sum()), int((nearer > 0).sum()))]
    days = OddDays(np.unique(now.days)[chosen], np.unique(reference.days)[odd])
    return days if len(chosen) else None


def odd_runs(out: Numbers) -> NDArray[np.bool_]:
    """Which days are in a run of days in a row that lies out, as a whole; out [days] has a
    deviation of 1 where no day is odd. Then one of 28 days is taken for odd once in 18 times.
    """
    sums = np.concatenate([[0.0], np.cumsum(out)])
    runs = (
        (float(sums[last] - sums[first]) / np.sqrt(last - first), first, last)
        for first in range(len(out))
        for last in range(first + 1, min(first + LONGEST_RUN, len(out)) + 1)
    )
    odd = np.zeros(len(out), bool)
    for score, first, last in sorted(runs, reverse=True):
        if score > ODD and not odd[first:last].any():
            odd[first:last] = True
    return odd
