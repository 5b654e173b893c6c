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

# --- judged ---------------------------------------------------------------------------------------

# What a judge thinks of the answers.


class JudgedReward(OneNumber):
    """The rewards of the reward model, turned round: up means that the answers are worse.

    Rewards of answers to one prompt compare them; of answers to different prompts they say less, so
    that strange prompts may move them too.
    """

    name: ClassVar[str] = "judge"
    weight: ClassVar[int] = 2
    of: ClassVar[str] = "scores"
    turned: ClassVar[bool] = True


# --- ratings --------------------------------------------------------------------------------------

# What users think of the answers.


class Ratings(OneNumber):
    """The ratings, turned round: up means that users are less pleased."""

    name: ClassVar[str] = "feedback"
    weight: ClassVar[int] = 2
    of: ClassVar[str] = "ratings"
    turned: ClassVar[bool] = True


# --- outcomes -------------------------------------------------------------------------------------

# What became of the users' cases: passed on to a person, solved or not, and how satisfied.


class Escalated(OneNumber):
    """Whether a case was passed on to a person: up means that more of them were."""

    name: ClassVar[str] = "escalated"
    weight: ClassVar[int] = 1
    of: ClassVar[str] = "escalated"


class Unresolved(OneNumber):
    """Whether a case ended without a solution: up means that more of them did."""

    name: ClassVar[str] = "unresolved"
    weight: ClassVar[int] = 1
    of: ClassVar[str] = "resolved"

    def columns(self, batch: Batch) -> Floats:
        return 1 - super().columns(batch)


class Satisfaction(OneNumber):
    """How satisfied users were, turned round: up means that they are less so."""

    name: ClassVar[str] = "satisfaction"
    weight: ClassVar[int] = 1
    of: ClassVar[str] = "satisfaction"
    turned: ClassVar[bool] = True


OUTCOMES = (Escalated, Unresolved, Satisfaction)


# --- grounded -------------------------------------------------------------------------------------

# What the champion makes of the passages that a request brings.


class Abstaining(OneNumber):
    """Whether an answer says that it does not know: up means that more of them do. The passages no
    longer hold what users ask, or the champion no longer finds it there.
    """

    name: ClassVar[str] = "abstaining"
    weight: ClassVar[int] = 1
    of: ClassVar[str] = "abstaining"


class Ungrounded(OneNumber):
    """The share of an answer's sentences that its passages do not bear out: up means more."""

    name: ClassVar[str] = "ungrounded"
    weight: ClassVar[int] = 1
    of: ClassVar[str] = "ungrounded"


# --- tool use -------------------------------------------------------------------------------------

# What the champion makes of the tools that a request brings.


class Calling(OneNumber):
    """Whether an answer calls a tool: more may do so or fewer."""

    name: ClassVar[str] = "calling"
    direction: ClassVar[Direction] = "any"
    weight: ClassVar[int] = 1
    of: ClassVar[str] = "calling"


class FailedCalls(OneNumber):
    """Whether a call failed, of those in an answer and those whose results its request brings: up
    means that more do.
    """

    name: ClassVar[str] = "failed_calls"
    weight: ClassVar[int] = 1
    of: ClassVar[str] = "failed_calls"


class AskingBack(OneNumber):
    """Whether an answer is a question and no call: more may be so or fewer."""

    name: ClassVar[str] = "asking_back"
    direction: ClassVar[Direction] = "any"
    weight: ClassVar[int] = 1
    of: ClassVar[str] = "asking_back"


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
