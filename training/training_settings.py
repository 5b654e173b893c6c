"""The recipe: the settings of a training run."""

from typing import Literal

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt

from project.records.adapters import Quantization
from project.settings import Settings


class TrainingParams(Settings):
    """The recipe of a QLoRA run."""

    rows: PositiveInt | None = None  # training rows taken, the first ones; null: all
    r: PositiveInt = 16  # rank of the LoRA update
    alpha: PositiveFloat = 32  # the update is scaled by alpha / r
    # What the base's weights are kept in: QLoRA's four bits, LLM.int8(), or as they are.
    quantization: Quantization = "nf4"
    # Whether NF4 weights are turned back once, in memory, and not at every product: the same
    # forward pass, sooner. auto: where they take at most a quarter of the memory.
    dequantize_once: Literal["auto", True, False] = "auto"
    dropout: float = Field(default=0.05, ge=0, lt=1)
    learning_rate: PositiveFloat = 5e-4
    epochs: PositiveFloat = 1
    batch_size: PositiveInt = 4
    gradient_accumulation: PositiveInt = 1
    warmup_share: float = Field(default=0.05, ge=0, lt=1)  # of all steps
    gradient_checkpointing: bool = False  # slower, but a long row fits a small memory
    seed: NonNegativeInt = 0
