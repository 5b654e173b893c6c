"""What users think of the answers."""

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from monitoring.permutation import Direction, Floats
from monitoring.signals.signal import Batch


@dataclass(frozen=True)
class Feedback:
    """The ratings, turned round: up means that users are less pleased."""

    usual: Floats  # [1], the reference's mean rating, for reports

    name: ClassVar[str] = "feedback"
    direction: ClassVar[Direction] = "up"
    weight: ClassVar[int] = 2
    shares: ClassVar[bool] = False

    @classmethod
    def fit(cls, index: Batch, rng: np.random.Generator) -> Self | None:
        if index.ratings is None or np.isnan(index.ratings).all():
            return None
        return cls(np.array([np.nanmean(index.ratings)], np.float32))

    def columns(self, batch: Batch) -> Floats:
        if batch.ratings is None:
            return np.full((len(batch), 1), np.nan, np.float32)
        return -batch.ratings[:, None]
