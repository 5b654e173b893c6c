"""A step of training on a kind of device: what its memory and minutes are told of."""

from dataclasses import dataclass, replace

from training.cost.base_shape import BaseShape
from training.cost.computing import Computing
from training.training_settings import AdapterParams, StepParams

# Of all memory, that NF4 weights may take which are dequantised once: MEMORY_SHARE of
# training.model.base_model, which would bring torch.
DEQUANTIZED_SHARE = 0.25


@dataclass(frozen=True)
class StepWork:
    """What a step computes, over all its epochs."""

    examples: int  # of an epoch: rows, windows of text, or pairs
    tokens: int  # that are learnt from
    scored: int  # of these, whose likelihood counts
    batches: int  # forward passes that learn
    longest: int  # tokens of the longest sequence
    longest_scored: int  # of its tokens, whose likelihood counts
    read: int = 0  # tokens that pass forward only: for a reference to hold against


@dataclass(frozen=True)
class StepSetup:
    shape: BaseShape
    adapter: AdapterParams
    params: StepParams
    longest: int  # tokens of the longest sequence
    longest_scored: int
    on: Computing
    sequences: int = 1  # of an example: two of a pair
    packed: bool = True  # by our own trainer; TRL's pads, and scores prompts too

    @property
    def at_once(self) -> int:
        """Tokens of a batch whose sequences are all as long as the longest."""
        return self.params.batch_size * self.sequences * self.longest

    @property
    def scored_at_once(self) -> int:
        return self.params.batch_size * self.sequences * self.longest_scored

    @property
    def dequantized(self) -> bool:
        """Whether NF4 weights are turned back once, when they are loaded."""
        if self.adapter.quantization != "nf4":
            return False
        if self.adapter.dequantize_once != "auto":
            return self.adapter.dequantize_once
        return self.shape.linear * self.on.bytes <= DEQUANTIZED_SHARE * self.on.memory

    @property
    def fused(self) -> bool:
        """Whether LoRA's layers compute in one piece: see training.model.fused_lora."""
        plain = self.adapter.quantization == "none" or self.dequantized
        return self.packed and plain and not self.on.gpu

    def with_rows_of(self, tokens: int) -> "StepSetup":
        """No sequence longer than so many tokens."""
        scored = min(self.longest_scored, tokens)
        return replace(self, longest=min(self.longest, tokens), longest_scored=scored)
