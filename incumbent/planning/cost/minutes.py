"""How long training and answering take, roughly, from how fast a device computes.

Measured beside real runs by benchmarks/plan.py.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from incumbent.planning.cost.memory import head_tile, kept_by_a_layer, training_peak
from incumbent.planning.cost.setup import Setup
from incumbent.planning.work.answering import Answering
from incumbent.planning.work.workload import Workload
from project.processor import KEPT_BYTES

LORA_CALLS = 2  # times as many calls of a layer as without a LoRA on it
BACK_CALLS = 2  # times as many on the way back as on the way there
FULL = 0.85  # of a batch's places are taken, since answers end at different times
ENCODER = 10_700_000  # weights of the embedder's layers, which a reward model starts from
EXCHANGE = 100  # tokens of a prompt with an answer, as it reads them
OTHER_MINUTES = 2.5  # of what neither trains nor answers: programs that start, checks, scores


@dataclass(frozen=True)
class Speed:
    """Of a device, in seconds."""

    operation: float  # a floating-point operation of a large product
    in_float32: float  # the same in float32
    byte: float  # that a token keeps or copies
    weight: float  # a weight of the layers, read for a product
    unpacking: float  # an NF4 weight, turned back for a product
    call: float  # a layer, however little there is to compute
    mapping: float = 0.0  # a byte that a step gives back to the system, and asks for again


@dataclass(frozen=True)
class Minutes:
    train: float
    answer: float
    other: float

    @property
    def total(self) -> float:
        return self.train + self.answer + self.other


@dataclass(frozen=True)
class Clock:
    """Tells how long a run takes on a device that is so fast."""

    setup: Setup
    speed: Speed

    def minutes(self, work: Workload) -> Minutes:
        return Minutes(
            train=self.training(work) / 60,
            answer=self.answering(work.answering) / 60,
            other=OTHER_MINUTES + self.reward(work.pairs) / 60,
        )

    def training(self, work: Workload) -> float:
        """Seconds: of the tokens, of those that are scored, and of the steps as such."""
        scored = work.scored if self.setup.on.gpu else work.tokens
        row = work.tokens / max(1.0, work.rows * self.setup.settings.training.epochs)
        return (
            work.tokens * self.trained_token(row)
            + scored * self.scored_token()
            + work.steps * (self.training_step() + self.mapped_anew(row))
        )

    def trained_token(self, row: float) -> float:
        """A token of a row of so many, in the layers."""
        shape, training = self.setup.shape, self.setup.settings.training
        kept = kept_by_a_layer(shape, self.setup.on, training.r, training.dropout)
        written = shape.layers * kept * self.passes / 2
        return self.operations(row) * self.speed.operation + written * self.speed.byte

    def operations(self, row: float) -> float:
        """Two for each weight and pass (Kaplan et al. 2020, arXiv 2001.08361), a pass more for a
        LoRA's, which has a gradient of its own; attention compares a token with each of its row.
        """
        lora = self.setup.shape.lora(self.setup.settings.training.r)
        weights = self.setup.shape.linear + self.compared(row)
        return 2 * (self.passes * weights + (self.passes + 1) * lora)

    def compared(self, row: float) -> float:
        """What attention multiplies a token with: keys and values of its row."""
        return self.setup.shape.layers * 2 * self.setup.shape.queries * row

    def scored_token(self) -> float:
        """A token's logits: there, there again, and back in float32."""
        product = 2 * self.setup.shape.embedding
        written = head_tile(self.setup.shape, 1, self.setup.on) * self.speed.byte
        return product * (2 * self.speed.operation + self.speed.in_float32) + written

    def training_step(self) -> float:
        """However few tokens it has."""
        shape, nf4 = self.setup.shape, self.setup.settings.training.quantization == "nf4"
        calls = LORA_CALLS * (self.passes - 1 + BACK_CALLS) * shape.layers
        weight = self.speed.weight
        if nf4 and not self.setup.dequantized:
            weight += self.speed.unpacking
        return calls * self.speed.call + self.passes * shape.linear * weight

    def mapped_anew(self, row: float) -> float:
        """What a step frees beyond what the process keeps: see keep_memory of project.processor."""
        peak = training_peak(self.setup.with_rows_of(round(row)))
        freed = peak.activations + peak.logits - KEPT_BYTES[0]
        return max(0, freed) * self.speed.mapping

    @property
    def passes(self) -> int:
        """Over frozen weights: there, back, and there again where layers are computed twice."""
        return 3 if self.setup.settings.training.gradient_checkpointing else 2

    def answering(self, asked: Iterable[Answering]) -> float:
        """Seconds: of what is read, and of steps that give each answer of a batch a token."""
        return sum(self.reading(one) + self.generating(one) for one in asked)

    def reading(self, one: Answering) -> float:
        shape = self.setup.shape
        weights = self.weights(one) + self.compared(one.alike + one.prompt)
        written = shape.layers * kept_by_a_layer(shape, self.setup.on, r=0, dropout=0)
        token = 2 * weights * self.speed.operation + written * self.speed.byte
        scored = one.count * one.reference * 2 * shape.embedding * self.speed.operation
        return one.read * token + scored

    def generating(self, one: Answering) -> float:
        batch = min(self.setup.settings.decoding.batch_size, one.count)
        return one.generated / batch / FULL * self.answering_step(one, batch)

    def answering_step(self, one: Answering, batch: int) -> float:
        """A token for each answer of a batch; what they remember is copied for it."""
        shape = self.setup.shape
        calls = shape.layers * (LORA_CALLS if one.adapter else 1)
        weights = self.weights(one) + shape.embedding
        remembered = one.alike + one.prompt + one.answer / 2
        copied = batch * remembered * shape.layers * 2 * shape.keys * self.setup.on.bytes
        return (
            calls * self.speed.call
            + weights * (2 * batch * self.speed.operation + self.speed.weight)
            + copied * self.speed.byte
        )

    def weights(self, one: Answering) -> int:
        """That a token goes through in the layers."""
        lora = self.setup.shape.lora(self.setup.settings.training.r) if one.adapter else 0
        return self.setup.shape.linear + lora

    def reward(self, pairs: int) -> float:
        """Of training a reward model on pairs: two texts, six operations a weight and token."""
        return pairs * 2 * EXCHANGE * 6 * ENCODER * self.speed.operation
