"""Requests to the served model, and what a day of them was like."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    field_validator,
    model_validator,
)

from project.canonical import moment
from project.records.data import EvidencePassage, Message
from project.records.record import LATER, Record
from project.records.tool_calls import OfferedTools


class Feedback(Record):
    """What a user made of one answer."""

    rating: Literal[-1, 0, 1] | None = None
    correction: str | None = None  # the answer that the user would have liked

    @model_validator(mode="after")
    def it_says_something(self) -> Self:
        if self.rating is None and self.correction is None:
            raise ValueError("has neither a rating nor a correction")
        return self


class Outcome(Record):
    """What became of the user's case."""

    escalated: bool | None = None
    resolved: bool | None = None
    satisfaction: float | None = Field(default=None, ge=0, le=1)


class LateFeedback(Record):
    """Feedback that came after its answer was logged. Fields that others add are left aside."""

    model_config = ConfigDict(extra="ignore")

    feedback_of: str = Field(min_length=1)  # the id of the answer
    at: Annotated[str, AfterValidator(moment)]  # when it came
    caller: str | None = None  # whose key it came with
    rating: Literal[-1, 0, 1] | None = None
    correction: str | None = None
    outcome: Outcome | None = None

    @property
    def time(self) -> datetime:
        return datetime.fromisoformat(self.at.upper()).astimezone(UTC)


class Traffic(Record):
    """One request to the served model, and its answer. Fields that others add are left aside."""

    model_config = ConfigDict(extra="ignore")

    id: str = Field(min_length=1)
    at: Annotated[str, AfterValidator(moment)]
    user: str | None = None  # or a conversation: what is not independent within itself
    caller: str | None = None  # whose key it came with, where a gateway logged it
    prompt: str | tuple[Message, ...]
    response: str
    adapter: str | None = None  # its digest, or the version's name; None: the champion's
    feedback: Feedback | None = None
    outcome: Outcome | None = None
    latency_ms: float | None = None
    # The passages that it was asked with, in the order of their numbers.
    evidence: Annotated[tuple[EvidencePassage, ...] | None, LATER] = None
    # Of a request with calls or results: its turns as they came; the prompt has these as texts.
    turns: Annotated[tuple[Message, ...] | None, LATER] = None
    tools: OfferedTools = None  # what the answer could call
    # Whether the answer told first that a machine answers; None: it did not.
    disclosed: Annotated[bool | None, LATER] = None

    @field_validator("prompt")
    @classmethod
    def turns_are_texts(cls, prompt: str | tuple[Message, ...]) -> str | tuple[Message, ...]:
        """Whoever reads logs makes texts of calls and results, which are not what a user wrote."""
        if not isinstance(prompt, str) and any(m.role == "tool" or m.tool_calls for m in prompt):
            raise ValueError("has calls of tools or their results")
        return prompt

    @field_validator("turns", "tools", mode="wrap")
    @classmethod
    def in_our_form(cls, value: Any, read: ValidatorFunctionWrapHandler) -> Any:
        """In somebody's own log a field of that name may be anything: it is left aside."""
        try:
            return read(value)
        except ValidationError:
            return None

    @property
    def begins(self) -> bool:
        """Whether its answer is the first of a conversation."""
        return isinstance(self.prompt, str) or not any(m.role == "assistant" for m in self.prompt)

    @property
    def prompt_text(self) -> str:
        if isinstance(self.prompt, str):
            return self.prompt
        return "\n".join(message.content for message in self.prompt)

    @property
    def time(self) -> datetime:
        return datetime.fromisoformat(self.at.upper()).astimezone(UTC)

    def __str__(self) -> str:
        return f"{self.at}  {self.user or 'somebody'}: {self.prompt_text[:60]}"


class DayTally(Record):
    """What all of a day's rows were like, counted one by one."""

    hours: tuple[int, ...]  # rows in each hour of the day, UTC [24]
    worse: int  # ratings of −1
    neutral: int
    better: int
    corrected: int  # rows with the answer that the user would have liked
    empty: int  # answers without a word
    median_ms: float | None  # latency; None: no row tells it
    p95_ms: float | None
    nameless: Annotated[int | None, LATER] = None  # rows that tell no user
    begun: Annotated[int | None, LATER] = None  # rows with the first answer of a conversation
    undisclosed: Annotated[int | None, LATER] = None  # of these without the disclosure
    # Of rows whose case had an end that somebody told; None: nobody did.
    outcomes: Annotated[int | None, LATER] = None
    escalated: Annotated[int | None, LATER] = None
    resolved: Annotated[int | None, LATER] = None
    satisfaction: Annotated[float | None, LATER] = None  # the mean of those that tell it
