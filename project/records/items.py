"""Items of a folder: a record a line in JSON Lines files, each with an id of its own."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, TypeVar

from pydantic import Field

from project.errors import InputError
from project.records.record import Record, read_input


class Item(Record):
    id: str = Field(min_length=1)


ItemT = TypeVar("ItemT", bound=Item)


class Place(NamedTuple):
    path: Path
    line: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"


def read_items(folder: Path, kind: type[ItemT]) -> Iterator[tuple[ItemT, Place]]:
    """Read every *.jsonl of a folder, files by name; none where there is no folder.

    Raises InputError naming file, line and field, also for an id that was there before.
    """
    seen: dict[str, Place] = {}
    for path in sorted(folder.glob("*.jsonl")):
        for number, line in enumerate(read_input(path).splitlines(), start=1):
            if line.strip():
                item, place = kind.parse(line, path, number), Place(path, number)
                if (first := seen.setdefault(item.id, place)) != place:
                    problem = f"{item.id!r} is at {first} already"
                    raise InputError(problem, file=path, line=number, field="id")
                yield item, place
