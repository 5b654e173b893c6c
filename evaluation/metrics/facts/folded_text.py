"""A text in the characters that our patterns know, each where it was: spans stay true."""

import unicodedata
from collections.abc import Iterable
from functools import cache

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
