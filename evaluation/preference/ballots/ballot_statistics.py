"""What ballots add up to: how strong versions are, and how far reviewers agree."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import log, sqrt
from statistics import pvariance
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse, special

from evaluation.decision.statistics import Array
from project.canonical import digest_json
from project.errors import InputError
from project.records.ballots import Ballot
from project.records.record import Record

# How strong versions are, from choices between two at a time: Bradley–Terry on the Elo scale.

Relation = NDArray[np.bool_]  # [..., V, V]: true where the first version stands in it to the second
MEAN = 1000
POINTS = 400 / log(10)  # of rating, to one unit of natural log odds
LEVEL = 0.95
RESAMPLES = 1000
MOST_VERSIONS = 200  # half a minute; the time grows with more than their cube
BLOCK = 1_000_000
SHORT_STEP = 1e-6  # in log odds; Newton's steps square their errors, so it is the last
ROUNDING = 1e-6  # of a rating


class VersionStrength(Record):
    """A version's strength: 400 points more than another are odds of ten to one."""

    version: str
    rating: float  # the mean of its group is 1000
    interval: tuple[float, float] | None  # central 95 %; None where nothing tells it
    ballots: int
    group: int  # versions of different groups never met, not even by way of others
    bounded: bool  # else no finite ratings fit, and each pair that met was given a drawn ballot


@dataclass(frozen=True)
class WinCounts:
    """The ballots of a group of V versions that are connected by those who met."""

    versions: tuple[str, ...]
    items: int
    wins: sparse.csr_array  # [items, V·V]: of the first version over the second, ties as halves

    def matrices(self, weights: Array) -> Array:
        """Wins [R, V, V] when the items count with weights [R, items]."""
        size = len(self.versions)
        return np.asarray(weights @ self.wins).reshape(-1, size, size)


def rate(ballots: Sequence[Ballot]) -> tuple[VersionStrength, ...]:
    """Maximum-likelihood ratings, best first within each group that is connected.

    Ties and both bad are half a win each. Where no finite ratings fit, because some versions
    never lost to the others (Ford 1957), every pair that met is given one drawn ballot, which
    makes them finite, and there is no interval: what was never seen cannot be resampled.
    """
    return tuple(
        rating
        for number, group in enumerate(groups(ballots), start=1)
        for rating in rate_group(tally([b for b in ballots if b.left in group]), number)
    )


def groups(ballots: Iterable[Ballot]) -> list[set[str]]:
    """The versions that met, directly or by way of others; the groups by their first names.

    Raises InputError for more versions than anybody would wait for.
    """
    pairs = {ballot.pair for ballot in ballots}
    versions = sorted({version for pair in pairs for version in pair})
    if len(versions) > MOST_VERSIONS:
        problem = f"there are {len(versions)} versions, and at most {MOST_VERSIONS} can be rated"
        raise InputError(f"{problem}: leave some of them out")
    met = np.array([[tuple(sorted((a, b))) in pairs for b in versions] for a in versions], bool)
    components = {tuple(np.flatnonzero(row)) for row in reachable(met)} if versions else set()
    return [{versions[i] for i in group} for group in sorted(components)]


def tally(ballots: Sequence[Ballot]) -> WinCounts:
    versions = sorted({version for ballot in ballots for version in ballot.pair})
    items = sorted({ballot.item for ballot in ballots})
    place = {version: i for i, version in enumerate(versions)}
    row = {item: i for i, item in enumerate(items)}
    wins = []
    for ballot in ballots:
        a, b = (place[version] for version in ballot.pair)
        for i, j, winner in ((a, b, ballot.pair[0]), (b, a, ballot.pair[1])):
            won = 0.5 if ballot.winner is None else float(ballot.winner == winner)
            wins.append((won, row[ballot.item], i * len(versions) + j))
    values, rows, cells = zip(*wins, strict=True)
    shape = (len(items), len(versions) ** 2)
    return WinCounts(tuple(versions), len(items), sparse.csr_array((values, (rows, cells)), shape))


def rate_group(group: WinCounts, number: int) -> list[VersionStrength]:
    """The ratings of one group, best first."""
    (wins,) = group.matrices(np.ones((1, group.items)))
    met = wins + wins.T
    bounded = bool(is_bounded(wins > 0))
    (ratings,) = fit(wins[None], met > 0)
    limits = intervals(group, met > 0) if bounded else [None] * len(group.versions)
    strengths = [
        VersionStrength(
            version=version,
            rating=float(ratings[i]),
            interval=limits[i],
            ballots=int(met[i].sum()),
            group=number,
            bounded=bounded,
        )
        for i, version in enumerate(group.versions)
    ]
    return sorted(strengths, key=lambda rating: (-rating.rating, rating.version))


