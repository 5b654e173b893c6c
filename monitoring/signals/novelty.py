"""Prompts from somewhere new: how far they lie from everything in the reference."""

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from monitoring.signals.signal import Batch, Direction, Floats, distance, usual_distance

FAR = 0.9  # the quantile of the reference's own distances above which one counts


@dataclass(frozen=True)
class Novelty:
    """The mean distance to the 5 nearest prompts, as far as it exceeds what is usual.

    A few strange prompts hardly move a mean distance; the part above the reference's 90 % point
    they do.
    """

    index: Floats  # [m, d]
    far: Floats  # [1]

    name: ClassVar[str] = "novelty"
    direction: ClassVar[Direction] = "up"
    weight: ClassVar[int] = 5
    shares: ClassVar[bool] = False

    @classmethod
    def fit(cls, index: Batch, rng: np.random.Generator) -> Self | None:
        if index.vectors is None:
            return None
        return cls(index.vectors, usual_distance(index.vectors, FAR))

    def columns(self, batch: Batch) -> Floats:
        assert batch.vectors is not None
        excess: Floats = np.maximum(distance(batch.vectors, self.index) - self.far, 0)
        return excess[:, None]
