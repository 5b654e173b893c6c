"""How much memory training takes at its peak, in parts, in bytes.

docs/explain/scale.md has each term with its source, and its error: benchmarks/plan.py measures it
beside real runs on a processor, benchmarks/sizing.py beside published runs on GPUs.
"""

from dataclasses import dataclass, fields, replace
from math import ceil
from typing import Literal

from project.records.adapters import Quantization
from training.cost.base_shape import BaseShape
from training.cost.machines import Computing
from training.training_settings import AdapterParams, StepParams

# --- a step ---------------------------------------------------------------------------------------

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
    """A step of training on a kind of device: what its memory and minutes are told of."""

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


# --- memory ---------------------------------------------------------------------------------------

FLOAT32 = 4
# NF4: four bits, and 0.127 for the scales of blocks of 64 weights, which are quantised in turn
# (QLoRA, Dettmers et al. 2023, arXiv 2305.14314, section 3). LLM.int8(): a byte.
QUANTIZED: dict[Quantization, float] = {"nf4": (4 + 0.127) / 8, "int8": 1.0}
LORA_STATES = 4  # of each weight: itself, its gradient and Adam's two moments
LORA_LAYERS = 7  # products of a layer, each with a LoRA

# The head's logits are made in tiles of so many tokens and words, as TRL has it.
TILE_TOKENS, TILE_WORDS = 4096, 32_768
TILE_COPIES = 10  # in float32, that torch makes of a tile where it has no Triton; measured
# Our own trainer makes those of learnt tokens alone, so many bytes of float32 at once: CHUNK_BYTES
# of training.steps.packed_trainer, which would bring torch.
CHUNK_BYTES = 1 << 27
CHECKED_ROWS = 3  # ROWS of training.steps.packed_trainer
CHECK_COPIES = 6  # in float32, of a tile of their logits, of which nothing goes back; measured

TRAINING_PROCESS = 620_000_000  # Python and its libraries, before any model: measured
GPU_CONTEXT = 1_000_000_000  # what CUDA and the allocator's gaps take: assumed, not measured
SPARE = 0.1  # of the memory, for what else runs, and for the error of this


@dataclass(frozen=True)
class Peak:
    """Bytes at the peak; a part that is not there is 0."""

    weights: int
    adapter: int  # in training with its gradients and Adam's moments
    activations: int  # that a step keeps for its way back, or a prompt takes that is read
    cache: int  # keys and values of what is being answered
    logits: int
    process: int  # the program and its libraries, or what CUDA takes
    gathered: int = 0  # of the shares of the other GPUs

    @property
    def total(self) -> int:
        return sum(getattr(self, part.name) for part in fields(self))

    def fits(self, memory: int) -> bool:
        return self.total <= (1 - SPARE) * memory


def training_peak(setup: StepSetup) -> Peak:
    """The peak of an optimiser's step on the longest batch, all of whose rows are that long."""
    logits = logits_of(setup)
    return Peak(
        weights=trained_weights(setup),
        adapter=LORA_STATES * adapter_bytes(setup.shape, setup.adapter.r, setup.on),
        activations=activations_of(setup, logits),
        cache=0,
        logits=logits,
        process=GPU_CONTEXT if setup.on.gpu else TRAINING_PROCESS,
    )


def trained_weights(setup: StepSetup) -> int:
    """The layers as they are quantised; embedding and head as they are computed with."""
    shape, adapter = setup.shape, setup.adapter
    each: float = setup.on.bytes
    if adapter.quantization != "none" and not setup.dequantized:
        each = QUANTIZED[adapter.quantization]
    return round(shape.linear * each) + (shape.weights - shape.linear) * setup.on.bytes


def adapter_bytes(shape: BaseShape, r: int, on: Computing) -> int:
    """The bytes of the adapter. In float16 it is trained in float32: see add_adapter of
    training.model.lora.
    """
    return shape.lora(r) * (FLOAT32 if on.precision == "float16" else on.bytes)


