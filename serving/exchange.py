"""A request and its answer, and what the user made of it, as the parts of the gateway see them."""

from typing import Literal, Protocol

from project.records.data import Message
from project.records.record import Record
from project.records.traffic import Outcome
from serving.deployment import Deployment

Arm = Literal["champion", "challenger", "shadow"]


class Assignment(Record):
    """Who answers a request, and why."""

    deployment: Deployment
    # The running experiment that chose it: the number of the event that opened it.
    experiment: int | None = None
    arm: Arm | None = None
    shadow: Deployment | None = None  # who answers the same beside it, seen by nobody


class Exchange(Record):
    """One request to the gateway and its end. The texts are users' and models': untrusted."""

    id: str  # of the answer, as the caller got it
    at: str  # RFC 3339, UTC: when the request came
    caller: str  # whose key it was
    user: str | None  # as the request names it
    asked: str  # the model as the request named it, such as bank@champion
    messages: tuple[Message, ...]  # as they came, without the system prompt of the version
    text: str  # of the answer; empty where there was an error
    assignment: Assignment
    prompt_tokens: int | None
    answer_tokens: int | None
    latency_ms: float  # to the answer's end
    first_token_ms: float | None = None  # of a streamed answer
    status: int  # 200, or the error's
    finish: str | None = None  # OpenAI's finish_reason: stop, length, tool_calls


class FeedbackGiven(Record):
    """What a caller says of an earlier answer: POST /v1/feedback."""

    id: str  # of the answer
    at: str  # RFC 3339, UTC: when it came in
    caller: str
    rating: Literal[-1, 0, 1] | None = None
    outcome: Outcome | None = None
    correction: str | None = None  # it waits for a person


class Observer(Protocol):
    """Hears of all that passes. It must not wait: the gateway calls it between two requests."""

    def answered(self, exchange: Exchange) -> None: ...

    def fed_back(self, feedback: FeedbackGiven, exchange: Exchange | None) -> None:
        """`exchange` is the answer that it is about, where this gateway still knows it."""
        ...
