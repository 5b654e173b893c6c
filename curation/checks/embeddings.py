"""What rows mean, as an embedder has it: unit vectors of a sample of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from project.engine.embedded_texts import Embed, embedded_shards, shards_of
from project.errors import InputError
from project.libraries import multiplies_bfloat16
from project.model_pins import ModelChoice, locate
from project.progress import progress
from project.records.data import Row

if TYPE_CHECKING:
    from numpy.typing import NDArray

BATCH = 64
MOST_CHARS = 2_000  # of a text: embedders of sentences read fewer than these
# Of an answer: about the 128 tokens that all-MiniLM-L6-v2 has learnt from. A question is read to
# the end, for an instruction may stand before it.
ANSWER_CHARS = 600


class RowEmbedder:
    """Texts in, unit vectors out. The model is loaded when the first text comes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.known: dict[str, NDArray[np.float32]] = {}

    def __call__(self, texts: Sequence[str]) -> "NDArray[np.float32]":
        """Embed texts -> [n, d] in their order; a text is embedded once."""
        asked = [text[:MOST_CHARS] for text in texts]
        shards = shards_of(text for text in asked if text not in self.known)
        here, elsewhere = lambda some: self.embed(some), partial(quick_vectors, self.folder)
        with progress("meaning", sum(map(len, shards)), "texts", leave=False) as bar:
            for place, vectors in embedded_shards(shards, here, elsewhere):
                self.known |= dict(zip(shards[place], vectors, strict=True))
                bar.advance(len(vectors))
        return np.stack([self.known[text] for text in asked])

    @cached_property
    def embed(self) -> Embed:
        return quick_vectors(self.folder)


def embedder_if_packaged() -> RowEmbedder | None:
    """The embedded one; None where its package is missing, which the checks then say."""
    try:
        return RowEmbedder(locate(ModelChoice(), "embedder"))
    except InputError:
        return None


def quick_vectors(folder: Path) -> Embed:
    # Imported here because checks without an embedder do not wait for torch.
    import torch

    from curation.checks.sentence_encoder import SentenceEncoder, can_encode

    # bfloat16 is quicker by far, and cosines change in the third digit.
    dtype = torch.bfloat16 if multiplies_bfloat16() else torch.float32
    if can_encode(folder) and not torch.cuda.is_available():
        return SentenceEncoder(folder, dtype)
    from sentence_transformers import SentenceTransformer  # it takes seconds

    model = SentenceTransformer(str(folder)).to(dtype)
    encode = partial(model.encode, batch_size=BATCH, show_progress_bar=False)
    return lambda texts: unit(np.asarray(encode(texts), dtype=np.float32))


@dataclass(frozen=True)
class Looked:
    """The rows of a sample by their places, with their vectors."""

    places: list[int]
    prompts: "NDArray[np.float32]"  # [sample, d]
    answers: "NDArray[np.float32]"  # [sample, d]
    embed: Embed

    @cached_property
    def rows(self) -> "NDArray[np.float32]":
        """Question and answer together."""
        return unit(self.prompts + self.answers)


def look(rows: Sequence[Row], splits: Sequence[str], embed: Embed, most: int, seed: int) -> Looked:
    places = sample(rows, splits, most, seed)
    return Looked(
        places,
        embed([rows[i].prompt_text for i in places]),
        embed([rows[i].completion_text[:ANSWER_CHARS] for i in places]),
        embed,
    )


def sample(rows: Sequence[Row], splits: Sequence[str], most: int, seed: int) -> list[int]:
    """The places of at most so many rows, of each part and slice its share; in their order."""
    if len(rows) <= most:
        return list(range(len(rows)))
    mixed = np.random.default_rng(seed).permutation(len(rows)).tolist()
    mixed.sort(key=lambda i: (splits[i], sorted(rows[i].slices.items())))
    every = len(rows) / most
    return sorted(mixed[int((i + 0.5) * every)] for i in range(most))


def unit(vectors: "NDArray[np.float32]") -> "NDArray[np.float32]":
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-9), dtype=np.float32)


def without_common(
    vectors: "NDArray[np.float32]", common: "NDArray[np.float32]"
) -> "NDArray[np.float32]":
    """The vectors without what all texts share, such as an instruction before every question."""
    return unit(vectors - common.mean(axis=0))
