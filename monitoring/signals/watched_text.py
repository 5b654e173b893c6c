"""What of a prompt is watched: its text without what nearly all prompts share."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Self

import numpy as np

from monitoring.signals.signal import Ints
from project.canonical import digest_number

NEARLY_ALL = 0.9  # of the users have it: a template, whatever it says
MANY, LONG = 0.1, 8  # of the users, and words: a sentence of one of several templates
MOST_PIECES = 2_000
MOST_WORDS = 4_000  # at the beginning, and at the end

# Behind the ends of lines and of sentences.
BORDER = re.compile(r"(?<=\n)|(?<=[.!?:;])(?=\s)|(?<=[。！？])")
DIGITS = re.compile(r"\d+")


@dataclass(frozen=True)
class SharedText:
    """What nearly all prompts share, as hashes: it is no copy of what anybody wrote.

    Sentences and lines of templates, wherever they stand, and the words with which all prompts
    begin and end. Numbers count as alike, for a template may hold a date. What is left of a text is
    a fixed function of it.
    """

    pieces: frozenset[int] = frozenset()
    start: tuple[int, ...] = ()
    end: tuple[int, ...] = ()  # the last word first

    @classmethod
    def of(cls, texts: Sequence[str]) -> Self:
        """Learn it from one prompt of each user. A few without the template do not matter."""
        shared = cls(pieces=shared_pieces(texts))
        rests = [shared.without_pieces(text) for text in texts]
        start = [first_words(rest, MOST_WORDS) for rest in rests]
        end = [last_words(rest, MOST_WORDS) for rest in rests]
        return cls(shared.pieces, shared_words(start), shared_words(end))

    def rest(self, text: str) -> str:
        """What is left of a text; all of it, where nothing would be."""
        rest = self.without_pieces(text)
        if first := matching(first_words(rest, len(self.start)), self.start):
            rest = "".join(rest.split(None, first)[first:])
        if last := matching(last_words(rest, len(self.end)), self.end):
            rest = "".join(rest.rsplit(None, last)[:-last])
        return rest if rest.strip() else text

    def without_pieces(self, text: str) -> str:
        if not self.pieces:
            return text
        pieces = BORDER.split(text)
        kept = [piece for piece in pieces if hash_of(piece) not in self.pieces]
        return "".join(kept).strip() if len(kept) < len(pieces) else text

    def arrays(self) -> dict[str, Ints]:
        """All that it is, empty where nothing is shared."""
        if self == NOTHING:
            return {}
        parts = {"pieces": sorted(self.pieces), "start": self.start, "end": self.end}
        return {name: np.array(part, np.int64) for name, part in parts.items()}

    @classmethod
    def of_arrays(cls, arrays: dict[str, Ints]) -> Self:
        if not arrays:
            return cls()
        pieces, start, end = (arrays[name].tolist() for name in ("pieces", "start", "end"))
        return cls(frozenset(pieces), tuple(start), tuple(end))


NOTHING = SharedText()


def shared_pieces(texts: Sequence[str]) -> frozenset[int]:
    """The sentences and lines that nearly all texts have, and the long ones that many have."""
    counts: Counter[int] = Counter()
    long: set[int] = set()
    for text in texts:
        pieces = {hash_of(piece): piece for piece in BORDER.split(text) if piece.strip()}
        counts.update(pieces.keys())
        long |= {key for key, piece in pieces.items() if len(piece.split(None, LONG)) >= LONG}
    least = {key: (MANY if key in long else NEARLY_ALL) * len(texts) for key in counts}
    frequent = [key for key, count in counts.most_common(MOST_PIECES) if count >= least[key]]
    return frozenset(frequent)


def shared_words(texts: Sequence[Sequence[str]]) -> tuple[int, ...]:
    """The longest sequence of words with which nearly all texts begin."""
    words: list[int] = []
    going = [text for text in texts if text]
    while going:
        place = len(words)
        hashes = [hash_of(text[place]) for text in going]
        [(word, count)] = Counter(hashes).most_common(1)
        if count < NEARLY_ALL * len(texts):
            break
        words.append(word)
        alike = (text for text, number in zip(going, hashes, strict=True) if number == word)
        going = [text for text in alike if len(text) > place + 1]
    return tuple(words)


def first_words(text: str, count: int) -> list[str]:
    return text.split(None, count)[:count]


def last_words(text: str, count: int) -> list[str]:
    """The last one first."""
    return text.rsplit(None, count)[::-1][:count]


def matching(words: Iterable[str], shared: Iterable[int]) -> int:
    """How many words, from the first on, are the shared ones."""
    pairs = zip(words, shared, strict=False)
    return sum(1 for _ in takewhile(lambda pair: hash_of(pair[0]) == pair[1], pairs))


def hash_of(text: str) -> int:
    masked = DIGITS.sub("0", text.strip())
    return digest_number(masked.encode(errors="surrogatepass"))
