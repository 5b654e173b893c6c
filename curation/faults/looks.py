"""A quick look at the words of a text, for all finders at once: which are worth a closer one.

Patterns are slow, and most texts have no fault. So a finder says what a word must be like where its
pattern is to match. Rows share most of their words: each is judged once, and then remembered.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache

MOST_WORDS = 100_000  # that are remembered
RECENT_TEXTS = 8  # a row's prompt and answer: each finder asks for them anew


class Look:
    """What a word, in lower case and between blanks, must be like to be worth a closer look."""

    def __init__(self, tells: Callable[[str], object]) -> None:
        self.tells = tells
        EVERY.append(self)
        forget()

    def at(self, text: str) -> list[str]:
        """The words of the text that are so, each once."""
        return telling_words(text).get(self, [])


class Hints:
    """Pieces of text in lower case, of which one stands wherever a pattern is to match."""

    def __init__(self, *pieces: str) -> None:
        self.pieces = tuple((piece, max(piece.split(), key=len)) for piece in pieces)
        parts = {part for _, part in self.pieces}
        self.look = Look(lambda word: any(map(word.__contains__, parts)))

    def found_in(self, text: str) -> list[str]:
        words = self.look.at(text)
        if not words:
            return []
        joined, low = " ".join(words), lowered(text)
        return [piece for piece, part in self.pieces if part in joined and piece in low]


def near(text: str, hints: Hints, reach: int = 90) -> str:
    """The stretches of a text around some hints, in lower case."""
    found: list[str] = []
    for piece in hints.found_in(text):
        low = lowered(text)
        at = low.find(piece)
        while at >= 0:
            end = at + len(piece) + reach
            found.append(low[max(0, at - reach) : end])
            at = low.find(piece, end)
    return "\n\n".join(found)


@lru_cache(RECENT_TEXTS)
def lowered(text: str) -> str:
    return text.lower()


@lru_cache(RECENT_TEXTS)
def telling_words(text: str) -> Mapping[Look, list[str]]:
    found: dict[Look, list[str]] = {}
    for word in set(lowered(text).split()) - HARMLESS:
        for look in judged(word):
            found.setdefault(look, []).append(word)
    return found


def judged(word: str) -> tuple[Look, ...]:
    """The looks for which a word is telling, remembered."""
    if (known := TELLING.get(word)) is not None:
        return known
    if len(HARMLESS) + len(TELLING) > MOST_WORDS:
        forget()
    told = tuple(look for look in EVERY if look.tells(word))
    if told:
        TELLING[word] = told
    else:
        HARMLESS.add(word)
    return told


def forget() -> None:
    HARMLESS.clear()
    TELLING.clear()
    telling_words.cache_clear()


EVERY: list[Look] = []
HARMLESS: set[str] = set()  # words that tell nothing to any look
TELLING: dict[str, tuple[Look, ...]] = {}
