"""Questions and answers as vectors of the frozen embedder: what a reward is computed from."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from evaluation.preference.judge_protocol import AnswerPair, Judgement

ENDS = (".", "!", "?", ":", ";", ")", "]", "}", '"', "'", "`", "”", "’", "»", "…", "。", "！", "？")


class ExchangeVectors:
    """Texts as unit vectors; a text is embedded once. `folder` holds a sentence-transformers
    model.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.known: dict[tuple[str, str], Tensor] = {}

    @cached_property
    def model(self) -> Any:
        # Imported here because it takes seconds, and texts may all be known.
        from sentence_transformers import SentenceTransformer

        return SentenceTransformer(str(self.folder))

    def prompts(self, texts: Sequence[str]) -> Tensor:
        """[n, d]. One that is too long loses its beginning: the question stands at its end."""
        return self.vectors(texts, cut="left")

    def answers(self, texts: Sequence[str]) -> Tensor:
        """[n, d]. One that is too long loses its end."""
        return self.vectors(texts, cut="right")

    def vectors(self, texts: Sequence[str], cut: str) -> Tensor:
        new = [text for text in dict.fromkeys(texts) if (cut, text) not in self.known]
        if new:
            if hasattr(self.model.tokenizer, "truncation_side"):
                self.model.tokenizer.truncation_side = cut
            options = {"normalize_embeddings": True, "show_progress_bar": False}
            found = self.model.encode(new, convert_to_tensor=True, **options).float().cpu()
            # Copied out of inference mode, so that a head can be trained on them.
            rows = (row.clone() for row in found)
            self.known |= {(cut, text): row for text, row in zip(new, rows, strict=True)}
        return torch.stack([self.known[cut, text] for text in texts])

    def cosines(self, prompts: Sequence[str], answers: Sequence[str]) -> Tensor:
        """[n]: how near each answer is to its prompt."""
        return (self.prompts(prompts) * self.answers(answers)).sum(-1)


def finished(answer: str) -> bool:
    """Whether a text ends as a sentence or a piece of code does."""
    return answer.rstrip().endswith(ENDS)


# --- frozen cosine --------------------------------------------------------------------------------

# The rival that was taught nothing: how near an answer lies to its question.


class FrozenCosine:
    source = "frozen cosine"

    def __init__(self, vectors: ExchangeVectors) -> None:
        self.vectors = vectors

    def prefer(self, comparisons: Sequence[AnswerPair]) -> list[Judgement]:
        """A sure judgement for the answer that is nearer to the prompt; equal vectors are a tie."""
        if not comparisons:
            return []
        prompts = [comparison.prompt for comparison in comparisons]
        ours = self.vectors.cosines(prompts, [comparison.champion for comparison in comparisons])
        theirs = self.vectors.cosines(prompts, [one.challenger for one in comparisons])
        won = (0.5 + 0.5 * (theirs - ours).sign()).tolist()
        return [Judgement(win_probability=probability) for probability in won]
