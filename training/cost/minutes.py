"""How long a step of training takes, roughly, from how fast a device computes.

Measured beside real runs by benchmarks/plan.py.
"""

from dataclasses import dataclass

from project.processor import KEPT_BYTES
from training.cost.base_shape import BaseShape
from training.cost.computing import Speed
from training.cost.memory import head_tile, kept_of_training, logit_bytes, training_peak
from training.cost.step_setup import StepSetup, StepWork

LORA_CALLS = 2  # times as many calls of a layer as without a LoRA on it
BACK_CALLS = 2  # times as many on the way back as on the way there


def compared(shape: BaseShape, row: float) -> float:
    """What attention multiplies a token with: keys and values of its row."""
    return shape.layers * 2 * shape.queries * row


@dataclass(frozen=True)
class TrainingClock:
    """Tells how long a step takes on a device that is so fast."""

    setup: StepSetup
    speed: Speed

    def seconds(self, work: StepWork) -> float:
        """Of the tokens, of those that are scored, of those that are read, of the batches."""
        few = self.setup.on.gpu or self.setup.packed  # TRL scores prompts too on a processor
        scored = work.scored if few else work.tokens
        sequences = work.examples * self.setup.sequences * self.setup.params.epochs
        row = work.tokens / max(1.0, sequences)
        return (
            work.tokens * self.trained_token(row)
            + scored * self.scored_token()
            + work.read * self.read_token(row)
            + work.batches * (self.batch() + self.mapped_anew(row))
        )

    def trained_token(self, row: float) -> float:
        """A token of a row of so many, in the layers."""
        kept = kept_of_training(self.setup, row)
        written = self.setup.shape.layers * kept * self.passes / 2
        return self.operations(row) * self.speed.operation + written * self.speed.byte

    def operations(self, row: float) -> float:
        """Two for each weight and pass (Kaplan et al. 2020, arXiv 2001.08361), a pass more for a
        LoRA's, which has a gradient of its own; attention compares a token with each of its row.
        """
        shape = self.setup.shape
        lora = shape.lora(self.setup.adapter.r)
        weights = shape.linear + compared(shape, row)
        return 2 * (self.passes * weights + (self.passes + 1) * lora)

    def scored_token(self) -> float:
        """A token's logits: there and back; TRL's are made again, and go back in float32."""
        shape, on, speed = self.setup.shape, self.setup.on, self.speed
        product = 2 * shape.embedding
        if self.setup.packed:
            return 2 * product * speed.operation + shape.vocabulary * logit_bytes(on) * speed.byte
        written = head_tile(shape, 1, on) * speed.byte
        return product * (2 * speed.operation + speed.in_float32) + written

    def read_token(self, row: float) -> float:
        """Of a pass that nothing is learnt from: layers and head, there."""
        shape = self.setup.shape
        weights = shape.linear + compared(shape, row) + shape.lora(self.setup.adapter.r)
        return 2 * (weights + shape.embedding) * self.speed.operation

    def batch(self) -> float:
        """However few tokens it has."""
        shape, nf4 = self.setup.shape, self.setup.adapter.quantization == "nf4"
        calls = LORA_CALLS * (self.passes - 1 + BACK_CALLS) * shape.layers
        weight = self.speed.weight
        if nf4 and not self.setup.dequantized:
            weight += self.speed.unpacking
        return calls * self.speed.call + self.passes * shape.linear * weight

    def mapped_anew(self, row: float) -> float:
        """What a batch frees beyond what is kept: see keep_memory of project.processor."""
        peak = training_peak(self.setup.with_rows_of(round(row)))
        freed = peak.activations + peak.logits - KEPT_BYTES[0]
        return max(0, freed) * self.speed.mapping

    @property
    def passes(self) -> int:
        """Over frozen weights: there, back, and there again where layers are computed twice."""
        return 3 if self.setup.params.gradient_checkpointing else 2
