"""All that a set of ballots says: ratings, pairs of versions, agreement, favoured sides, and a
judge beside them.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from sys import float_info

from pydantic import Field
from scipy import stats

from evaluation.decision.statistics import e_value
from evaluation.preference.ballots.ballot_files import Majority, majorities
from evaluation.preference.ballots.ballot_statistics import (
    Consensus,
    ReviewerAgreement,
    VersionStrength,
    agreements,
    choices,
    consensus,
    rate,
)
from evaluation.preference.ballots.preference_estimate import combined
from project.errors import InputError
from project.records.ballots import Ballot, RightVersion, VersionPair, version_pair
from project.records.record import Record, read_input
from project.untrusted_input import refuse_doubled_keys

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
    # Every pair of versions that met, the stronger first; rank 0 is the best rated version.
    by_pair: dict[tuple[str, str], list[Majority]] = defaultdict(list)
    for majority in counted:
        by_pair[majority.versions].append(majority)
    pairs = [pair_result(pair, items, rank) for pair, items in by_pair.items()]
    return Count(
        ballots=len(ballots),
        items=len({ballot.item for ballot in ballots}),
        reviewers=len({ballot.reviewer for ballot in ballots}),
        votes=votes,
        ratings=ratings,
        pairs=tuple(sorted(pairs, key=lambda result: (rank[result.first], rank[result.second]))),
        agreements=agreements(chosen),
        consensus=consensus(chosen),
        sides=sides(ballots, rank),
        majorities=counted,
    )


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
    interval = stats.binomtest(left, len(decided)).proportion_ci(LEVEL, method="wilson")
    return Sides(
        decided=len(decided),
        left=left,
        left_share=left / len(decided),
        interval=(float(interval.low), float(interval.high)),
        better_left=fmean(rank[ballot.left] < rank[ballot.right] for ballot in decided),
    )


# --- judge file -----------------------------------------------------------------------------------

# A judge's word as a file of anybody's: how likely the left answer is preferred, item by item.


class JudgeLine(Record):
    """What a judge says of the answers of two versions to one item, shown in this order."""

    item: str = Field(min_length=1)
    left: str = Field(min_length=1)
    right: RightVersion
    preference: float = Field(ge=0, le=1, strict=True)  # the chance that the left is preferred

    @property
    def pair(self) -> VersionPair:
        return version_pair(self.left, self.right)


def read_judge(path: Path) -> tuple[JudgeLine, ...]:
    """Read JSON Lines of a judge. Raises InputError naming file, line and field.

    Of an item and two versions there is one line, or one for each order of the answers.
    """
    lines: list[JudgeLine] = []
    seen: dict[tuple[str, str, str], int] = {}
    for number, text in enumerate(read_input(path).splitlines(), start=1):
        if not text.strip():
            continue
        line = JudgeLine.parse(text, path, number)
        refuse_doubled_keys(text, path, number)
        key = line.item, line.left, line.right
        if (first := seen.setdefault(key, number)) != number:
            raise InputError(
                f"item {line.item!r} with {line.left!r} on the left is on line {first} already",
                file=path,
                line=number,
                field="item",
            )
        lines.append(line)
    if not lines:
        raise InputError("holds no line of a judge", file=path)
    return tuple(lines)


def words_by_pair(lines: Iterable[JudgeLine]) -> dict[VersionPair, dict[str, float]]:
    """The chance of the first version by name, by pair of versions and item; both orders are
    averaged.
    """
    by_item: dict[tuple[VersionPair, str], list[float]] = defaultdict(list)
    for line in lines:
        # The chance of the first version by name.
        by_item[line.pair, line.item].append(
            line.preference if line.left == line.pair[0] else 1 - line.preference
        )
    words: dict[VersionPair, dict[str, float]] = defaultdict(dict)
    for (pair, item), chances in by_item.items():
        words[pair][item] = fmean(chances)
    return dict(words)


# --- ballots with judge ---------------------------------------------------------------------------


# Anybody's ballots beside anybody's judge: each pair of versions by both.


class PredictionPowered(Record):
    """How far the first of two versions is preferred, by ballots and the judge."""

    first: str
    second: str
    estimate: float  # 1 wholly, ½ as much as the second
    interval: tuple[float, float]  # 95 %
    se: float
    tuning: float  # how far the judge is made use of, from 0 to 1
    items: int  # that the judge speaks of
    votes: int  # of them that people voted on, and that have closed
    saved: int  # further items that people would have to vote on without the judge


def prediction_powered(
    count: Count, lines: Sequence[JudgeLine], path: Path
) -> tuple[PredictionPowered, ...]:
    """Each pair of versions that the judge speaks of and that has three closed items or more, those
    with most votes first.

    The ballots' items were not drawn by chances that are known, so they are taken for a simple
    random sample of the items that the judge speaks of. Raises InputError for an item with ballots
    that the judge says nothing of.
    """
    words, made = words_by_pair(lines), []
    for pair in count.pairs:
        names = min(pair.first, pair.second), max(pair.first, pair.second)
        chances = words.get(names)
        closed = [item for item in count.majorities if item.versions == names and item.closed]
        if chances and (result := of_pair(pair, chances, closed, path)):
            made.append(result)
    return tuple(sorted(made, key=lambda estimate: -estimate.votes))


def of_pair(
    pair: PairResult, probabilities: Mapping[str, float], closed: Sequence[Majority], path: Path
) -> PredictionPowered | None:
    versions: VersionPair = pair.first, pair.second
    places = {item: place for place, item in enumerate(probabilities)}
    for line in closed:
        if line.item not in places:
            raise InputError(
                f"has no line on item {line.item!r} with {versions[0]!r} and {versions[1]!r}, "
                "which people voted on: give it one, with 0.5 where the judge cannot tell",
                file=path,
                field="item",
            )
    turned = pair.first > pair.second
    judge = [1 - chance if turned else chance for chance in probabilities.values()]
    worth = {pair.first: 1.0, pair.second: 0.0, None: 0.5}
    votes = [(places[line.item], worth[line.winner]) for line in closed]
    estimate = combined(judge, votes)
    if estimate is None:
        return None
    return PredictionPowered(
        first=pair.first,
        second=pair.second,
        estimate=estimate.estimate,
        interval=(estimate.lower, estimate.upper),
        se=estimate.se,
        tuning=estimate.tuning,
        items=estimate.items,
        votes=estimate.votes,
        saved=estimate.saved,
    )
