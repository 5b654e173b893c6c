"""Signals of answers: what they are, how they are rated, what became of the cases."""

from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from monitoring.signals.prompt_signals import principal
from monitoring.signals.signal import (
    NEIGHBOURS,
    Batch,
    Direction,
    Floats,
    OneNumber,
    nearest,
)

# --- one number -----------------------------------------------------------------------------------


class JudgedReward(OneNumber, name="judge", of="scores", weight=2, turned=True):
    """The rewards of the reward model, turned round: up means that the answers are worse.

    Rewards of answers to one prompt compare them; of answers to different prompts they say less, so
    that strange prompts may move them too.
    """


class Ratings(OneNumber, name="feedback", of="ratings", weight=2, turned=True):
    """What users think of the answers, turned round: up means that they are less pleased."""


class Escalated(OneNumber, name="escalated"):
    """Whether a case was passed on to a person: up means that more of them were."""


class Unresolved(OneNumber, name="unresolved", of="resolved"):
    """Whether a case ended without a solution: up means that more of them did."""

    def columns(self, batch: Batch) -> Floats:
        return 1 - super().columns(batch)


class Satisfaction(OneNumber, name="satisfaction", turned=True):
    """How satisfied users were, turned round: up means that they are less so."""


# What became of the users' cases.
OUTCOMES = (Escalated, Unresolved, Satisfaction)


class Abstaining(OneNumber, name="abstaining"):
    """Whether an answer says that it does not know: up means that more of them do. The passages no
    longer hold what users ask, or the champion no longer finds it there.
    """


class Ungrounded(OneNumber, name="ungrounded"):
    """The share of an answer's sentences that its passages do not bear out: up means more."""


class Calling(OneNumber, name="calling", direction="any"):
    """Whether an answer calls a tool: more may do so or fewer."""


class FailedCalls(OneNumber, name="failed_calls"):
    """Whether a call failed, of those in an answer and those whose results its request brings: up
    means that more do.
    """


class AskingBack(OneNumber, name="asking_back", direction="any"):
    """Whether an answer is a question and no call: more may be so or fewer."""


# What the champion makes of the tools that a request brings.
TOOL_SIGNALS = (Calling, FailedCalls, AskingBack)


# --- response -------------------------------------------------------------------------------------

# What the champion answers, given what it was asked.

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

    def knowing(self, index: Batch, kept: NDArray[np.bool_]) -> Self:
        assert index.response_vectors is not None
        there = kept[np.isfinite(index.response_vectors).all(axis=1)]
        return replace(self, index=self.index[there], answers=self.answers[there])

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
