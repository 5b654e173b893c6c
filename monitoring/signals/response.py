"""What the champion answers, given what it was asked."""

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from monitoring.signals.prompt_embeddings import principal
from monitoring.signals.signal import NEIGHBOURS, Batch, Direction, Floats, nearest

DIRECTIONS = 8


@dataclass(frozen=True)
class Response:
    """How an answer differs, in meaning and length, from those to the 5 nearest prompts.

    Given the prompt: when users ask for something else, the answers change with it, and that alone
    is no drift of the answers.
    """

    index: Floats  # the reference's prompts [m, d]
    answers: Floats  # their answers: embedding and log length [m, d + 1]
    directions: Floats  # [d + 1, 8] of what differs

    name: ClassVar[str] = "response"
    direction: ClassVar[Direction] = "any"
    weight: ClassVar[int] = 2
    shares: ClassVar[bool] = False

    @classmethod
    def fit(cls, index: Batch, rng: np.random.Generator) -> Self | None:
        if index.vectors is None or index.response_vectors is None:
            return None
        answered = np.isfinite(index.response_vectors).all(axis=1)
        if answered.sum() <= NEIGHBOURS:
            return None
        index = index.taken(np.asarray(answered))
        assert index.vectors is not None
        answers = described(index)
        near, _ = nearest(index.vectors, index.vectors, NEIGHBOURS, without_itself=True)
        directions = principal(answers - answers[near].mean(1), DIRECTIONS)
        return cls(index.vectors, answers, directions) if directions.size else None

    def columns(self, batch: Batch) -> Floats:
        assert batch.vectors is not None
        if batch.response_vectors is None:
            return np.full((len(batch), self.directions.shape[1]), np.nan, np.float32)
        near, _ = nearest(batch.vectors, self.index, NEIGHBOURS)
        along: Floats = (described(batch) - self.answers[near].mean(1)) @ self.directions
        return along


def described(batch: Batch) -> Floats:
    """Each answer's embedding and the logarithm of its length in words [n, d + 1]."""
    assert batch.responses is not None and batch.response_vectors is not None
    length = np.log1p([len(text.split()) for text in batch.responses]).astype(np.float32)
    return np.column_stack([batch.response_vectors, length])
