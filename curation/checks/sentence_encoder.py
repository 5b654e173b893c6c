"""Sentences as vectors by a small BERT with mean pooling, such as MiniLM, read from its folder.

It does what sentence-transformers does with such a model. Two things are different: that library
and transformers are not imported, which takes longer than to embed some hundred texts; and no
padding is computed, a quarter of the work. So a text's vector does not depend on what shares a
batch with it either.
"""

import json
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional

AT_ONCE = 4_096  # tokens: more take more memory, and no less time
WEIGHTS, TOKENS = "model.safetensors", "tokenizer.json"
MEAN = "pooling_mode_mean_tokens"
MODULES = (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"])
BERT = {  # what forward() computes
    "model_type": "bert",
    "hidden_act": "gelu",
    "position_embedding_type": "absolute",
    "is_decoder": False,
}


class Alike(NamedTuple):
    """Texts of one length, whose tokens stand behind each other."""

    start: int
    texts: int
    length: int

    @property
    def tokens(self) -> slice:
        return slice(self.start, self.start + self.texts * self.length)


class SentenceEncoder:
    """The model of a folder that can_encode() takes."""

    def __init__(self, folder: Path, dtype: torch.dtype = torch.float32) -> None:
        config = read_json(folder / "config.json")
        self.layers: int = config["num_hidden_layers"]
        self.heads: int = config["num_attention_heads"]
        self.epsilon: float = config["layer_norm_eps"]
        self.weights = {k: v.to(dtype) for k, v in load_file(folder / WEIGHTS).items()}
        self.tokenizer = Tokenizer.from_file(str(folder / TOKENS))
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(longest(folder))

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed texts -> unit vectors [n, d], in their order."""
        ids = [encoding.ids for encoding in self.tokenizer.encode_batch(list(texts))]
        order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
        matrix = np.empty((len(ids), self.weights["embeddings.LayerNorm.bias"].numel()), np.float32)
        with torch.inference_mode():
            for places in batches(order, ids):
                matrix[places] = self.forward([ids[i] for i in places]).numpy()
        return matrix

    def forward(self, texts: Sequence[list[int]]) -> Tensor:
        """Ids of tokens, the texts in the order of their lengths -> unit vectors [texts, d]."""
        groups = list(alike(texts))
        positions = torch.cat([torch.arange(len(ids)) for ids in texts])
        tokens = self.embedded("word", torch.tensor([i for ids in texts for i in ids]))
        tokens = tokens + self.embedded("token_type", torch.zeros_like(positions))
        tokens = self.normed("embeddings", tokens + self.embedded("position", positions))
        for layer in range(self.layers):
            tokens = self.layer(f"encoder.layer.{layer}", tokens, groups)
        means = [tokens[g.tokens].view(g.texts, g.length, -1).mean(1) for g in groups]
        return functional.normalize(torch.cat(means).float())

    def layer(self, name: str, tokens: Tensor, groups: Sequence[Alike]) -> Tensor:
        """One block -> [tokens, d]: what a token does not see of other texts, it need not mask."""
        parts = ("query", "key", "value")
        seen = [self.linear(f"{name}.attention.self.{part}", tokens) for part in parts]
        hidden = torch.cat([self.attention([part[g.tokens] for part in seen], g) for g in groups])
        hidden = self.linear(f"{name}.attention.output.dense", hidden)
        tokens = self.normed(f"{name}.attention.output", hidden + tokens)
        hidden = functional.gelu(self.linear(f"{name}.intermediate.dense", tokens))
        hidden = self.linear(f"{name}.output.dense", hidden)
        return self.normed(f"{name}.output", hidden + tokens)

    def attention(self, seen: Sequence[Tensor], group: Alike) -> Tensor:
        """Query, key and value [tokens, d] of texts of one length -> [tokens, d]."""
        shape = group.texts, group.length, self.heads, -1
        query, key, value = (part.view(shape).transpose(1, 2) for part in seen)
        attended = functional.scaled_dot_product_attention(query, key, value)
        return attended.transpose(1, 2).reshape(group.texts * group.length, -1)

    def embedded(self, kind: str, ids: Tensor) -> Tensor:
        return functional.embedding(ids, self.weights[f"embeddings.{kind}_embeddings.weight"])

    def linear(self, name: str, tokens: Tensor) -> Tensor:
        weights = self.weights
        return functional.linear(tokens, weights[f"{name}.weight"], weights[f"{name}.bias"])

    def normed(self, name: str, tokens: Tensor) -> Tensor:
        scale, shift = (self.weights[f"{name}.LayerNorm.{part}"] for part in ("weight", "bias"))
        return functional.layer_norm(tokens, scale.shape, scale, shift, self.epsilon)


def batches(order: Sequence[int], ids: Sequence[list[int]]) -> Iterator[list[int]]:
    """Places in their order, so many that their tokens are few enough; one at least."""
    places: list[int] = []
    tokens = 0
    for place in order:
        if places and tokens + len(ids[place]) > AT_ONCE:
            yield places
            places, tokens = [], 0
        places.append(place)
        tokens += len(ids[place])
    if places:
        yield places


def alike(texts: Sequence[list[int]]) -> Iterator[Alike]:
    start = 0
    for length, some in groupby(map(len, texts)):
        count = len(list(some))
        yield Alike(start, count, length)
        start += count * length


def can_encode(folder: Path) -> bool:
    """Whether a folder of sentence-transformers holds a model of this kind and nothing more, such
    as a prompt before every text.
    """
    if not all((folder / name).is_file() for name in (WEIGHTS, TOKENS, "modules.json")):
        return False
    modules = read_json(folder / "modules.json")
    if [part["type"].rpartition(".")[2] for part in modules] not in MODULES or modules[0]["path"]:
        return False
    config = BERT | read_json(folder / "config.json")
    pooling = read_json(folder / modules[1]["path"] / "config.json")
    modes = [name for name, on in pooling.items() if name.startswith("pooling_mode") and on is True]
    library = read_json(folder / "config_sentence_transformers.json")
    return (
        all(config[name] == value for name, value in BERT.items())
        and modes == [MEAN]
        and not library.get("default_prompt_name")
        and library.get("similarity_fn_name") in (None, "cosine")
    )


def longest(folder: Path) -> int:
    """Tokens that are read of a text, as both of the model's files say."""
    positions: int = read_json(folder / "config.json")["max_position_embeddings"]
    told = read_json(folder / "sentence_bert_config.json").get("max_seq_length")
    return min(told or positions, positions)


def read_json(file: Path) -> Any:
    """What a file holds; nothing where it is missing."""
    return json.loads(file.read_bytes()) if file.is_file() else {}
