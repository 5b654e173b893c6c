"""How much the champion itself is surprised by the prompts."""

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from monitoring.signals.signal import Batch, Direction, Floats, one_column, usual_value


@dataclass(frozen=True)
class PromptPerplexity:
    """The mean negative log-probability of a prompt's tokens: log perplexity, in nats."""

    usual: Floats  # [1], the reference's mean, for reports

    name: ClassVar[str] = "perplexity"
    direction: ClassVar[Direction] = "up"
    weight: ClassVar[int] = 2
    shares: ClassVar[bool] = False

    @classmethod
    def fit(cls, index: Batch, rng: np.random.Generator) -> Self | None:
        usual = usual_value(index.surprise)
        return None if usual is None else cls(usual)

    def columns(self, batch: Batch) -> Floats:
        return one_column(batch.surprise, len(batch))
