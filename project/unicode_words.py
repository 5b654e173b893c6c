"""Words of any script, for all that compares or counts them."""

import re
import unicodedata
from functools import cache, lru_cache
from pathlib import Path

import regex

# Scripts that are written without spaces: there, a character stands for a word.
UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
# A character of such a script with its marks, or a run of letters, marks and digits.
WORD = regex.compile(
    rf"[{UNSPACED}]\p{{M}}*|[[\p{{L}}\p{{M}}\p{{N}}]--[{UNSPACED}]]+",
    regex.V1,
)
ASCII_WORD = re.compile(r"[a-z0-9]+")  # the same in a text of ASCII, where it is much faster


INVISIBLE = regex.compile(r"\p{Cf}")  # such as a soft hyphen, or a space without width


def plain(text: str) -> str:
    """A text as the eye has it: one width for each letter, and nothing that is not seen."""
    if text.isascii():
        return text
    seen: str = INVISIBLE.sub("", unicodedata.normalize("NFKC", text))
    return seen


# A mark on what has none in any language: where a Latin letter has one, NFC makes one letter of
# both. Other scripts write their vowels with marks.
LOOSE_MARK = regex.compile(r"(?<![[\p{L}\p{M}]--[\p{Latin}\p{Greek}\p{Cyrillic}]])\p{M}+", regex.V1)
IGNORABLE = regex.compile(r"\p{Default_Ignorable_Code_Point}+")
LOOKALIKES = Path(__file__).with_name("lookalikes.txt")


@cache
def latin_lookalikes() -> dict[int, str]:
    """The small Latin letter that each look-alike stands for (Unicode Technical Standard #39)."""
    lines = LOOKALIKES.read_text(encoding="utf-8").splitlines()
    pairs = (line.split() for line in lines if not line.startswith("#"))
    return {ord(letter): latin for latin, letters in pairs for letter in letters}


def folded(text: str) -> str:
    """A text as it is compared with others: plain, without marks that stack up, and with letters
    that look like Latin ones as these, in lower case. One of ASCII is as it was.
    """
    if text.isascii():
        return text
    seen = unicodedata.normalize("NFC", IGNORABLE.sub("", plain(text)).lower())
    bare: str = LOOSE_MARK.sub("", seen)
    return bare.translate(latin_lookalikes())


NO_LETTER = regex.compile(r"[^\p{L}\p{M}\p{N}@$]+|_+")
# Letters that other signs stand for, and one for all that look like a stroke.
LEET = str.maketrans("0134578@$i", "oleastbasl")
ASCII_LEET = {**{i: None for i in range(128) if not chr(i).isalnum()}, **LEET}
MOST_KNOWN = 1 << 16  # texts whose letters are kept: one is asked for several times


@lru_cache(maxsize=MOST_KNOWN)
def letters(text: str) -> str:
    """A text's letters in a row, whether its words are joined, or its letters spaced, marked, or
    replaced by figures: each figure is the letter that it looks like.
    """
    row = folded(text).lower()
    if row.isascii():
        row = row.translate(ASCII_LEET)
    else:
        row = LOOSE_MARK.sub("", unicodedata.normalize("NFD", row))
        row = NO_LETTER.sub("", row).translate(LEET)
    return row.replace("rn", "m").replace("vv", "w")


def words(text: str) -> list[str]:
    """The words in lower case; composed and decomposed accents give equal words."""
    if text.isascii():
        return ASCII_WORD.findall(text.lower())
    found: list[str] = WORD.findall(unicodedata.normalize("NFC", text).lower())
    return found
