"""Anybody's ballots beside anybody's judge: each pair of versions by both."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from evaluation.preference.ballots.ballot_count import Count, PairResult
from evaluation.preference.ballots.ballot_files import Majority
from evaluation.preference.people_and_judge.estimate import combined
from evaluation.preference.people_and_judge.judge_file import JudgeLine, Pair, words_by_pair
from project.errors import InputError
from project.records.record import Record


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
    found: Count, lines: Sequence[JudgeLine], path: Path
) -> tuple[PredictionPowered, ...]:
    """Each pair of versions that the judge speaks of and that has three closed items or more, those
    with most votes first.

    The ballots' items were not drawn by chances that are known, so they are taken for a simple
    random sample of the items that the judge speaks of. Raises InputError for an item with ballots
    that the judge says nothing of.
    """
    words, made = words_by_pair(lines), []
    for pair in found.pairs:
        names = min(pair.first, pair.second), max(pair.first, pair.second)
        said = words.get(names)
        closed = [one for one in found.majorities if one.versions == names and one.closed]
        if said and (result := of_pair(pair, said, closed, path)):
            made.append(result)
    return tuple(sorted(made, key=lambda one: -one.votes))


def of_pair(
    pair: PairResult, said: Mapping[str, float], closed: Sequence[Majority], path: Path
) -> PredictionPowered | None:
    versions: Pair = pair.first, pair.second
    places = {item: place for place, item in enumerate(said)}
    refuse_unjudged(versions, places, closed, path)
    turned = pair.first > pair.second
    judge = [1 - chance if turned else chance for chance in said.values()]
    worth = {pair.first: 1.0, pair.second: 0.0, None: 0.5}
    votes = [(places[one.item], worth[one.winner]) for one in closed]
    found = combined(judge, votes)
    if found is None:
        return None
    return PredictionPowered(
        first=pair.first,
        second=pair.second,
        estimate=found.estimate,
        interval=(found.lower, found.upper),
        se=found.se,
        tuning=found.tuning,
        items=found.items,
        votes=found.votes,
        saved=found.saved,
    )


def refuse_unjudged(
    versions: Pair, places: Mapping[str, int], closed: Sequence[Majority], path: Path
) -> None:
    for one in closed:
        if one.item not in places:
            raise InputError(
                f"has no line on item {one.item!r} with {versions[0]!r} and {versions[1]!r}, which "
                "people voted on: give it one, with 0.5 where the judge cannot tell",
                file=path,
                field="item",
            )
