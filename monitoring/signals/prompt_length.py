"""Length: how many words the prompts have."""

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from monitoring.signals.signal import Batch, Direction, Floats, one_hot


@dataclass(frozen=True)
class PromptLength:
    """Which eighth of the reference's lengths, in words, a prompt's length falls into."""

    edges: Floats  # [at most 7]

    name: ClassVar[str] = "length"
    direction: ClassVar[Direction] = "any"
    weight: ClassVar[int] = 1
    shares: ClassVar[bool] = True

    @classmethod
    def fit(cls, index: Batch, rng: np.random.Generator) -> Self | None:
        if index.prompts is None:
            return None
        edges = np.quantile(lengths(index), np.arange(1, 8) / 8)
        return cls(np.unique(edges).astype(np.float32))

    def columns(self, batch: Batch) -> Floats:
        return one_hot(np.searchsorted(self.edges, lengths(batch)), len(self.edges) + 1)


def lengths(batch: Batch) -> Floats:
    assert batch.prompts is not None
    return np.array([len(text.split()) for text in batch.prompts], np.float32)
