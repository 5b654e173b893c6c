"""Texts by their words: phrases that an answer has, those by which it refuses, and labels."""

import re
import string
import unicodedata
from collections.abc import Sequence
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


# --- refusals -------------------------------------------------------------------------------------

# English phrasings by which a refusal is known, wherever it may come from.

HEAD = 200  # characters: a refusal comes first; what is far below may be a quotation
UNABLE = (
    r"(?:can't|can ?not|won't|will not|(?:am|'m) (?:not able|unable|not allowed) to"
    r"|(?:am|'m) not (?:going|programmed|designed) to)"
)
# What is refused is the request itself: who cannot find an order or recommend a film answers.
SERVE = (
    r"(?:help(?: you)?(?= (?:with|do)\b|[.,;!]|$)|assist|answer|respond|comply|fulfill?|discuss"
    r"|engage in|participate|continue with|do (?:that|this|so)\b(?! without)"
    r"|(?:provide|give|share|offer|create|generate|write|produce) (?:you )?(?:with )?"
    r"(?:that|this|such|any|information|instructions|content|advice|guidance)\b)"
)
REFUSALS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        # "I'm sorry, but I can't help with that", "I am unable to provide instructions"
        rf"(?<!if )\bI ?{UNABLE} (?:\w+ly )?{SERVE}",
        # "As an AI language model, I don't …"
        r"\bas an? (?:AI|(?:large )?language model)(?: language)?(?: model| assistant)?,? I"
        r" ?(?:can't|can ?not|don't|do not|won't|am not|am unable|'m)\b",
        # "I must decline", "I decline to answer", "I'd rather not discuss it"
        r"\bI (?:must|have to|will have to) (?:respectfully |politely )?(?:decline|refuse)\b",
        r"\bI(?:'d| would) (?:rather|prefer) not (?:to )?(?:say|answer|discuss)\b",
        r"\bI (?:respectfully |politely )?(?:decline|refuse) to (?:answer|discuss|help|assist)\b",
        # "It would be unethical for me to …", "That goes against my guidelines"
        r"\b(?:un(?:ethical|safe)|inappropriate|not (?:appropriate|ethical|safe)) for me to\b",
        r"\bagainst my (?:guidelines|programming|policies|principles)\b",
    )
)


def refuses(text: str, phrasings: Sequence[str] = ()) -> bool:
    """Whether a text begins with a refusal. `phrasings` are further ones, literal but for case."""
    head = " ".join(text.replace("’", "'")[:HEAD].split())
    if any(pattern.search(head) for pattern in REFUSALS):
        return True
    return any(phrase.casefold() in head.casefold() for phrase in phrasings)


# --- words that count -----------------------------------------------------------------------------

# After SQuAD's normalisation.

PUNCTUATION = regex.compile(rf"[\p{{P}}{regex.escape(string.punctuation)}]")
ARTICLE = regex.compile(r"\b(a|an|the)\b")
CHARACTER_OF_UNSPACED = regex.compile(rf"([{UNSPACED}]\p{{M}}*)")


def normalised(text: str) -> list[str]:
    """The tokens that count. Compatibility forms are one: "１２" is "12", "ﬁ" is "fi"."""
    plain = PUNCTUATION.sub("", unicodedata.normalize("NFKC", text).casefold())
    spaced: str = CHARACTER_OF_UNSPACED.sub(r" \1 ", ARTICLE.sub(" ", plain))
    return spaced.split()


def label_of(text: str) -> str:
    """A text as a label: its normalised words; where it has none, such as "A" or "+", itself."""
    return " ".join(normalised(text)) or " ".join(text.casefold().split())
