"""Where the prompts lie: their place along the reference's principal directions."""

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from monitoring.signals.signal import Batch, Direction, Floats

DIRECTIONS = 64


@dataclass(frozen=True)
class PromptEmbeddings:
    """A shift of the mean along the 64 directions in which the reference's prompts vary most."""

    mean: Floats  # [d]
    directions: Floats  # [d, at most 64], each scaled by its standard deviation

    name: ClassVar[str] = "embeddings"
    direction: ClassVar[Direction] = "any"
    weight: ClassVar[int] = 3
    shares: ClassVar[bool] = False

    @classmethod
    def fit(cls, index: Batch, rng: np.random.Generator) -> Self | None:
        if index.vectors is None:
            return None
        mean = np.asarray(index.vectors.mean(0), np.float32)
        directions = principal(index.vectors - mean, DIRECTIONS)
        return cls(mean, directions) if directions.size else None

    def columns(self, batch: Batch) -> Floats:
        assert batch.vectors is not None
        return np.asarray((batch.vectors - self.mean) @ self.directions, np.float32)


def principal(centred: Floats, count: int) -> Floats:
    """The first principal directions, scaled so that rows have variance 1 along each [d, count]."""
    _, sizes, directions = np.linalg.svd(centred, full_matrices=False)
    kept = [i for i in range(min(count, len(sizes))) if sizes[i] > 1e-6 * max(sizes[0], 1e-12)]
    scaled: Floats = (directions[kept].T / sizes[kept] * len(centred) ** 0.5).astype(np.float32)
    return scaled
