"""Texts that an answer has or has not, as a reader sees them."""

from functools import cache
from typing import Any

import regex

from project.records.assertion_kinds import Phrases
from project.unicode_words import UNSPACED, plain

QUOTES = str.maketrans("’‘‚´`“”„«»‐‑‒–—−", "'" * 5 + '"' * 5 + "-" * 6)
# What belongs to a word. In scripts without spaces any character may begin one.
OF_A_WORD = rf"[[\p{{L}}\p{{M}}\p{{N}}_]--[{UNSPACED}]]"
STARTS_INSIDE = regex.compile(OF_A_WORD, regex.V1)
ENDS_INSIDE = regex.compile(rf"{OF_A_WORD}\Z", regex.V1)


def there(phrases: Phrases, answer: str) -> list[bool]:
    """Whether each text is in an answer."""
    text = seen(answer, phrases.cased)
    return [
        searched(seen(phrase, phrases.cased), phrases.whole_words).search(text) is not None
        for phrase in phrases.texts
    ]


def seen(text: str, cased: bool) -> str:
    """A text with one kind of blank, quotation mark and dash, and without case."""
    one_kind = " ".join(plain(text).translate(QUOTES).split())
    return one_kind if cased else one_kind.casefold()


@cache
def searched(phrase: str, whole_words: bool) -> Any:
    """What finds a phrase; as whole words, no letter or digit goes on where the phrase ends."""
    before = rf"(?<!{OF_A_WORD})" if whole_words and STARTS_INSIDE.match(phrase) else ""
    behind = rf"(?!{OF_A_WORD})" if whole_words and ENDS_INSIDE.search(phrase) else ""
    return regex.compile(f"{before}{regex.escape(phrase)}{behind}", regex.V1)
