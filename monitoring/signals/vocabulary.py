"""Words: how surprising a prompt's words are to one who knows the reference's."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from math import log2
from typing import ClassVar, Self

import numpy as np

from monitoring.signals.array_types import Direction, Floats, Ints
from monitoring.signals.prompt_words import words_of
from monitoring.signals.signal import Batch
from project.canonical import digest_number


@dataclass(frozen=True)
class Vocabulary:
    """The mean surprise of a prompt's words in bits, by the reference's word counts plus one.

    It keeps digests: a reference outlasts the retention, and a rare word may be somebody's name.
    """

    words: Ints  # number_of [words], sorted
    bits: Floats  # [words]
    unseen: Floats  # [1], of a word that the reference lacks

    name: ClassVar[str] = "vocabulary"
    direction: ClassVar[Direction] = "up"
    weight: ClassVar[int] = 3
    shares: ClassVar[bool] = False

    @classmethod
    def fit(cls, index: Batch, rng: np.random.Generator) -> Self | None:
        if index.prompts is None:
            return None
        words = Counter(word for text in index.prompts for word in words_of(text))
        if not words:
            return None
        counts = {number_of(word): count for word, count in words.items()}
        total = words.total() + len(counts) + 1
        numbers = sorted(counts)
        bits = [log2(total / (counts[number] + 1)) for number in numbers]
        return cls(
            np.array(numbers, np.int64),
            np.array(bits, np.float32),
            np.array([log2(total)], np.float32),
        )

    @property
    def counts(self) -> Counter[int]:
        """How often each word was met, by its number, as far as the bits tell."""
        total = 2.0 ** float(self.unseen[0])
        found = np.rint(total / 2.0 ** self.bits.astype(np.float64) - 1).astype(int)
        return Counter(dict(zip(self.words.tolist(), found.tolist(), strict=True)))

    def columns(self, batch: Batch) -> Floats:
        assert batch.prompts is not None
        known = dict(zip(self.words.tolist(), self.bits.tolist(), strict=True))
        unseen, texts = float(self.unseen[0]), [words_of(text) for text in batch.prompts]
        distinct = {word for words in texts for word in words}
        bits = {word: known.get(number_of(word), unseen) for word in distinct}
        surprise = [mean(bits[word] for word in words) for words in texts]
        return np.array(surprise, np.float32)[:, None]


def number_of(word: str) -> int:
    return digest_number(word.encode())


def mean(values: Iterable[float]) -> float:
    """NaN when there are none."""
    found = list(values)
    return sum(found) / len(found) if found else float("nan")