def activations_of(setup: StepSetup, logits: int) -> int:
    """That all layers keep for the way back.

    With checkpointing a layer keeps its input alone, and is computed again on the way back (Chen et
    al. 2016, arXiv 1604.06174), when the memory of the logits is free.
    """
    shape, adapter = setup.shape, setup.adapter
    layer = setup.at_once * kept_by_a_layer(shape, setup.on, adapter.r, adapter.dropout)
    if not adapter.gradient_checkpointing:
        return shape.layers * layer
    inputs = shape.layers * setup.at_once * shape.hidden * setup.on.bytes
    return inputs + max(0, layer - logits)


def kept_by_a_layer(shape: BaseShape, on: Computing, r: int, dropout: float) -> int:
    """Bytes a token that one layer keeps for its way back.

    Counted as Korthikanti et al. 2022 (arXiv 2205.05198, section 4.1) do for another layer: norms
    compute in float32; attention keeps queries, keys, values (repeated for all heads) and its
    output, and no scores; each LoRA keeps its input, after a dropout of its own, and its middle.
    """
    kept = 2 * shape.hidden * FLOAT32
    kept += (4 * shape.queries + 3 * shape.intermediate + LORA_LAYERS * r) * on.bytes
    if not dropout:
        return kept + (2 * shape.hidden + shape.queries + shape.intermediate) * on.bytes
    mask = 1 if on.gpu else on.bytes
    inputs = 5 * shape.hidden + shape.queries + shape.intermediate
    return kept + inputs * (on.bytes + mask)


def logits_of(setup: StepSetup) -> int:
    """The head's logits that are there at a time, with what is made of them."""
    on, vocabulary = setup.on, setup.shape.vocabulary
    tile = min(vocabulary, TILE_WORDS)
    if not setup.packed:
        tokens = setup.scored_at_once if on.gpu else setup.at_once
        copies = 0 if on.gpu else TILE_COPIES
        return min(tokens, TILE_TOKENS) * tile * (on.bytes + copies * FLOAT32)
    # As the product gives it and as it goes back, and in float32, twice.
    each = 2 * FLOAT32 + (2 * on.bytes if on.bytes < FLOAT32 else 0)
    tokens = min(setup.scored_at_once, max(1, CHUNK_BYTES // (FLOAT32 * vocabulary)))
    # Before it starts, our trainer compares a few padded rows with packed ones.
    checked = min(CHECKED_ROWS * setup.longest, TILE_TOKENS) * tile
    copies = 1 if on.gpu else CHECK_COPIES
    return max(tokens * vocabulary * each, checked * (on.bytes + copies * FLOAT32))


# --- several GPUs ---------------------------------------------------------------------------------

# DDP has a whole copy of the base on each GPU (Li et al. 2020, arXiv 2006.15704). FSDP has a share
# of it on each, and gathers the layer at work from all (Zhao et al. 2023, arXiv 2304.11277); with
# NF4 weights it is FSDP-QLoRA (https://www.answer.ai/posts/2024-03-06-fsdp-qlora).

Layout = Literal["ddp", "fsdp"]

NF4 = 0.5  # bytes a weight that are shared out; its scales are whole on every GPU
AT_ONCE = 2  # layers that are there whole: the one at work, and the next one, gathered meanwhile


def peak_on_each(setup: StepSetup, layout: Layout, count: int) -> Peak:
    """The peak of a step on each of so many GPUs, each with a batch of its own."""
    whole = training_peak(setup)
    if layout == "ddp" or count == 1:
        return whole
    shape, embeddings = setup.shape, (setup.shape.weights - setup.shape.linear) * setup.on.bytes
    shared = round(shape.linear * NF4) + embeddings
    # Layers with their LoRA, and embedding and head, which FSDP gathers once for all layers; and
    # the largest matrix as NF4 is turned back.
    lora = adapter_bytes(shape, setup.adapter.r, setup.on)
    layers = AT_ONCE * (shape.linear * NF4 + lora) / shape.layers
    turned_back = shape.hidden * shape.intermediate * setup.on.bytes
    return replace(
        whole,
        weights=trained_weights(setup) - shared + ceil(shared / count),
        adapter=ceil(whole.adapter / count),
        gathered=round((layers + embeddings) * (count - 1) / count) + turned_back,
    )
