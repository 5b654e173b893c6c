"""What users think of the answers."""

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from monitoring.signals.signal import Batch, Direction, Floats, one_column, usual_value


@dataclass(frozen=True)
class Ratings:
    """The ratings, turned round: up means that users are less pleased."""

    usual: Floats  # [1], the reference's mean rating, for reports

    name: ClassVar[str] = "feedback"
    direction: ClassVar[Direction] = "up"
    weight: ClassVar[int] = 2
    shares: ClassVar[bool] = False

    @classmethod
    def fit(cls, index: Batch, rng: np.random.Generator) -> Self | None:
        usual = usual_value(index.ratings)
        return None if usual is None else cls(usual)

    def columns(self, batch: Batch) -> Floats:
        return -one_column(batch.ratings, len(batch))
