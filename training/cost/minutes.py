"""How long a step of training takes, roughly, from how fast a device computes.

Measured beside real runs by benchmarks/plan.py.
"""

from dataclasses import dataclass, replace
from math import ceil
from typing import Literal

from project.libraries import KEPT_BYTES
from training.cost.computing import BaseShape, Speed
from training.cost.gpus import GB, Gpu
from training.cost.memory import (
    Peak,
    StepSetup,
    StepWork,
    adapter_bytes,
    head_tile,
    kept_of_training,
    logit_bytes,
    trained_weights,
    training_peak,
)

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
        """What a batch frees beyond what is kept: see keep_memory of project.libraries."""
        peak = training_peak(self.setup.with_rows_of(round(row)))
        freed = peak.activations + peak.logits - KEPT_BYTES[0]
        return max(0, freed) * self.speed.mapping

    @property
    def passes(self) -> int:
        """Over frozen weights: there, back, and there again where layers are computed twice."""
        return 3 if self.setup.adapter.gradient_checkpointing else 2


# --- several gpus ---------------------------------------------------------------------------------

# A step of training on several GPUs of a machine: memory on each, and time.
#
# DDP has a whole copy of the base on each GPU (Li et al. 2020, arXiv 2006.15704). FSDP has a share
# of it on each, and gathers the layer at work from all (Zhao et al. 2023, arXiv 2304.11277); with
# NF4 weights it is FSDP-QLoRA (https://www.answer.ai/posts/2024-03-06-fsdp-qlora). docs/sizing.md
# has each term, and its error against published runs.

Layout = Literal["ddp", "fsdp"]

NF4 = 0.5  # bytes a weight that are shared out; its scales are whole on every GPU
AT_ONCE = 2  # layers that are there whole: the one at work, and the next one, gathered meanwhile
GATHERS = 2  # of a layer in a batch: on the way there, and on the way back
LINK_REACHES = 0.6  # of a link's speed on paper. Assumed: no published run waits for a fast one


@dataclass(frozen=True)
class GpuPeak:
    """Bytes on each GPU at the peak."""

    own: Peak  # what it keeps: of the weights and of the adapter its share
    gathered: int  # of the shares of the others

    @property
    def total(self) -> int:
        return self.own.total + self.gathered

    def fits(self, memory: int) -> bool:
        return replace(self.own, cache=self.own.cache + self.gathered).fits(memory)


def gpu_peak(setup: StepSetup, layout: Layout, count: int) -> GpuPeak:
    """Of a step on so many GPUs, each with a batch of its own."""
    whole = training_peak(setup)
    if layout == "ddp" or count == 1:
        return GpuPeak(whole, gathered=0)
    embeddings = (setup.shape.weights - setup.shape.linear) * setup.on.bytes
    shared = round(setup.shape.linear * NF4) + embeddings
    scales = trained_weights(setup) - shared
    share = replace(
        whole, weights=scales + ceil(shared / count), adapter=ceil(whole.adapter / count)
    )
    return GpuPeak(share, gathered_by_each(setup, embeddings, count))


def gathered_by_each(setup: StepSetup, embeddings: int, count: int) -> int:
    """Layers with their LoRA, and embedding and head, which FSDP gathers once for all layers; and
    the largest matrix as NF4 is turned back.
    """
    shape = setup.shape
    lora = adapter_bytes(shape, setup.adapter.r, setup.on)
    layers = AT_ONCE * (shape.linear * NF4 + lora) / shape.layers
    turned_back = shape.hidden * shape.intermediate * setup.on.bytes
    return round((layers + embeddings) * (count - 1) / count) + turned_back


@dataclass(frozen=True)
class GroupClock:
    """Tells how long a step takes on so many GPUs of a kind."""

    setup: StepSetup
    layout: Layout
    gpu: Gpu
    count: int

    def seconds(self, work: StepWork) -> float | None:
        """The batches are dealt out evenly, and all wait for the GPU that has most. None in a
        precision that nothing is known of there.
        """
        speed = self.gpu.speed(self.setup.on.precision)
        if speed is None:
            return None
        batches = ceil(work.batches / self.count)
        mine = of_work(work, batches / max(1, work.batches))
        computing = TrainingClock(self.setup, speed).seconds(mine)
        sending = batches * self.sent() / (self.gpu.link * GB * LINK_REACHES)
        # FSDP gathers a layer while it computes another one.
        return max(computing, sending) if self.layout == "fsdp" else computing + sending

    def sent(self) -> float:
        """Bytes that a GPU gets from the others in a batch."""
        shape, others = self.setup.shape, (self.count - 1) / self.count
        lora = adapter_bytes(shape, self.setup.adapter.r, self.setup.on)
        if self.layout == "ddp":
            return 2 * lora * others  # gradients, by a ring: Patarasuk & Yuan 2009
        embeddings = (shape.weights - shape.linear) * self.setup.on.bytes
        gathered = GATHERS * (shape.linear * NF4 + lora) + embeddings
        return (gathered + lora) * others


def of_work(work: StepWork, share: float) -> StepWork:
    return replace(
        work,
        examples=ceil(work.examples * share),
        tokens=ceil(work.tokens * share),
        scored=ceil(work.scored * share),
        batches=ceil(work.batches * share),
        read=ceil(work.read * share),
    )
