"""How large a base model is, as its configuration says it; its weights need not be there."""

import json
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from project.errors import InputError
from project.model_pins import EMBEDDED, BaseChoice, locate

TABLE: dict[str, Any] = tomllib.loads(Path(__file__).with_name("table.toml").read_text())


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

    def compared(self, row: float) -> float:
        """What attention multiplies a token with: keys and values of its row of so many tokens."""
        return self.layers * 2 * self.queries * row


# Of the model that comes with the project, before its files are converted.
EMBEDDED_SHAPE = BaseShape(576, 30, 1536, 49_152, 9, 3, 64, tied=True)
SIZES = {name: BaseShape(**numbers) for name, numbers in TABLE["size"].items()}


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
