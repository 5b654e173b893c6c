"""Semantic similarity as an `evaluate` metric with a value for every item."""

from pathlib import Path
from typing import Any

import datasets
import evaluate
from sentence_transformers import SentenceTransformer


class SemanticSimilarity(evaluate.Metric):
    """Cosine of the sentence embeddings of prediction and reference (Reimers & Gurevych 2019).

    compute(predictions=texts, references=texts) -> {"semantic": [n]}, each in [-1, 1].
    `embedder` is the local folder of a sentence-transformers model.
    """

    def __init__(self, embedder: Path, **options: Any) -> None:
        self.embedder = embedder
        super().__init__(**options)

    def _info(self) -> evaluate.MetricInfo:
        text = datasets.Value("string")
        return evaluate.MetricInfo(
            description="Cosine similarity of sentence embeddings per item.",
            citation="Reimers and Gurevych (2019). Sentence-BERT.",
            features=datasets.Features({"predictions": text, "references": text}),
        )

    def _compute(self, predictions: list[str], references: list[str]) -> dict[str, list[float]]:
        model = SentenceTransformer(str(self.embedder), similarity_fn_name="cosine")
        similarity = model.similarity_pairwise(
            model.encode(predictions, show_progress_bar=False),
            model.encode(references, show_progress_bar=False),
        )
        return {"semantic": similarity.tolist()}
