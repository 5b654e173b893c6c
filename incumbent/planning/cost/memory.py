"""How much memory training and answering take at their peak, in parts, in bytes.

Measured beside real runs by benchmarks/plan.py.
"""

from dataclasses import dataclass, fields

from incumbent.planning.cost.base_shape import BaseShape
from incumbent.planning.cost.setup import Computing, Setup
from project.records.adapters import Quantization

FLOAT32 = 4
# NF4: four bits, and the scales of blocks of 64 weights that are quantised in turn: 0.127 bits a
# weight (QLoRA, Dettmers et al. 2023, arXiv 2305.14314, section 3). LLM.int8(): a byte.
QUANTIZED: dict[Quantization, float] = {"nf4": (4 + 0.127) / 8, "int8": 1.0}
LORA_STATES = 4  # of each weight: itself, its gradient and Adam's two moments
LORA_LAYERS = 7  # products of a layer, each with a LoRA

# The head's logits are made in tiles of so many tokens and words, as TRL has it.
TILE_TOKENS, TILE_WORDS = 4096, 32_768
TILE_COPIES = 10  # in float32, that torch makes of a tile where it has no Triton; measured

# Python and its libraries, which a process has before any model: measured.
TRAINING_PROCESS, ANSWERING_PROCESS = 620_000_000, 460_000_000
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

    @property
    def total(self) -> int:
        return sum(getattr(self, part.name) for part in fields(self))

    def fits(self, memory: int) -> bool:
        return self.total <= (1 - SPARE) * memory


def training_peak(setup: Setup) -> Peak:
    """Of a step on the longest batch, all of whose rows are as long as the longest."""
    shape, on, training = setup.shape, setup.on, setup.settings.training
    tokens = training.batch_size * setup.longest.row
    scored = training.batch_size * setup.longest.completion if on.gpu else tokens
    logits = head_tile(shape, scored, on)
    layer = tokens * kept_by_a_layer(shape, on, training.r, training.dropout)
    return Peak(
        weights=trained_weights(setup),
        adapter=LORA_STATES * adapter_bytes(shape, training.r, on),
        activations=kept_in_all(setup, layer, logits),
        cache=0,
        logits=logits,
        process=GPU_CONTEXT if on.gpu else TRAINING_PROCESS,
    )


def trained_weights(setup: Setup) -> int:
    """The layers as they are quantised; embedding and head as they are computed with."""
    shape, quantization = setup.shape, setup.settings.training.quantization
    each: float = setup.on.bytes
    if quantization != "none" and not setup.dequantized:
        each = QUANTIZED[quantization]
    return round(shape.linear * each) + (shape.weights - shape.linear) * setup.on.bytes


def adapter_bytes(shape: BaseShape, r: int, on: Computing) -> int:
    """In float16 an adapter is trained in float32: see add_adapter of training.lora_model."""
    return shape.lora(r) * (FLOAT32 if on.precision == "float16" else on.bytes)


def kept_in_all(setup: Setup, layer: int, logits: int) -> int:
    """By all layers, of which one keeps so much.

    With checkpointing a layer keeps its input alone, and is computed again on the way back (Chen et
    al. 2016, arXiv 1604.06174), when the memory of the logits is free.
    """
    shape, training = setup.shape, setup.settings.training
    if not training.gradient_checkpointing:
        return shape.layers * layer
    tokens = training.batch_size * setup.longest.row
    inputs = shape.layers * tokens * shape.hidden * setup.on.bytes
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


def head_tile(shape: BaseShape, tokens: int, on: Computing) -> int:
    """Of the head's logits, those that are there at a time."""
    cells = min(tokens, TILE_TOKENS) * min(shape.vocabulary, TILE_WORDS)
    return cells * (on.bytes + (0 if on.gpu else TILE_COPIES * FLOAT32))


def answering_peak(setup: Setup) -> Peak:
    """Of the challenger: the base as it is computed with, never quantised, and an adapter on it."""
    shape, on, longest = setup.shape, setup.on, setup.longest
    decoding = setup.settings.decoding
    prompts = decoding.batch_size * longest.prompt
    tokens = prompts + decoding.batch_size * decoding.max_new_tokens
    references = decoding.batch_size * (longest.reference + 1) * on.bytes
    return Peak(
        weights=shape.weights * on.bytes,
        adapter=shape.lora(setup.settings.training.r) * on.bytes,
        activations=prompts * (4 * shape.hidden + 3 * shape.intermediate) * on.bytes,
        # Twice: what has ended leaves the batch, and the memories of the others are copied.
        cache=2 * tokens * shape.layers * 2 * shape.keys * on.bytes,
        # Of the references, whose likelihood is asked for; those of one in float32 besides.
        logits=(references + 2 * longest.reference * FLOAT32) * shape.vocabulary,
        process=GPU_CONTEXT if on.gpu else ANSWERING_PROCESS,
    )
