"""Insults, threats and obscenities, by a list of words."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from curation.faults.suspect_words import SuspectWords
from project.records.data import Row

LIST = Path(__file__).with_name("toxic_words.txt")
# What stands for a letter to hide a word; a mask stands for any.
HIDDEN = {"a": "@4", "b": "8", "e": "3", "i": "1!", "o": "0", "s": "$5", "t": "7", "u": "v"}
MASK = "*#"
AROUND = ".,;:!?()[]{}<>\"'“”„‘«»…`~"  # a word
PARTED = str.maketrans("-/_", "   ", "'’")
COMMON_TEXT = "you your you're youre are so people make will where should piece full hope country"
COMMON_TEXT += " all like find back"
COMMON = frozenset(COMMON_TEXT.split())
BEGINNING = 4  # letters of the shortest stem


@dataclass(frozen=True)
class Words:
    """The list, by how its entries are looked for."""

    whole: frozenset[str]
    stems: tuple[str, ...]
    beginnings: frozenset[str]  # of the stems
    phrases: dict[str, list[str]]  # between blanks, by the word of each that tells most
    unspaced: tuple[str, ...]  # of scripts that part no words
    masked: re.Pattern[str]


def toxicity(row: Row) -> str | None:
    """It never says which word: that is the row's own text."""
    toxic = any(map(is_toxic, (row.prompt_text, row.completion_text)))
    return "an insult, a threat or an obscenity" if toxic else None


def is_doubtful(word: str) -> bool:
    """Whether a word between blanks is on the list, or tells most of a phrase of it, or is a word
    of the list that is written in another way.
    """
    words, parts = toxic_words(), [word] if word.isalpha() else lower_words(word)
    return any(is_listed(part) or part in words.phrases or is_hidden(part) for part in parts) or (
        not word.isascii() and any(unspaced in word for unspaced in words.unspaced)
    )


DOUBTFUL = SuspectWords(tells=is_doubtful)


def is_toxic(text: str) -> bool:
    """Whether a text has a word or a phrase of the list, be some letters of it hidden."""
    if not DOUBTFUL.at(text):
        return False
    text = text.lower()
    words = lower_words(text)
    return (
        has_listed(words)
        or any(map(is_hidden, words))
        or (not text.isascii() and any(word in text for word in toxic_words().unspaced))
    )


def lower_words(text: str) -> list[str]:
    """The words of a text in lower case, without what stands around them."""
    return [word.strip(AROUND).lstrip(MASK) for word in text.translate(PARTED).split()]


def has_listed(words_said: list[str]) -> bool:
    if any(map(is_listed, words_said)):
        return True
    words = toxic_words()
    keys = words.phrases.keys() & words_said
    whole = f" {' '.join(words_said)} " if keys else ""
    return any(phrase in whole for key in keys for phrase in words.phrases[key])


def is_listed(word: str) -> bool:
    words = toxic_words()
    return word in words.whole or (
        word[:BEGINNING] in words.beginnings and word.startswith(words.stems)
    )


def is_hidden(word: str) -> bool:
    """Whether signs or digits stand for some letters of a word of the list."""
    if word.isalpha() or not 3 <= len(word) <= 30:
        return False
    return bool(toxic_words().masked.fullmatch(word))


@cache
def toxic_words() -> Words:
    lines = LIST.read_text(encoding="utf-8").splitlines()
    entries = [line.replace("'", "") for line in lines if line and not line.startswith("#")]
    stems = tuple(entry[:-1] for entry in entries if entry.endswith("*"))
    words = [entry for entry in entries if not entry.endswith("*")]
    phrases: dict[str, list[str]] = {}
    for phrase in (word for word in words if " " in word):
        # By the word that the fewest texts have.
        key = max(phrase.split(), key=lambda word: (word not in COMMON, len(word)))
        phrases.setdefault(key, []).append(f" {phrase} ")
    return Words(
        whole=frozenset(word for word in words if " " not in word),
        stems=stems,
        beginnings=frozenset(stem[:BEGINNING] for stem in stems),
        phrases=phrases,
        unspaced=tuple(word for word in words if word[0] > "\u2fff"),
        masked=masked(entry for entry in entries if entry.rstrip("*").isalpha()),
    )


def masked(entries: Iterable[str]) -> re.Pattern[str]:
    """What the entries look like with some letters hidden. A word may begin with a sign for its
    first letter, and not with a mask.
    """
    every = []
    for entry in filter(str.isascii, entries):
        word = entry.rstrip("*")
        signs = [re.escape(letter + HIDDEN.get(letter, "")) for letter in word]
        letters = [f"[{sign}{re.escape(MASK)}]+" for sign in signs[1:]]
        end = r"[\w*#]{0,12}" if entry.endswith("*") else ""
        every.append(f"[{signs[0]}]{''.join(letters)}{end}")
    return re.compile("|".join(every))
