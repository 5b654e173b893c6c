"""How much memory training takes at its peak, in parts, in bytes.

Measured beside real runs by benchmarks/plan.py.
"""

from dataclasses import dataclass, fields, replace

from project.records.adapters import Quantization
from training.cost.computing import BaseShape, Computing
from training.training_settings import AdapterParams, StepParams

# --- step setup -----------------------------------------------------------------------------------

# A step of training on a kind of device: what its memory and minutes are told of.

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
# of training.steps.completion_loss, which would bring torch.
CHUNK_BYTES = 1 << 27
CHECKED_ROWS = 3  # ROWS of training.steps.packed_trainer
CHECK_COPIES = 6  # in float32, of a tile of their logits, of which nothing goes back; measured
SHORT_ROW = 256  # tokens up to which its attention keeps weights: SHORT of row_attention

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

    @property
    def total(self) -> int:
        return sum(getattr(self, part.name) for part in fields(self))

    def fits(self, memory: int) -> bool:
        return self.total <= (1 - SPARE) * memory


def training_peak(setup: StepSetup) -> Peak:
    """Of a step of the optimiser on the longest batch, all of whose rows are as long as that."""
    shape, on, adapter = setup.shape, setup.on, setup.adapter
    logits = scored_logits(setup)
    layer = round(setup.at_once * kept_of_training(setup, setup.longest))
    activations = kept_in_all(setup, layer, logits)
    if (checked := checked_logits(setup)) > activations + logits:
        activations, logits = 0, checked
    return Peak(
        weights=trained_weights(setup),
        adapter=LORA_STATES * adapter_bytes(shape, adapter.r, on),
        activations=activations,
        cache=0,
        logits=logits,
        process=GPU_CONTEXT if on.gpu else TRAINING_PROCESS,
    )


def trained_weights(setup: StepSetup) -> int:
    """The layers as they are quantised; embedding and head as they are computed with."""
    shape, adapter = setup.shape, setup.adapter
    each: float = setup.on.bytes
    if adapter.quantization != "none" and not setup.dequantized:
        each = QUANTIZED[adapter.quantization]
    return round(shape.linear * each) + (shape.weights - shape.linear) * setup.on.bytes


def adapter_bytes(shape: BaseShape, r: int, on: Computing) -> int:
    """In float16 an adapter is trained in float32: see add_adapter of training.model.lora."""
    return shape.lora(r) * (FLOAT32 if on.precision == "float16" else on.bytes)


def kept_in_all(setup: StepSetup, layer: int, logits: int) -> int:
    """By all layers, of which one keeps so much.

    With checkpointing a layer keeps its input alone, and is computed again on the way back (Chen et
    al. 2016, arXiv 1604.06174), when the memory of the logits is free.
    """
    if not setup.adapter.gradient_checkpointing:
        return setup.shape.layers * layer
    inputs = setup.shape.layers * setup.at_once * setup.shape.hidden * setup.on.bytes
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


def kept_of_training(setup: StepSetup, row: float) -> float:
    """Bytes a token of a row of so many that one layer keeps for its way back.

    A fused layer of LoRA keeps its input, which three share in attention and two behind it, its
    mask, and its middle; our own attention keeps no repeated keys and values, but the weights of
    short rows.
    """
    shape, on, adapter = setup.shape, setup.on, setup.adapter
    if not setup.fused:
        return kept_by_a_layer(shape, on, adapter.r, adapter.dropout)
    kept = 2 * shape.hidden * FLOAT32
    numbers = 2 * shape.hidden + 3 * shape.queries + 2 * shape.keys + 4 * shape.intermediate
    if adapter.dropout:
        numbers += 5 * shape.hidden + shape.queries + shape.intermediate
    weights = shape.heads * row if row <= SHORT_ROW else 0
    return kept + (numbers + LORA_LAYERS * adapter.r + weights) * on.bytes


def scored_logits(setup: StepSetup) -> int:
    """Of the head's logits, those that are there at a time, with what is made of them."""
    shape, on = setup.shape, setup.on
    if not setup.packed:
        return head_tile(shape, setup.scored_at_once if on.gpu else setup.at_once, on)
    tokens = min(setup.scored_at_once, max(1, CHUNK_BYTES // (FLOAT32 * shape.vocabulary)))
    return tokens * shape.vocabulary * logit_bytes(on)


def checked_logits(setup: StepSetup) -> int:
    """Of the padded rows that our trainer compares with packed ones before it starts."""
    if not setup.packed:
        return 0
    shape, on = setup.shape, setup.on
    cells = min(CHECKED_ROWS * setup.longest, TILE_TOKENS) * min(shape.vocabulary, TILE_WORDS)
    return cells * (on.bytes + (FLOAT32 if on.gpu else CHECK_COPIES * FLOAT32))


def logit_bytes(on: Computing) -> int:
    """Of a logit of ours: as the product gives it and as it goes back, and in float32, twice."""
    return 2 * FLOAT32 + (2 * on.bytes if on.bytes < FLOAT32 else 0)


def head_tile(shape: BaseShape, tokens: int, on: Computing) -> int:
    """Of the head's logits, those that are there at a time."""
    cells = min(tokens, TILE_TOKENS) * min(shape.vocabulary, TILE_WORDS)
    return cells * (on.bytes + (0 if on.gpu else TILE_COPIES * FLOAT32))
