"""The words of prompts, which of them are typical of some, and what people are shown."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from math import log, sqrt

WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
TYPICAL = 3
SHOWN = 200  # characters of a prompt
LONGEST = 40  # letters of a word: what is longer is none


def words_of(text: str) -> list[str]:
    """Its words in lower case: runs of letters of any script."""
    return [word[:LONGEST] for word in WORD.findall(text.lower())]


def counts_of(texts: Iterable[str]) -> Counter[str]:
    """In how many texts each word is."""
    return Counter(word for text in texts for word in set(words_of(text)))


def typical_words(own: Sequence[str], everywhere: Counter[str], texts: int) -> tuple[str, ...]:
    """The words that most tell some texts from all of them, whose words `counts_of` has counted.

    By the z-score of the log odds of a word's being in a text, half a text added to each count
    (Haldane 1956); a word as frequent elsewhere is not typical, however frequent it is.
    """
    inside, outside = counts_of(own), texts - len(own)
    scores = {}
    for word, count in inside.items():
        rest = max(0, everywhere[word] - count)
        a, b = count + 0.5, len(own) - count + 0.5
        c, d = rest + 0.5, max(0, outside - rest) + 0.5
        scores[word] = log(a * d / (b * c)) / sqrt(1 / a + 1 / b + 1 / c + 1 / d)
    ordered = sorted(
        (-score, word) for word, score in scores.items() if score > 0 and len(word) > 2
    )
    return tuple(word for _, word in ordered[:TYPICAL])


def beginning(text: str) -> str:
    """What people are shown of a prompt: its first characters, those that control nothing."""
    shown = "".join(char if char.isprintable() else " " for char in text[:SHOWN])
    return shown if len(text) <= SHOWN else shown + "…"
