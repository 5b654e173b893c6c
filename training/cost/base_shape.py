"""The kind of device that a model is computed on, and how fast it is."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from project.errors import InputError
from project.model_pins import EMBEDDED, BaseChoice, locate
from project.records.adapters import Precision

BYTES: dict[Precision, int] = {"float32": 4, "bfloat16": 2, "float16": 2}  # of a number


@dataclass(frozen=True)
class Computing:
    """In a precision, with so much memory."""

    precision: Precision
    memory: int  # bytes
    gpu: bool = False

    @property
    def bytes(self) -> int:
        """Of a number."""
        return BYTES[self.precision]


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


# --- base shape -----------------------------------------------------------------------------------

# How large a base model is, as its configuration says it; its weights need not be there.


@dataclass(frozen=True)
class BaseShape:
    """A dense decoder with gated feed-forward layers, as Llama, Mistral and Qwen are.

    Norms and biases, less than a thousandth of the weights, are left aside.
    """

    hidden: int
    layers: int
    intermediate: int  # width of a feed-forward layer
    vocabulary: int
    heads: int
    kv_heads: int
    head: int  # width of one
    tied: bool  # whether the head's weights are those of the embedding

    @property
    def queries(self) -> int:
        return self.heads * self.head

    @property
    def keys(self) -> int:
        return self.kv_heads * self.head

    @property
    def linear(self) -> int:
        """Weights of the layers' products: what is quantised, and what gets a LoRA."""
        attention = 2 * self.hidden * (self.queries + self.keys)
        return self.layers * (attention + 3 * self.hidden * self.intermediate)

    @property
    def embedding(self) -> int:
        """Weights of the embedding, and as many of the head's."""
        return self.vocabulary * self.hidden

    @property
    def weights(self) -> int:
        return self.linear + self.embedding * (1 if self.tied else 2)

    def lora(self, r: int) -> int:
        """Weights of a LoRA of rank r on every linear layer but the head: r (inputs + outputs)."""
        attention = 4 * self.hidden + 2 * self.queries + 2 * self.keys
        return r * self.layers * (attention + 3 * (self.hidden + self.intermediate))


# Of the model that comes with the project, before its files are converted.
EMBEDDED_SHAPE = BaseShape(576, 30, 1536, 49_152, 9, 3, 64, tied=True)

# Bases of the usual sizes: 0.5B to 32B are Qwen2.5's, 8B and 70B those of Llama 3.1, as their
# config.json have them.
SIZES = {
    "0.5B": BaseShape(896, 24, 4_864, 151_936, 14, 2, 64, tied=True),
    "1.5B": BaseShape(1_536, 28, 8_960, 151_936, 12, 2, 128, tied=True),
    "3B": BaseShape(2_048, 36, 11_008, 151_936, 16, 2, 128, tied=True),
    "7B": BaseShape(3_584, 28, 18_944, 152_064, 28, 4, 128, tied=False),
    "8B": BaseShape(4_096, 32, 14_336, 128_256, 32, 8, 128, tied=False),
    "14B": BaseShape(5_120, 48, 13_824, 152_064, 40, 8, 128, tied=False),
    "32B": BaseShape(5_120, 64, 27_648, 152_064, 40, 8, 128, tied=False),
    "70B": BaseShape(8_192, 80, 28_672, 128_256, 64, 8, 128, tied=False),
}


def shape_of(choice: BaseChoice) -> BaseShape:
    """The shape of a base: one of SIZES by its name, or a model by its configuration.

    Raises InputError for a model that is not here, and for one of another kind.
    """
    if size := SIZES.get(choice.model):
        return size
    folder = locate(choice, "base")
    if choice.model == EMBEDDED and not folder.is_dir():
        return EMBEDDED_SHAPE
    return read_shape(folder / "config.json")


def read_shape(file: Path) -> BaseShape:
    """Raises InputError for a configuration that is none of a dense decoder."""
    try:
        config: dict[str, Any] = json.loads(file.read_bytes())
    except (OSError, ValueError) as error:
        raise InputError(f"cannot be read: {error}", file=file) from None
    config |= config.get("text_config", {})
    if any("expert" in name and value for name, value in config.items()):
        raise InputError("is a mixture of experts, which no plan is made for", file=file)

    def number(name: str, default: int | None = None) -> int:
        value = config.get(name) or default
        if not isinstance(value, int) or value < 1:
            raise InputError("is missing: how large is the model?", file=file, field=name)
        return value

    hidden, heads = number("hidden_size"), number("num_attention_heads")
    return BaseShape(
        hidden=hidden,
        layers=number("num_hidden_layers"),
        intermediate=number("intermediate_size"),
        vocabulary=number("vocab_size"),
        heads=heads,
        kv_heads=number("num_key_value_heads", heads),
        head=number("head_dim", hidden // heads),
        tied=bool(config.get("tie_word_embeddings", True)),
    )
