"""Anybody's ballots beside anybody's judge: each pair of versions by both."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import fmean

from pydantic import Field, ValidationInfo, field_validator

from evaluation.preference.ballots.ballot_count import Count, PairResult
from evaluation.preference.ballots.ballot_files import Majority
from evaluation.preference.ballots.preference_estimate import combined
from project.errors import InputError
from project.records.record import Record, read_input
from project.untrusted_input import refuse_doubled_keys

# --- judge file -----------------------------------------------------------------------------------

# A judge's word as a file of anybody's: how likely the left answer is preferred, item by item.

Pair = tuple[str, str]  # of versions, by name


class JudgeLine(Record):
    """What a judge says of the answers of two versions to one item, shown in this order."""

    item: str = Field(min_length=1)
    left: str = Field(min_length=1)
    right: str = Field(min_length=1)
    preference: float = Field(ge=0, le=1, strict=True)  # the chance that the left is preferred

    @field_validator("right")
    @classmethod
    def two_versions(cls, right: str, info: ValidationInfo) -> str:
        if right == info.data.get("left"):
            raise ValueError(f"{right!r} is on both sides")
        return right

    @property
    def pair(self) -> Pair:
        return (self.left, self.right) if self.left < self.right else (self.right, self.left)

    @property
    def of_first(self) -> float:
        """The chance of the first version by name."""
        return self.preference if self.left == self.pair[0] else 1 - self.preference


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


def words_by_pair(lines: Iterable[JudgeLine]) -> dict[Pair, dict[str, float]]:
    """By pair of versions and item, the chance of the first by name; both orders averaged."""
    said: dict[tuple[Pair, str], list[float]] = defaultdict(list)
    for line in lines:
        said[line.pair, line.item].append(line.of_first)
    found: dict[Pair, dict[str, float]] = defaultdict(dict)
    for (pair, item), chances in said.items():
        found[pair][item] = fmean(chances)
    return dict(found)


# --- ballots with judge ---------------------------------------------------------------------------


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
