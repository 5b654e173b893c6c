"""What a judge thinks of the answers."""

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from monitoring.signals.signal import Batch, Direction, Floats, one_column, usual_value


@dataclass(frozen=True)
class JudgedReward:
    """The rewards of the reward model, turned round: up means that the answers are worse.

    Rewards of answers to one prompt compare them; of answers to different prompts they say less, so
    that strange prompts may move them too.
    """

    usual: Floats  # [1], the reference's mean reward, for reports

    name: ClassVar[str] = "judge"
    direction: ClassVar[Direction] = "up"
    weight: ClassVar[int] = 2
    shares: ClassVar[bool] = False

    @classmethod
    def fit(cls, index: Batch, rng: np.random.Generator) -> Self | None:
        usual = usual_value(index.scores)
        return None if usual is None else cls(usual)

    def columns(self, batch: Batch) -> Floats:
        return -one_column(batch.scores, len(batch))
