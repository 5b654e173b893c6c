"""Words: how surprising a prompt's words are to one who knows the reference's."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from math import log2
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from monitoring.signals.array_types import Direction, Floats
from monitoring.signals.prompt_words import words_of
from monitoring.signals.signal import Batch


@dataclass(frozen=True)
class Vocabulary:
    """The mean surprise of a prompt's words in bits, by the reference's word counts plus one."""

    words: NDArray[np.str_]  # [words], sorted
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
        counts = Counter(word for text in index.prompts for word in words_of(text))
        if not counts:
            return None
        total = counts.total() + len(counts) + 1
        words = sorted(counts)
        bits = [log2(total / (counts[word] + 1)) for word in words]
        return cls(np.array(words), np.array(bits, np.float32), np.array([log2(total)], np.float32))

    def columns(self, batch: Batch) -> Floats:
        assert batch.prompts is not None
        bits = dict(zip(self.words.tolist(), self.bits.tolist(), strict=True))
        unseen = float(self.unseen[0])
        surprise = [mean(bits.get(word, unseen) for word in words_of(t)) for t in batch.prompts]
        return np.array(surprise, np.float32)[:, None]


def mean(values: Iterable[float]) -> float:
    """NaN when there are none."""
    found = list(values)
    return sum(found) / len(found) if found else float("nan")
