"""A base, its settings and its rows on a kind of device: what memory and minutes are told of."""

from dataclasses import dataclass, replace

from incumbent.planning.cost.base_shape import BaseShape
from incumbent.planning.work.run_settings import RunSettings
from incumbent.planning.work.workload import Longest
from project.records.adapters import Precision

BYTES: dict[Precision, int] = {"float32": 4, "bfloat16": 2, "float16": 2}  # of a number
# Of all memory, that NF4 weights may take which are dequantised once: MEMORY_SHARE of
# training.lora_model, which would bring torch.
DEQUANTIZED_SHARE = 0.25


@dataclass(frozen=True)
class Computing:
    """The kind of device that a model is computed on."""

    precision: Precision
    memory: int  # bytes
    gpu: bool = False

    @property
    def bytes(self) -> int:
        """Of a number."""
        return BYTES[self.precision]


@dataclass(frozen=True)
class Setup:
    shape: BaseShape
    settings: RunSettings
    longest: Longest
    on: Computing

    @property
    def dequantized(self) -> bool:
        """Whether NF4 weights are turned back once, when they are loaded."""
        training = self.settings.training
        if training.quantization != "nf4":
            return False
        if training.dequantize_once != "auto":
            return training.dequantize_once
        return self.shape.linear * self.on.bytes <= DEQUANTIZED_SHARE * self.on.memory

    def training_with(self, **changes: object) -> "Setup":
        training = self.settings.training.model_copy(update=changes)
        return replace(self, settings=self.settings.model_copy(update={"training": training}))

    def answering_in_batches_of(self, size: int) -> "Setup":
        decoding = self.settings.decoding.model_copy(update={"batch_size": size})
        return replace(self, settings=self.settings.model_copy(update={"decoding": decoding}))

    def with_rows_of(self, tokens: int) -> "Setup":
        """No row longer than so many tokens."""
        completion = min(self.longest.completion, tokens)
        return replace(self, longest=replace(self.longest, row=tokens, completion=completion))
