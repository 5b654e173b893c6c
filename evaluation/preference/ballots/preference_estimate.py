"""How far people prefer the challenger, from their votes on some items and a judge on all of them.

Prediction-powered inference with power tuning: Angelopoulos, Duchi & Zrnic (2023), "PPI++:
Efficient prediction-powered inference"; with items drawn by unequal chances: Zrnic & Candès (2024),
"Active statistical inference". Where all chances are equal this is PPI++, the items without a vote
being its unlabelled sample.

With f_i the judge's word on item i of N, y_i people's word, and w_i = 1/π_i on the items that were
drawn (π_i: the chance to be among them), scaled so that Σ w = N, and 0 on the others, each item
counts by

    z_i = λ f_i + c + w_i (y_i − λ f_i − c),    c = Σ w (y − λ f) / N,

and the estimate is the mean of z. Its error is that of a mean of N items of which each is a sample
of items to come, cluster-robust, so that it holds for new items too. However bad the judge is, the
second part takes out what the first brings in; λ is what makes the error smallest, between 0 (the
votes alone) and 1.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, inf, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from evaluation.decision.statistics import LARGEST_EXPONENT, Array, log_capital_above
from project.records.record import Record

LEVEL = 0.95
TAIL = (1 - LEVEL) / 2
LEAST_VOTED = 3  # clusters with a vote, to estimate a mean, a tuning and an error

Index = NDArray[np.int64]


class PreferenceEstimate(Record):
    """How far people prefer the challenger: 1 wholly, ½ as much as the champion."""

    estimate: float
    se: float
    df: float  # of the t distribution that the estimate is judged by
    lower: float  # the 95 % interval
    upper: float
    sd: float  # of people's word from item to item, as if items did not depend on each other
    items: int
    votes: int  # of them with people's word
    saved: int  # further items that would be needed without the judge, for an equal width
    tuning: float  # λ: how far the judge is made use of, from 0 to 1


@dataclass(frozen=True)
class Voted:
    """The items, as numbers: everything has a place for each of N items."""

    judge: Array  # f
    people: Array  # y, and 0 where nobody voted
    weights: Array  # w, and 0 where nobody voted
    clusters: Index  # numbered from 0

    @property
    def votes(self) -> int:
        return int(np.count_nonzero(self.weights))

    def weighted(self, values: Array) -> float:
        """The mean over all items as the items with a vote tell it."""
        return float(self.weights @ values) / len(values)


def combined(
    judge: Sequence[float],
    votes: Sequence[tuple[int, float]],
    chances: Sequence[float] | None = None,
    clusters: Sequence[str] | None = None,
) -> PreferenceEstimate | None:
    """The estimate from a judge's win probabilities [N] and people's word on the items drawn.

    `votes` are the draws in their order, each the position of an item and people's word on it in
    [0, 1]; an item that was drawn again is there again. `chances` [N] are those of each draw; None:
    the voted items are a simple random sample. Items of one cluster depend on each other; None:
    each is alone. None where fewer than three clusters have a vote. Raises ValueError for numbers
    that fit nothing.
    """
    return estimate_of(gathered(judge, votes, chances, clusters))


def by_item(votes: Sequence[tuple[int, float]], items: int) -> dict[int, float]:
    """What people said of each item. Raises ValueError where they say two things of one."""
    words: dict[int, float] = {}
    for item, word in votes:
        if not 0 <= item < items or not 0 <= word <= 1:
            raise ValueError(f"{word!r} of item {item} of {items}: no vote")
        if words.setdefault(item, word) != word:
            raise ValueError(f"item {item} was drawn again, and people's word is another one")
    return words


def included(draws: int, chances: Sequence[float]) -> Array:
    """The chance of each item [N] to be among so many draws: 1 − (1 − q)^T."""
    with np.errstate(divide="ignore"):  # of a chance of one
        missed = draws * np.log1p(-np.asarray(chances, dtype=np.float64))
    return np.asarray(-np.expm1(missed), dtype=np.float64)


def gathered(
    judge: Sequence[float],
    votes: Sequence[tuple[int, float]],
    chances: Sequence[float] | None = None,
    clusters: Sequence[str] | None = None,
    places: Sequence[int] | None = None,
) -> Voted:
    """The items with their weights, as `combined` takes them; at these places, or all of them.

    Raises ValueError for lengths that differ, and for a vote on an item that could not be drawn.
    """
    even = chances is None or not votes
    chance = np.ones(len(judge)) if even else included(len(votes), chances or ())
    if len(chance) != len(judge) or len(clusters or judge) != len(judge):
        raise ValueError("judge, chances and clusters must be as many")
    words = by_item(votes, len(judge))
    if places is not None:
        words = {at: words[i] for at, i in enumerate(places) if i in words}
        judge, chance = [judge[i] for i in places], chance[list(places)]
        clusters = [clusters[i] for i in places] if clusters else None
    items, drawn = len(judge), np.array(sorted(words), dtype=np.int64)
    if len(drawn) and chance[drawn].min() <= 0:
        raise ValueError("there is a vote on an item whose chance is 0")
    people, weights = np.zeros(items), np.zeros(items)
    people[drawn] = [words[i] for i in drawn.tolist()]
    weights[drawn] = 1 / chance[drawn]
    scale = items / weights.sum() if len(drawn) else 1.0
    word = np.asarray(judge, dtype=np.float64)
    return Voted(word, people, weights * scale, numbered(clusters, items))


def numbered(clusters: Sequence[str] | None, items: int) -> Index:
    if clusters is None:
        return np.arange(items)
    number: dict[str, int] = {}
    return np.array([number.setdefault(name, len(number)) for name in clusters], dtype=np.int64)


def estimate_of(voted: Voted) -> PreferenceEstimate | None:
    """The estimate with its interval; None where fewer than three clusters have a vote."""
    effective = effective_clusters(voted)
    tuning = tuned(voted)
    df = effective - (2 if 0 < tuning < 1 else 1)  # at a bound the tuning was not estimated
    if len(np.unique(voted.clusters[voted.weights > 0])) < LEAST_VOTED or df <= 0:
        return None
    values = outcomes(voted, tuning)
    variance = variance_of_mean(values, voted.clusters) * effective / df
    variance += lacking(voted, voted.people - tuning * voted.judge)
    mean, se = float(values.mean()), sqrt(variance)
    reach = float(stats.t.isf(TAIL, df)) * se
    lower, upper = (mean - reach, mean + reach) if tuning else interval_of_share(voted, mean, df)
    # How many more items a simple random sample needs for this variance, without the judge.
    needed = spread(voted, values) / variance if variance else float(voted.votes)
    return PreferenceEstimate(
        estimate=mean,
        se=se,
        df=df,
        lower=max(0.0, lower),
        upper=min(1.0, upper),
        sd=sqrt(spread(voted, values)),
        items=len(values),
        votes=voted.votes,
        saved=round(min(needed, len(values)) - voted.votes),
        tuning=tuning,
    )


def outcomes(voted: Voted, tuning: float) -> Array:
    """z [N]: what each item counts by."""
    rest = voted.people - tuning * voted.judge
    centre = voted.weighted(rest)
    return tuning * voted.judge + centre + voted.weights * (rest - centre)


def tuned(voted: Voted) -> float:
    """λ: what makes the error smallest, in [0, 1].

    z is a + λ b in every item, so λ = −Cov(a, b)/Var(b) over clusters; at equal chances it is the
    power tuning of PPI++, Cov(y, f)/Var(f). It is estimated from the votes, which moves the mean by
    less than its error the more votes there are, and costs a degree of freedom.
    """
    alone = outcomes(voted, 0.0)
    moved = outcomes(voted, 1.0) - alone
    a, b = (cluster_sums(values - values.mean(), voted.clusters) for values in (alone, moved))
    square = float(b @ b)
    return min(1.0, max(0.0, -float(a @ b) / square)) if square > 1e-12 * len(a) else 0.0


def variance_of_mean(values: Array, clusters: Index) -> float:
    """CR2 of Bell & McCaffrey (2002), as evaluation.decision.statistics.paired has it."""
    n = len(values)
    sums = cluster_sums(values - values.mean(), clusters)
    sizes = np.bincount(clusters)
    return float((np.square(sums) / np.maximum(1 - sizes / n, 1 / n)).sum()) / n**2


def cluster_sums(values: Array, clusters: Index) -> Array:
    return np.bincount(clusters, weights=values).astype(np.float64)


def effective_clusters(voted: Voted) -> float:
    """As how many equal clusters the votes count: (Σ v)²/Σ v², v the squared weights in each."""
    reach = np.bincount(voted.clusters, weights=np.square(voted.weights))
    squares = float(np.square(reach).sum())
    return float(reach.sum()) ** 2 / squares if squares else 0.0


def lacking(voted: Voted, rest: Array) -> float:
    """What the votes' part of the variance lacks to what votes that all agree leave in doubt.

    A few votes that all agree, with one another or with the judge, do not show an error of 0. Where
    none of n is off, a share of 1 − (α/2)^(1/n) of them may be (Clopper & Pearson 1934): so far t's
    interval reaches at least. Votes on every item leave it too, as items to come have none.
    """
    n, items = effective_clusters(voted), len(voted.judge)
    off = rest - voted.weighted(rest)
    variance = float((np.square(voted.weights * off)).sum()) / items**2
    least = (1 - TAIL ** (1 / n)) / float(stats.t.isf(TAIL, n - 1))
    return float(max(0.0, least**2 - variance))


def interval_of_share(voted: Voted, share: float, df: float) -> tuple[float, float]:
    """The 95 % interval of people's share without a judge, for items to come.

    That of Clopper & Pearson (1934), which holds for few votes and near 0 and 1, where t's does
    not; of as many independent votes as have the variance of this share, n* = p (1 − p)/V times
    (t(n − 1)/t(df))², and of no more than there are (Korn & Graubard 1998, "Confidence intervals
    for proportions with small expected number of positive counts estimated from survey data").
    Where all votes agree no V is known, and each cluster counts as one vote.
    """
    variance = variance_of_mean(outcomes(voted, 0.0), voted.clusters)
    if variance > 1e-12:
        votes = float(voted.weights.sum() ** 2 / np.square(voted.weights).sum())
        ratio = stats.t.isf(TAIL, votes - 1) / stats.t.isf(TAIL, df)
        n = min(votes, share * (1 - share) / variance * float(ratio) ** 2)
    else:
        n = effective_clusters(voted)
    won, lost = share * n, (1 - share) * n
    lower = float(stats.beta.ppf(TAIL, won, lost + 1)) if won > 1e-9 else 0.0
    upper = float(stats.beta.isf(TAIL, won + 1, lost)) if lost > 1e-9 else 1.0
    return lower, upper


def spread(voted: Voted, values: Array) -> float:
    """The variance of people's word between items, times the design effect (Kish 1965) of clusters:
    a simple random sample of n items has this by n as the variance of its mean.
    """
    n = voted.votes
    off = voted.people - voted.weighted(voted.people)
    alone = voted.weighted(np.square(off)) * n / (n - 1) + n * lacking(voted, voted.people)
    each = variance_of_mean(values, np.arange(len(values)))
    return alone * variance_of_mean(values, voted.clusters) / each if each else alone


# --- anytime --------------------------------------------------------------------------------------

# The same estimate as a bet, for people who look after every vote and stop when they like.
#
# Each draw t of an item i, by its chance q_i, brings the inverse-probability-weighted difference
#
#     X_t = ½ + λ_t (F − ½) + (y_i − ½ − λ_t (f_i − ½)) / (N q_i),
#
# where F is the mean of the judge's word f on the N items and λ_t depends on earlier draws alone.
# Given those, the mean of X_t is θ, people's mean over the N items, however bad the judge is; and
# X_t is never under a_t, which is known before the draw. The bets are those of
# evaluation.decision.statistics on a mean, BETS of what can be risked.
#
# It is a statement about these N items. What people would say of further items, of which these are
# a sample, it does not bound: with a vote on every item it is sure of their mean. So the gate takes
# the smaller of two e-values, of this one and of evaluation.decision.preference_doubts's, which is
# about items to come; where either null hypothesis holds, the smaller is under an e-value.

BETS = (np.arange(20) + 0.5) / 20
SHRUNK = 5  # draws without any tie between judge and people, imagined before the first one


@dataclass(frozen=True)
class Draws:
    """What the bets are on: for each of T draws the difference, and what it can be at least."""

    found: Array  # X
    least: Array  # a


def e_value(
    judge: Sequence[float],
    votes: Sequence[tuple[int, float]],
    chances: Sequence[float],
    above: float = 0.5,
) -> float:
    """Evidence that people's mean over these items exceeds `above`, in (0, 1); 1 before any vote.

    `votes` are the draws in their order, as `combined` has them. Infinite beyond the float
    range. Raises ValueError for numbers that fit nothing.
    """
    logs = log_capital(differences(judge, votes, chances), above)
    last = float(logs[-1]) if len(logs) else 0.0
    return exp(last) if last < LARGEST_EXPONENT else inf


def log_capital(draws: Draws, above: float) -> Array:
    """The logarithm of what the bets have become, after each draw [T]."""
    if not 0 < above < 1:
        raise ValueError(f"{above!r} is no mean to exceed")
    return log_capital_above(above, draws.found, draws.least, BETS)


def differences(
    judge: Sequence[float], votes: Sequence[tuple[int, float]], chances: Sequence[float]
) -> Draws:
    """X and a of each draw. Raises ValueError for lengths that differ, and for what is no vote."""
    q = np.asarray(chances, dtype=np.float64)
    if len(q) != len(judge) or not len(q) or q.min() <= 0 or abs(float(q.sum()) - 1) > 1e-6:
        raise ValueError("needs a chance above 0 for each item, and 1 in all")
    if any(not 0 <= i < len(q) or not 0 <= y <= 1 for i, y in votes):
        raise ValueError("there is a vote on no item, or with no word from 0 to 1")
    lean = np.asarray(judge, dtype=np.float64) - 0.5
    raised = 1 / (len(q) * q)
    drawn = np.array([i for i, _ in votes], dtype=np.int64)
    words = np.array([y for _, y in votes], dtype=np.float64) - 0.5
    mean = float(lean.mean())
    moves = lean * raised - mean  # of mean 0 over the draws
    tuning = predictable(moves[drawn], words * raised[drawn], float(q @ np.square(moves)))
    values = 0.5 + tuning * mean + (words - tuning * lean[drawn]) * raised[drawn]
    # Between λ = 0 and 1 the largest loss is convex in λ, so it is under the straight line.
    most = (1 - tuning) * 0.5 * raised.max() + tuning * ((0.5 + lean) * raised).max()
    return Draws(values, 0.5 + tuning * mean - most)


def predictable(moves: Array, predictions: Array, variance: float) -> Array:
    """λ of each draw from the draws before it: their covariance by the variance that is known."""
    if variance <= 1e-12:
        return np.zeros(len(moves))
    before = np.concatenate([[0.0], np.cumsum(moves * predictions)])[: len(moves)]
    seen = np.arange(len(moves)) + SHRUNK
    tuning: Array = np.clip(before / (seen * variance), 0.0, 1.0)
    return tuning
