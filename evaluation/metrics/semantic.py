"""Semantic similarity: how near two texts lie in the space of a sentence embedder."""

import math
from collections.abc import Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer

from evaluation.metrics.per_item import PerItem, Values
from project.engine.embedded_texts import embedded_shards, encoder, shards_of, unit_vectors


class SemanticSimilarity(PerItem):
    """Cosine of the sentence embeddings of prediction and reference (Reimers & Gurevych 2019).

    compute -> {"semantic": [n]}, in [0, 1]: a cosine below 0 tells no more than that two texts are
    unrelated, and counts as 0. `embedder` is the local folder of a sentence-transformers model.
    Texts longer than it reads are cut there, and flagged.
    """

    more_is_better = ("semantic",)
    ranges = (("semantic", 0, 1),)
    description = "Cosine similarity of sentence embeddings per item."
    citation = "Reimers and Gurevych (2019). Sentence-BERT."

    def __init__(self, embedder: Path, **options: Any) -> None:
        self.embedder = embedder
        self.vectors: dict[str, NDArray[np.float32]] = {}
        super().__init__(**options)

    @cached_property
    def model(self) -> Any:
        return SentenceTransformer(str(self.embedder))

    def _compute(self, predictions: list[str], references: list[str]) -> Values:
        self.flags = {
            "answer longer than the embedder reads": self.cut(predictions),
            "reference longer than the embedder reads": self.cut(references),
        }
        pairs = zip(self.embed(predictions), self.embed(references), strict=True)
        return {"semantic": [min(1.0, max(0.0, float(np.dot(a, b)))) for a, b in pairs]}

    def embed(self, texts: Sequence[str]) -> list[NDArray[np.float32]]:
        """Unit vectors. A text is embedded once, so that equal answers score equally to the bit."""
        shards = shards_of(text for text in texts if text not in self.vectors)
        here, elsewhere = encoder(self.model), partial(unit_vectors, self.embedder)
        for place, vectors in embedded_shards(shards, here, elsewhere):
            self.vectors |= dict(zip(shards[place], vectors, strict=True))
        return [self.vectors[text] for text in texts]

    def cut(self, texts: Sequence[str]) -> list[int]:
        """The positions of the texts that the embedder does not read to their end."""
        limit = self.model.max_seq_length
        if limit is None or math.isinf(limit):  # an embedder that reads to any end
            return []
        read = self.model.tokenizer(list(texts), truncation=False, verbose=False)["input_ids"]
        return [i for i, tokens in enumerate(read) if len(tokens) > limit]
