"""A judge's word as a file of anybody's: how likely the left answer is preferred, item by item."""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from statistics import fmean

from pydantic import Field, ValidationInfo, field_validator

from project.errors import InputError
from project.records.record import Record, read_input
from project.untrusted_input import refuse_doubled_keys

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
