"""A text with the characters of one keyboard: digits, blanks, dashes and quotes of any script.

Each character becomes one character, so a place in what comes out is the same place in the text.
"""

import unicodedata

FULL_WIDTH = 0xFEE0  # from a character to its full-width form
LETTERS_AND_MARKS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ@.+-/()")
# What stands between the groups of a number, or around a name; a long dash ends a thought.
SPELLINGS = {
    **dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2212\ufe63"), "-"),
    **dict.fromkeys(map(ord, "\u201c\u201d\u201e\uff02"), '"'),
}


class Plain(dict[int, str]):
    """A table for `str.translate`, filled as characters come: Unicode has 700 digits."""

    def __missing__(self, code: int) -> str:
        self[code] = plain_character(chr(code))
        return self[code]


TABLE = Plain(SPELLINGS)


def plain(text: str) -> str:
    """The text as it would be typed in ASCII, as far as numbers and addresses go.

    >>> plain("＋٤٩\u00a0１７１")
    '+49 171'
    """
    return text if text.isascii() else text.translate(TABLE)


def plain_character(character: str) -> str:
    digit = unicodedata.decimal(character, None)
    if digit is not None:
        return str(digit)
    if unicodedata.category(character) == "Zs":
        return " "
    near = chr(code) if (code := ord(character) - FULL_WIDTH) > 0 else ""
    return near if near in LETTERS_AND_MARKS else character
