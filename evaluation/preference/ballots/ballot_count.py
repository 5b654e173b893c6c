"""All that a set of ballots says: ratings, pairs of versions, agreement, favoured sides."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from sys import float_info

from scipy import stats

from evaluation.decision.statistics import e_value
from evaluation.preference.ballots.ballot_files import Majority, majorities
from evaluation.preference.ballots.bradley_terry import VersionStrength, rate
from evaluation.preference.ballots.reviewer_agreement import (
    Consensus,
    ReviewerAgreement,
    agreements,
    choices,
    consensus,
)
from project.records.ballots import Ballot
from project.records.record import Record

LEVEL = 0.95


class PairResult(Record):
    """Two versions, the one that won more items first."""

    first: str
    second: str
    ballots: int
    items: int  # that have closed, so that they count
    open: int  # items with too few ballots yet
    wins: int  # closed items by majority
    losses: int
    ties: int
    win_rate: float | None  # of the first, ties as halves; None: no item has closed
    p: float  # two-sided exact sign test on the decided items
    e_value: float  # for "the first is better", at most the largest float
    e_value_second: float  # for "the second is better"


class Sides(Record):
    """Whether reviewers favour a side. Only ballots that chose a version are counted."""

    decided: int
    left: int
    left_share: float
    interval: tuple[float, float]  # Wilson's (1927), 95 %
    better_left: float  # share of them in which the better rated version stood on the left


class Count(Record):
    """What the ballots say, of versions and of reviewers."""

    ballots: int
    items: int
    reviewers: int
    votes: int  # ballots at which an item closes, for the pairs and the majorities
    ratings: tuple[VersionStrength, ...]  # best first
    pairs: tuple[PairResult, ...]  # of versions
    agreements: tuple[ReviewerAgreement, ...]  # of every two reviewers, Cohen's kappa
    consensus: Consensus  # of all reviewers, Fleiss' kappa
    sides: Sides | None  # None: no ballot chose a version
    majorities: tuple[Majority, ...]


def count(ballots: Sequence[Ballot], votes: int = 1) -> Count:
    """Count the ballots. Their order matters among those of one moment on one item only.

    An item counts for a pair of versions by the majority of its first `votes` ballots, and not
    before it has them: so the e-value may be looked at as ballots come in. One is the default, as
    it is right for every file; more ballots an item tell more of it, where it was agreed on before
    anybody looked.
    """
    ratings = rate(ballots)
    rank = {rating.version: i for i, rating in enumerate(ratings)}
    chosen = choices(ballots, rank)
    counted = majorities(ballots, votes)
    return Count(
        ballots=len(ballots),
        items=len({ballot.item for ballot in ballots}),
        reviewers=len({ballot.reviewer for ballot in ballots}),
        votes=votes,
        ratings=ratings,
        pairs=pair_results(counted, rank),
        agreements=agreements(chosen),
        consensus=consensus(chosen),
        sides=sides(ballots, rank),
        majorities=counted,
    )


def pair_results(counted: Iterable[Majority], rank: Mapping[str, int]) -> tuple[PairResult, ...]:
    """Every pair of versions that met, the stronger first; rank 0 is the best rated version."""
    by_pair: dict[tuple[str, str], list[Majority]] = defaultdict(list)
    for majority in counted:
        by_pair[majority.versions].append(majority)
    found = [pair_result(pair, items, rank) for pair, items in by_pair.items()]
    return tuple(sorted(found, key=lambda result: (rank[result.first], rank[result.second])))


def pair_result(
    pair: tuple[str, str], counted: Sequence[Majority], rank: Mapping[str, int]
) -> PairResult:
    closed = [majority for majority in counted if majority.closed]
    won = Counter(majority.winner for majority in closed)
    first, second = sorted(pair, key=lambda version: (-won[version], rank[version]))
    wins, losses = won[first], won[second]
    return PairResult(
        first=first,
        second=second,
        ballots=sum(majority.ballots for majority in counted),
        items=len(closed),
        open=len(counted) - len(closed),
        wins=wins,
        losses=losses,
        ties=won[None],
        win_rate=(wins + won[None] / 2) / len(closed) if closed else None,
        p=float(stats.binomtest(wins, wins + losses).pvalue) if wins else 1.0,
        e_value=min(e_value(wins, losses), float_info.max),
        e_value_second=min(e_value(losses, wins), float_info.max),
    )


def sides(ballots: Iterable[Ballot], rank: Mapping[str, int]) -> Sides | None:
    """How often the left was chosen; None when no ballot chose a version."""
    decided = [ballot for ballot in ballots if ballot.winner]
    if not decided:
        return None
    left = sum(ballot.choice == "left" for ballot in decided)
    found = stats.binomtest(left, len(decided)).proportion_ci(LEVEL, method="wilson")
    return Sides(
        decided=len(decided),
        left=left,
        left_share=left / len(decided),
        interval=(float(found.low), float(found.high)),
        better_left=fmean(rank[ballot.left] < rank[ballot.right] for ballot in decided),
    )
