"""A fact of a text: something that is either right or wrong, whatever words stand around it."""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Literal

Kind = Literal["number", "date", "amount", "name"]
KINDS: tuple[Kind, ...] = ("number", "date", "amount", "name")
FIGURES: tuple[Kind, ...] = ("number", "date", "amount")  # a name is no figure


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


# --- listed ---------------------------------------------------------------------------------------

# Words of a list, as they are written in our code: with blanks between them.


def listed(text: str) -> list[str]:
    return text.split()


# --- folded text ----------------------------------------------------------------------------------

# A text in the characters that our patterns know, each where it was: spans stay true.

BLANK = "\0"  # stands where a fact was found already
ALIKE = dict.fromkeys("‐‑‒–—−﹣－", "-") | dict.fromkeys("’‘ʼ＇´", "'") | {"⁄": "/", "″": '"'}


def folded(text: str) -> str:
    """Digits of any script as 0-9; one kind of space, hyphen and apostrophe; as long as `text`."""
    if text.isascii():
        return text.replace(BLANK, " ")
    return "".join(map(folded_character, text))


@cache
def folded_character(character: str) -> str:
    if character in ALIKE:
        return ALIKE[character]
    if (digit := unicodedata.decimal(character, None)) is not None:
        return str(digit)
    if character.isspace() and character not in "\n\r":
        return " "
    plain = unicodedata.normalize("NFKC", character)
    return plain if len(plain) == 1 and plain != BLANK else character


def blanked(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """The text with these spans, in their order, made unreadable."""
    pieces, at = [], 0
    for start, end in spans:
        pieces += [text[at:start], BLANK * (end - start)]
        at = end
    return "".join([*pieces, text[at:]])
