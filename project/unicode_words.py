"""Words of any script, for all that compares or counts them."""

import re
import unicodedata

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


def words(text: str) -> list[str]:
    """The words in lower case; composed and decomposed accents give equal words."""
    if text.isascii():
        return ASCII_WORD.findall(text.lower())
    found: list[str] = WORD.findall(unicodedata.normalize("NFC", text).lower())
    return found
