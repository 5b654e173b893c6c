"""A quick look at the words of a text: which are worth a closer one.

Patterns are slow, and most texts have no fault. So a finder says what a word must be like where its
pattern is to match. Rows share most of their words: each is judged once, and then remembered.
"""

import re
from collections.abc import Callable, Collection, Iterable
from functools import lru_cache

from project.records.data import Row
from project.shown_passages import question_of

Tells = Callable[[str], object]

MOST_WORDS = 20_000  # that each look remembers
RECENT_TEXTS = 8  # a row's prompt and answer: each finder asks for them anew


def nothing(_: str) -> bool:
    return False


class SuspectWords:
    """What a word, in lower case and between blanks, must be like to be worth a closer look: have
    one of the parts in it, or be as `tells` says, or as `odd` says of a word that has more than the
    letters of English. A comma or a point behind it may be gone.
    """

    def __init__(self, *parts: str, tells: Tells | None = None, odd: Tells | None = None) -> None:
        self.parts = parts
        self.tells, self.is_of_odd = tells or odd or nothing, odd is not None
        self.harmless: set[str] = set()  # words that were judged before

    def at(self, text: str) -> Collection[str]:
        """The words of the text that are so, each once."""
        every, odd = words_of(text)
        new = (odd if self.is_of_odd else every) - self.harmless
        suspects = set(filter(self.tells, new))
        if len(self.harmless) < MOST_WORDS:
            self.harmless |= new.difference(suspects)
        if there := holding(lowered(text), self.parts):
            suspects.update(word for word in every if holds(word, there))
        return suspects


class Hints:
    """Pieces of text in lower case, of which one stands wherever a pattern is to match.

    A line may hold several, parted by "|".
    """

    def __init__(self, *lines: str) -> None:
        self.pieces = [piece for line in lines for piece in line.split("|")]

    def found_in(self, text: str) -> list[str]:
        return holding(lowered(text), self.pieces)


def near(text: str, hints: Hints, reach: int = 90) -> str:
    """The stretches of a text around some hints, in lower case."""
    stretches: list[str] = []
    for piece in hints.found_in(text):
        low = lowered(text)
        at = low.find(piece)
        while at >= 0:
            end = at + len(piece) + reach
            stretches.append(low[max(0, at - reach) : end])
            at = low.find(piece, end)
    return "\n\n".join(stretches)


@lru_cache(RECENT_TEXTS)
def lowered(text: str) -> str:
    return text.lower()


@lru_cache(RECENT_TEXTS)
def words_of(text: str) -> tuple[frozenset[str], frozenset[str]]:
    """The words between blanks, and those that have more than the letters of English."""
    every = frozenset(lowered(text).replace(", ", " ").replace(". ", " ").split())
    return every, frozenset(word for word in every if not (word.isascii() and word.isalpha()))


# --- prose ----------------------------------------------------------------------------------------

# What of a row is read as prose: its question, and texts without code or quotations.

# Fenced code, also where the fence is not closed; indented blocks; and code within a line.
FENCED = re.compile(r"```.*?(?:```|\Z)|~~~.*?(?:~~~|\Z)", re.S)
INLINE = re.compile(r"`[^`\n]{1,300}`")
INDENTED = re.compile(r"^(?: {4}|\t).*$", re.M)
# Between quotation marks on one line. An apostrophe within a word opens and closes nothing.
DOUBLE = re.compile(r'"[^"\n]{0,400}"|“[^”\n]{0,400}”')
SINGLE = re.compile(r"(?<!\w)'[^'\n]{0,200}'(?!\w)")
# What hardly stands in prose; two of them make a text code that nobody fenced.
CODE = re.compile(
    r"^\s*(?:def |class |import |from \w+ import |#include|public |function |const |let |var "
    r"|return\b|SELECT |<\?php|package |using |>>> |\$ )|[;{]\s*$|\w\(\)|=>|[=!]=|\bprintf?\(",
    re.M,
)


def question_text(row: Row) -> str:
    """The last that is said before the answer, results of tools aside: the question itself."""
    last = row.prompt[-1]
    return question_of(row.prompt) if last.role == "tool" else last.content


def without_code(text: str) -> str:
    """A text less its code, as far as marks say what is code."""
    if "`" in text or "~~~" in text:
        text = INLINE.sub(" ", FENCED.sub(" ", text))
    return INDENTED.sub(" ", text) if "\n    " in text or "\t" in text else text


def without_quotations(text: str) -> str:
    """A text less what stands between quotation marks; marks around all of it do not count."""
    if len(text) > 2 and text[0] == text[-1] and text[0] in "\"'":
        text = text[1:-1]
    return SINGLE.sub(" ", DOUBLE.sub(" ", text))


def is_code(text: str) -> bool:
    """Whether a text without fences is code, for the most part or in part."""
    return len(CODE.findall(text[:4_000])) > 1


def in_either(row: Row, fault: Callable[[str], str | None]) -> str | None:
    """What is wrong with a text of the row, the answer first."""
    return fault(row.completion_text) or fault(row.prompt_text)


def holds(text: str, hints: Iterable[str]) -> bool:
    return any(map(text.__contains__, hints))


def holding(text: str, pieces: Iterable[str]) -> list[str]:
    """The pieces that stand in a text."""
    return [piece for piece in pieces if piece in text]