def intervals(group: WinCounts, met: Relation) -> list[tuple[float, float] | None]:
    """Percentile intervals [V] of the ratings when whole items are drawn again with replacement.

    Whole items, as the ballots on one item are dependent. The seed is a function of the data, so
    that equal ballots in any order give equal intervals. None where items that are all alike leave
    nothing to resample.
    """
    wins = group.wins
    data = [wins.data.tolist(), wins.indices.tolist(), wins.indptr.tolist()]
    rng = np.random.default_rng(int(digest_json(data)[:16], 16))
    block = max(1, BLOCK // max(group.items, met.size))  # resamples at a time, to bound the memory
    drawn = [
        fit(group.matrices(drawn_counts(rng, min(block, RESAMPLES - start), group.items)), met)
        for start in range(0, RESAMPLES, block)
    ]
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(np.concatenate(drawn), [tail, 1 - tail], axis=0)
    limits = zip(low.tolist(), high.tolist(), strict=True)
    return [(a, b) if b - a > ROUNDING else None for a, b in limits]


def drawn_counts(rng: np.random.Generator, resamples: int, items: int) -> Array:
    """How often each item is drawn in each resample, [resamples, items]."""
    drawn = rng.integers(items, size=(resamples, items))
    drawn += items * np.arange(resamples)[:, None]
    counts = np.bincount(drawn.ravel(), minlength=resamples * items)
    return counts.reshape(resamples, items).astype(np.float64)


def fit(wins: Array, met: Relation) -> Array:
    """Ratings [R, V] of the greatest likelihood under wins [R, V, V].

    `met` [V, V] says which versions met; those of a matrix without finite ratings are given half
    a win each way. Newton's method, no step so long that two versions part by more than one unit
    of log odds: so every step raises the likelihood (Bach 2010, self-concordant analysis of the
    logistic loss).
    """
    wins = wins + 0.5 * (met & ~is_bounded(wins > 0)[:, None, None])
    total = wins + wins.swapaxes(1, 2)
    size = wins.shape[1]
    odds: Array = np.zeros(wins.shape[:2])
    longest = 1.0
    while longest > SHORT_STEP:
        chance: Array = special.expit(odds[:, :, None] - odds[:, None, :])
        gradient = (wins - total * chance).sum(axis=2)
        weight = total * chance * (1 - chance)
        # Odds are known up to a constant; the last term pins their mean at 0.
        curvature = weight.sum(axis=2)[:, :, None] * np.eye(size) - weight + 1 / size
        step = np.linalg.solve(curvature, gradient[:, :, None])[:, :, 0]
        length = np.ptp(step, axis=1)
        odds += step / np.maximum(length, 1)[:, None]
        longest = float(length.max())
    ratings: Array = MEAN + POINTS * (odds - odds.mean(axis=1, keepdims=True))
    return ratings


def is_bounded(beat: Relation) -> Relation:
    """Whether finite ratings fit [...]: each version beat each other, if only by way of others."""
    return np.asarray(reachable(beat).all(axis=(-2, -1)))


def reachable(edges: Relation) -> Relation:
    """Which versions lead to which along the edges [..., V, V], in any number of steps or none."""
    size = edges.shape[-1]
    reach = edges | np.eye(size, dtype=bool)
    for _ in range(size.bit_length()):
        steps = reach.astype(np.float32)  # matrix products of booleans are slow
        reach = steps @ steps > 0
    return reach


# --- agreement of reviewers -----------------------------------------------------------------------

# How far reviewers agree beyond chance: Cohen's kappa for two, Fleiss' for any number.

CHOICES = ("better", "worse", "tie", "both_bad")  # of a ballot, by the rating of the versions
GROUPS = 20  # of comparisons, for the jackknife
ItemPair = tuple[str, tuple[str, str]]  # an item, and the two versions on it

T = TypeVar("T")


class ReviewerAgreement(Record):
    """Two reviewers on the comparisons that both have judged."""

    first: str
    second: str
    n: int  # common comparisons
    same: int  # of them with the same choice
    kappa: float | None  # None: undefined
    se: float | None  # its standard error; None: too few comparisons, or too much alike, to tell


class Consensus(Record):
    """All reviewers together."""

    n: int  # comparisons that two or more reviewers have judged
    kappa: float | None  # Fleiss'; None: undefined
    se: float | None


def cohen_kappa(a: Sequence[str], b: Sequence[str]) -> float | None:
    """Cohen's (1960) kappa of two raters' labels [n], item by item: (o − e)/(1 − e).

    o is the observed share of equal labels, e the share that the two raters' own frequencies
    would give by chance. None where it is undefined: no items, or both always say one same thing.
    Raises ValueError when the lengths differ.
    """
    n = len(a)
    same = sum(x == y for x, y in zip(a, b, strict=True))
    often_a, often_b = Counter(a), Counter(b)
    by_chance = sum(often_a[label] * often_b[label] for label in often_a)  # n² times e
    if by_chance == n * n:
        return None
    return (n * same - by_chance) / (n * n - by_chance)


def fleiss_kappa(counts: ArrayLike) -> float | None:
    """Fleiss' kappa of counts [items, categories]: how many raters chose what.

    Items may have different numbers of raters, as in Gwet (2014), Handbook of Inter-Rater
    Reliability, ch. 2: agreement is averaged over items with two raters or more, the chance of a
    category over all rated items. With equal numbers that is Fleiss (1971). None where undefined:
    nobody shares an item, or there is one category only.
    """
    table = np.asarray(counts, dtype=np.float64)
    table = table[table.sum(axis=1) > 0] if table.size else np.empty((0, 1))
    raters = table.sum(axis=1)
    shared = raters > 1
    if not shared.any() or np.count_nonzero(table.sum(axis=0)) < 2:
        return None
    pairs = (table * (table - 1)).sum(axis=1)[shared]
    observed = float((pairs / (raters * (raters - 1))[shared]).mean())
    expected = float(np.square((table / raters[:, None]).mean(axis=0)).sum())
    return (observed - expected) / (1 - expected)


def jackknife_error(
    statistic: Callable[[Sequence[T]], float | None], units: Sequence[T]
) -> float | None:
    """Standard error of a statistic by leaving out one of G groups of neighbouring units at a time.

    SE² = (G−1)/G · Σ_g (s_g − s̄)² (Quenouille 1956, Tukey 1958). None where leaving out a group
    leaves the statistic undefined, or changes nothing.
    """
    groups = min(len(units), GROUPS)
    if groups < 2:
        return None
    group = [i * groups // len(units) for i in range(len(units))]
    without = [
        statistic([unit for unit, g in zip(units, group, strict=True) if g != left_out])
        for left_out in range(groups)
    ]
    known = [value for value in without if value is not None]
    error = sqrt((groups - 1) * pvariance(known)) if len(known) == groups else 0
    return error or None


def choices(ballots: Iterable[Ballot], rank: Mapping[str, int]) -> dict[ItemPair, dict[str, str]]:
    """What each reviewer chose in each comparison, whichever side a version stood on; by item.

    The label is whether the better or the worse rated version won (rank 0 is the best). With two
    versions that is which one won. With more, the names of versions would not do as labels: each
    comparison admits two of them only, and so reviewers who toss coins would seem to agree.
    """
    labels: dict[ItemPair, dict[str, str]] = defaultdict(dict)
    for ballot in sorted(ballots, key=lambda ballot: (ballot.item, ballot.pair)):
        better = min(ballot.pair, key=rank.__getitem__)
        won = "better" if ballot.winner == better else "worse"
        label = won if ballot.winner else ballot.choice
        labels[ballot.item, ballot.pair][ballot.reviewer] = label
    return labels


def agreements(votes: Mapping[ItemPair, Mapping[str, str]]) -> tuple[ReviewerAgreement, ...]:
    """Cohen's kappa of every two reviewers who share a comparison, by their names."""
    common: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    for chosen in votes.values():
        for two in combinations(sorted(chosen), 2):
            common[two].append((chosen[two[0]], chosen[two[1]]))
    return tuple(
        ReviewerAgreement(
            first=first,
            second=second,
            n=len(labels),
            same=sum(a == b for a, b in labels),
            kappa=kappa_of(labels),
            se=jackknife_error(kappa_of, labels),
        )
        for (first, second), labels in sorted(common.items())
    )


def kappa_of(labels: Sequence[tuple[str, str]]) -> float | None:
    return cohen_kappa([a for a, _ in labels], [b for _, b in labels])


def consensus(votes: Mapping[ItemPair, Mapping[str, str]]) -> Consensus:
    """Fleiss' kappa over all comparisons."""
    tallies = [Counter(chosen.values()) for chosen in votes.values()]
    counts = [[tally[choice] for choice in CHOICES] for tally in tallies]
    return Consensus(
        n=sum(sum(row) > 1 for row in counts),
        kappa=fleiss_kappa(counts),
        se=jackknife_error(fleiss_kappa, counts),
    )
