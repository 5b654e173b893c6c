"""How far reviewers agree beyond chance: Cohen's kappa for two, Fleiss' for any number."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import combinations
from math import sqrt
from statistics import pvariance
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike

from project.records.ballots import Ballot
from project.records.record import Record

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
    found: dict[ItemPair, dict[str, str]] = defaultdict(dict)
    for ballot in sorted(ballots, key=lambda ballot: (ballot.item, ballot.pair)):
        better = min(ballot.pair, key=rank.__getitem__)
        won = "better" if ballot.winner == better else "worse"
        label = won if ballot.winner else ballot.choice
        found[ballot.item, ballot.pair][ballot.reviewer] = label
    return found


def agreements(found: Mapping[ItemPair, Mapping[str, str]]) -> tuple[ReviewerAgreement, ...]:
    """Cohen's kappa of every two reviewers who share a comparison, by their names."""
    common: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    for chosen in found.values():
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


def consensus(found: Mapping[ItemPair, Mapping[str, str]]) -> Consensus:
    """Fleiss' kappa over all comparisons."""
    tallies = [Counter(chosen.values()) for chosen in found.values()]
    counts = [[tally[choice] for choice in CHOICES] for tally in tallies]
    return Consensus(
        n=sum(sum(row) > 1 for row in counts),
        kappa=fleiss_kappa(counts),
        se=jackknife_error(fleiss_kappa, counts),
    )
