"""Training as the stages do it, on any device: what the tests of a card share."""

from pathlib import Path
from typing import Any

from project.gpu import Card
from project.model_pins import ModelChoice, pin
from project.records.adapters import Contestant, Numerics
from project.records.data import Row
from training.recipe import StepRecord
from training.steps.run_step import StepContext, StepRun, prepare
from training.steps.sft_step import sft_step_data, train_sft
from training.training_settings import AdapterParams, SftParams

ROWS = [
    Row.of(f"What is {i} plus {i}?", f"It is {2 * i}." * (1 + i % 3), group=str(i), source="sums")
    for i in range(16)
]
SFT = SftParams(epochs=2, batch_size=4, learning_rate=1e-3, evaluations=1)


def ground_on(card: Card, base: Path, **adapter: Any) -> StepContext:
    numerics = Numerics(precision=card.fastest, processor=card.name)
    pinned = pin(ModelChoice(model=str(base)), "base")
    return StepContext(Contestant(base=pinned), numerics, AdapterParams(r=8, **adapter))


def trained(ground: StepContext, folder: Path, **settings: Any) -> StepRecord:
    return train_sft(ROWS, ROWS[:4], ground, SFT.model_copy(update=settings), folder)


def prepared(ground: StepContext, **settings: Any) -> StepRun:
    """Ready to be trained."""
    return prepare(sft_step_data(ROWS, ROWS[:4], SFT.model_copy(update=settings)), ground)
