"""How much the champion itself is surprised by the prompts."""

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from monitoring.permutation import Direction, Floats
from monitoring.signals.signal import Batch


@dataclass(frozen=True)
class Perplexity:
    """The mean negative log-probability of a prompt's tokens: log perplexity, in nats."""

    usual: Floats  # [1], the reference's mean, for reports

    name: ClassVar[str] = "perplexity"
    direction: ClassVar[Direction] = "up"
    weight: ClassVar[int] = 2
    shares: ClassVar[bool] = False

    @classmethod
    def fit(cls, index: Batch, rng: np.random.Generator) -> Self | None:
        if index.surprise is None or np.isnan(index.surprise).all():
            return None
        return cls(np.array([np.nanmean(index.surprise)], np.float32))

    def columns(self, batch: Batch) -> Floats:
        if batch.surprise is None:
            return np.full((len(batch), 1), np.nan, np.float32)
        return batch.surprise[:, None]
