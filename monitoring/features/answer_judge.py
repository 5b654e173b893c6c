"""The judge that a reference's answers were judged with: the pipeline's reward model, kept."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from monitoring.signals.array_types import Floats
from project.paths import CALIBRATION, REWARD
from project.records.calibration import Calibration

if TYPE_CHECKING:
    from evaluation.preference.reward.reward_model import RewardModel


class AnswerJudge:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def rewards(self, prompts: Sequence[str], answers: Sequence[str]) -> Floats:
        """Of each answer to its prompt; more is better [n]."""
        found: Floats = self.model.rewards(prompts, answers).numpy().astype(np.float32)
        return found

    @cached_property
    def model(self) -> "RewardModel":
        # Imported here because a night without answers to judge need not wait for torch.
        from evaluation.preference.reward.reward_model import RewardModel

        return RewardModel(self.folder)


def trained_judge() -> AnswerJudge | None:
    """The pipeline's reward model; None where there is none, or it does no better than chance and
    length.
    """
    if not CALIBRATION.exists() or not list(REWARD.glob("*.safetensors")):
        return None
    return None if Calibration.read(CALIBRATION).advisory else AnswerJudge(REWARD)
