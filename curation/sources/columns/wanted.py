"""What was asked for of a table's columns, and what was guessed."""

from dataclasses import dataclass
from typing import NamedTuple

from curation.curation_settings import Columns
from curation.sources.chats.turns import Turns


@dataclass(frozen=True)
class Wanted:
    """What somebody named; None and () are for what nobody did."""

    prompt: tuple[str, ...] = ()
    completion: str | None = None
    messages: str | None = None
    turns: Turns | None = None
    instruction: str | None = None  # a text
    system: str | None = None  # a text
    slices: tuple[str, ...] | None = None  # () is for none at all
    group: str | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that were named."""
        one = (self.completion, self.messages, self.group)
        return (*self.prompt, *(self.slices or ()), *(name for name in one if name is not None))


class Taken(NamedTuple):
    """What a column is taken for."""

    use: str | None  # such as "prompt"; None: it is not read
    why: str

    def __str__(self) -> str:
        return f"{self.use or 'not read'}: {self.why}"


@dataclass(frozen=True)
class Guess:
    """Columns by the names that the first table has for them."""

    columns: Columns
    taken: dict[str, Taken]  # of each column
    notes: tuple[str, ...] = ()
