"""A text by the words that count: after SQuAD's normalisation, and as a label."""

import string
import unicodedata

import regex

from project.unicode_words import UNSPACED

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
