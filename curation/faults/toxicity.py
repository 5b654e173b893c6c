"""Insults, threats and obscenities, by a list of words."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path

from curation.faults.suspect_words import SuspectWords
from project.records.data import Row

LIST = Path(__file__).with_name("toxic_words.txt")
# What stands for a letter to hide a word; a mask stands for any.
HIDDEN = {"a": "@4", "b": "8", "e": "3", "i": "1!", "o": "0", "s": "$5", "t": "7", "u": "v"}
MASK = "*#"
AROUND = ".,;:!?()[]{}<>\"'“”„‘«»…`~"  # a word
PARTED = str.maketrans("-/_", "   ", "'’")
SPELLED = re.compile(r"[^\W_](?:[.*+~][^\W_]){3,9}")  # f.u.c.k
DRAWN = tuple(letter * 3 for letter in "acehiotu")  # fuuuck
COMMON_TEXT = "you your you're youre are so people make will where should piece full hope country"
COMMON_TEXT += " all like find back"
COMMON = frozenset(COMMON_TEXT.split())
BEGINNING = 4  # letters of the shortest stem
SINGLES = 4  # letters that stand alone and may spell a word


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


def tells(word: str) -> bool:
    """Whether a word between blanks is on the list, or tells most of a phrase of it."""
    said = [word] if word.isalpha() else lower_words(word)
    return any(map(is_listed, said)) or not toxic_words().phrases.keys().isdisjoint(said)


def hides(word: str) -> bool:
    """Whether a word between blanks is a word of the list that is written in another way."""
    return any(SPELLED.fullmatch(part) or is_hidden(part) for part in lower_words(word)) or (
        not word.isascii() and any(unspaced in word for unspaced in toxic_words().unspaced)
    )


def stands_alone(word: str) -> bool:
    """Whether it is a letter, but for those that are words."""
    return len(word) == 1 and word.isalpha() and word not in "ai"


DOUBTFUL = SuspectWords(*DRAWN, tells=tells, odd=hides)
LETTERS = SuspectWords(
    tells=stands_alone, odd=lambda word: any(map(stands_alone, lower_words(word)))
)


def is_toxic(text: str) -> bool:
    """Whether a text has a word or a phrase of the list, be it hidden."""
    if not DOUBTFUL.at(text) and len(LETTERS.at(text)) < 2:
        return False
    text = text.lower()
    said = lower_words(text)
    odd = [word for word in said if not word.isalpha()]
    return (
        has_listed(said)
        or any(map(is_hidden, odd))
        or has_listed(spelled(said, odd))
        or (not text.isascii() and any(word in text for word in toxic_words().unspaced))
        or (any(letters in text for letters in DRAWN) and has_listed(list(map(shortened, said))))
    )


def lower_words(text: str) -> list[str]:
    """The words of a text in lower case, without what stands around them."""
    return [word.strip(AROUND).lstrip(MASK) for word in text.translate(PARTED).split()]


def has_listed(said: list[str]) -> bool:
    if any(map(is_listed, said)):
        return True
    words = toxic_words()
    keys = words.phrases.keys() & said
    whole = f" {' '.join(said)} " if keys else ""
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


def spelled(said: list[str], odd: list[str]) -> list[str]:
    """The words that are written letter by letter."""
    parts = [re.sub(r"[\W_]", "", word) for word in odd if SPELLED.fullmatch(word)]
    if sum(len(word) == 1 for word in said) >= SINGLES:
        runs = groupby(said, key=lambda word: len(word) == 1)
        parts += ["".join(run) for alone, run in runs if alone]
    return [word for word in parts if len(word) >= SINGLES]


def shortened(word: str) -> str:
    return "".join(letter for letter, _ in groupby(word))


@cache
def toxic_words() -> Words:
    lines = LIST.read_text(encoding="utf-8").splitlines()
    entries = [line.replace("'", "") for line in lines if line and not line.startswith("#")]
    stems = tuple(entry[:-1] for entry in entries if entry.endswith("*"))
    words = [entry for entry in entries if not entry.endswith("*")]
    phrases: dict[str, list[str]] = {}
    for phrase in (word for word in words if " " in word):
        phrases.setdefault(max(phrase.split(), key=telling), []).append(f" {phrase} ")
    return Words(
        whole=frozenset(word for word in words if " " not in word),
        stems=stems,
        beginnings=frozenset(stem[:BEGINNING] for stem in stems),
        phrases=phrases,
        unspaced=tuple(word for word in words if word[0] > "\u2fff"),
        masked=masked(entry for entry in entries if entry.rstrip("*").isalpha()),
    )


def telling(word: str) -> tuple[bool, int]:
    """The greater, the fewer texts have the word."""
    return word not in COMMON, len(word)


def masked(entries: Iterable[str]) -> re.Pattern[str]:
    every = "|".join(as_masked(entry) for entry in entries if entry.isascii())
    return re.compile(rf"(?:{every})")


def as_masked(entry: str) -> str:
    """A word may begin with a sign for its first letter, and not with a mask."""
    word = entry.rstrip("*")
    begin = f"[{re.escape(word[0] + HIDDEN.get(word[0], ''))}]"
    letters = [f"[{re.escape(c + HIDDEN.get(c, '') + MASK)}]+" for c in word[1:]]
    return begin + "".join(letters) + (r"[\w*#]{0,12}" if entry.endswith("*") else "")
