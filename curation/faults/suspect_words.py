"""A quick look at the words of a text, for all finders at once: which are worth a closer one.

Patterns are slow, and most texts have no fault. So a finder says what a word must be like where its
pattern is to match. Rows share most of their words: each is judged once, and then remembered.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import lru_cache

from project.records.data import Row

Tells = Callable[[str], object]

COMMON = ("this", "more", "an", "as", "am", "my")
MOST_WORDS, LONGEST_WORD = 100_000, 40  # that are remembered; in characters
RECENT_TEXTS = 8  # a row's prompt and answer: each finder asks for them anew
GRAM = 3  # characters by which a part of a word is looked up


class SuspectWords:
    """What a word, in lower case and between blanks, must be like to be worth a closer look: have
    one of the parts in it, or be as `tells` says, or as `odd` says of a word that has more than the
    letters of English. A comma or a point behind it may be gone.
    """

    def __init__(self, *parts: str, tells: Tells | None = None, odd: Tells | None = None) -> None:
        if tells:
            JUDGES.append((tells, self))
        if odd:
            ODD_JUDGES.append((odd, self))
        for part in parts:
            BY_GRAM.setdefault(part[:GRAM], []).append((part, self))
        forget()

    def at(self, text: str) -> Collection[str]:
        """The words of the text that are so, each once."""
        return telling_words(text).get(self, ())


class Hints:
    """Pieces of text in lower case, of which one stands wherever a pattern is to match.

    A line may hold several, parted by "|".
    """

    def __init__(self, *lines: str) -> None:
        pieces = [piece for line in lines for piece in line.split("|")]
        self.pieces = [(piece, max(piece.split(), key=rarity)) for piece in pieces]
        self.look = SuspectWords(*{part for _, part in self.pieces})

    def found_in(self, text: str) -> list[str]:
        words = self.look.at(text)
        if not words:
            return []
        joined, low = " ".join(words), lowered(text)
        return [piece for piece, part in self.pieces if part in joined and piece in low]


def rarity(part: str) -> tuple[bool, bool, int]:
    """The greater, the fewer words may have it in them."""
    return not part.isalpha(), part not in COMMON, len(part)


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
def telling_words(text: str) -> Mapping[SuspectWords, Collection[str]]:
    found: dict[SuspectWords, list[str]] = {}
    bare = lowered(text).replace(", ", " ").replace(". ", " ")
    for word in set(bare.split()) - HARMLESS:
        for look in telling_looks(word):
            found.setdefault(look, []).append(word)
    return found


def telling_looks(word: str) -> Collection[SuspectWords]:
    """The looks for which a word is telling, remembered."""
    if (known := TELLING.get(word)) is not None:
        return known
    found = {look for tells, look in JUDGES if tells(word)}
    if not (word.isascii() and word.isalpha()):
        found.update(look for tells, look in ODD_JUDGES if tells(word))
    # What a part of the word may begin with, or be.
    length = range(len(word))
    sizes = (3, 2) if word.isascii() and word.isalpha() else (3, 2, 1)
    for gram in BY_GRAM.keys() & {word[i : i + size] for size in sizes for i in length}:
        found.update(look for part, look in BY_GRAM[gram] if part in word)
    if len(word) <= LONGEST_WORD:
        remember(word, found)
    return found


def remember(word: str, told: Collection[SuspectWords]) -> None:
    if len(HARMLESS) + len(TELLING) > MOST_WORDS:
        forget()
    if told:
        TELLING[word] = told
    else:
        HARMLESS.add(word)


def forget() -> None:
    HARMLESS.clear()
    TELLING.clear()
    telling_words.cache_clear()


# Every look, by what it asks for.
JUDGES: list[tuple[Tells, SuspectWords]] = []
ODD_JUDGES: list[tuple[Tells, SuspectWords]] = []
BY_GRAM: dict[str, list[tuple[str, SuspectWords]]] = {}  # by how the part begins
# Words that tell nothing to any look, and the others.
HARMLESS: set[str] = set()
TELLING: dict[str, Collection[SuspectWords]] = {}


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
    """The last that is said before the answer: the question itself."""
    return row.prompt[-1].content


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
