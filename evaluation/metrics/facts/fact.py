"""A fact of a text: something that is either right or wrong, whatever words stand around it."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["number", "date", "amount", "name"]
KINDS: tuple[Kind, ...] = ("number", "date", "amount", "name")


@dataclass(frozen=True)
class Fact:
    """`text` is `start:end` of the text it was found in; `value` is its canonical form.

    Facts of one value say the same. A text that can be read in two ways, such as 03/04/2024, has
    both values with "|" between them. A doubtful fact may be none ("one" is a pronoun too): it can
    confirm what another text says, and nothing is asked for it.
    """

    kind: Kind
    text: str
    start: int
    end: int
    value: str
    doubtful: bool = False

    @property
    def readings(self) -> tuple[str, ...]:
        return tuple(self.value.split("|"))

    @property
    def unit(self) -> str:
        """What its value counts: "INR", "%", "s" of durations, "" of plain numbers."""
        return self.readings[0].partition(" ")[2]
