"""What people said of answers: of two which is better, or of one whether it is good."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, TypeVar, get_args

from pydantic import Field

from project.canonical import digest_json
from project.errors import InputError
from project.records.data import Message
from project.records.record import LATER, Record, read_input, read_object

# How it is known which answer is good: people voted, a person corrected an answer, a file says it
# of two answers or of one, or a judge that is a model chose.
PreferenceOrigin = Literal[
    "ballot", "correction", "pair", "negative example", "good answer", "judge"
]
ORIGINS: tuple[PreferenceOrigin, ...] = get_args(PreferenceOrigin)


class PreferencePair(Record):
    """Two answers to a prompt, of which one is known to be the better."""

    prompt: str
    chosen: str
    rejected: str
    # The name of the file that it came from; of what a judge chose, the judge.
    source: Annotated[str | None, LATER] = None
    annotator: Annotated[str | None, LATER] = None
    # Of what DPO and KTO learn from. A judge's own choices never calibrate or teach a judge.
    origin: Annotated[PreferenceOrigin | None, LATER] = None
    # The prompt's turns, where it is more than one of the user's.
    messages: Annotated[tuple[Message, ...] | None, LATER] = None

    @property
    def id(self) -> str:
        return digest_json([self.prompt, self.chosen, self.rejected])[:16]


class RatedAnswer(Record):
    """An answer that somebody found good, or bad: a negative example says what not to say."""

    prompt: str = Field(min_length=1)
    completion: str = Field(min_length=1)
    label: bool
    source: Annotated[str | None, LATER] = None  # the name of the file that it came from
    annotator: Annotated[str | None, LATER] = None
    # As for a pair.
    origin: Annotated[PreferenceOrigin | None, LATER] = None
    messages: Annotated[tuple[Message, ...] | None, LATER] = None

    @property
    def id(self) -> str:
        return digest_json([self.prompt, self.completion, self.label])[:16]


Preference = PreferencePair | RatedAnswer


def by_judge(one: Preference) -> bool:
    """Whether a model chose, and no person."""
    return one.origin == "judge"


def read_preferences(path: Path) -> tuple[Preference, ...]:
    """The pairs and rated answers of a JSON Lines file, blank lines aside, told apart by their
    fields. Raises InputError naming file, line and field.
    """
    lines = enumerate(read_input(path).splitlines(), start=1)
    return tuple(preference(line, path, number) for number, line in lines if line.strip())


def preference(line: bytes, path: Path, number: int) -> Preference:
    rated = {"completion", "label"} & read_object(line, path, number).keys()
    kind = RatedAnswer if rated else PreferencePair
    return kind.parse(line, path, number)


# --- items ----------------------------------------------------------------------------------------

# Items of a folder: a record a line in JSON Lines files, each with an id of its own.


class Item(Record):
    id: str = Field(min_length=1)


ItemT = TypeVar("ItemT", bound=Item)


class FileLine(NamedTuple):
    path: Path
    line: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"


def read_items(folder: Path, kind: type[ItemT]) -> Iterator[tuple[ItemT, FileLine]]:
    """Read every *.jsonl of a folder, files by name; none where there is no folder.

    Raises InputError naming file, line and field, also for an id that was there before.
    """
    seen: dict[str, FileLine] = {}
    for path in sorted(folder.glob("*.jsonl")):
        for number, line in enumerate(read_input(path).splitlines(), start=1):
            if line.strip():
                item, place = kind.parse(line, path, number), FileLine(path, number)
                if (first := seen.setdefault(item.id, place)) != place:
                    problem = f"{item.id!r} is at {first} already"
                    raise InputError(problem, file=path, line=number, field="id")
                yield item, place
