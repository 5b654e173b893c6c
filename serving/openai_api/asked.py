"""The fields of a request that the gateway reads, and within which limits.

What is long is measured before it is read: of a megabyte of faults a list would take seconds to
make, in which nobody else is answered.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator

from project.records.data import Message

MOST_ANSWERS = 16  # to one request: prompts times n
MOST_TURNS = 4096  # of a conversation
MOST_PARTS = 1024  # of a message
MOST_LOGPROBS = 20  # of a token, as OpenAI has it
MOST_STOPS = 16  # an engine looks for each after every token
MOST_NAMED = 1024  # tokens and words that an engine looks at for every token
ROLES: dict[str, Literal["system", "user", "assistant"]] = {
    "system": "system",
    "developer": "system",  # as OpenAI calls it now; no chat template knows it
    "assistant": "assistant",
}

Count = Annotated[int, Field(ge=1)]
Logprobs = Annotated[int, Field(ge=0, le=MOST_LOGPROBS)]
Name = Annotated[str, Field(min_length=1, max_length=256)]


def at_most(most: int) -> BeforeValidator:
    """Refuses a longer list or object before anything in it is looked at."""

    def measured(value: object) -> object:
        if isinstance(value, list | dict) and len(value) > most:
            raise ValueError(f"{most:,} entries at most")
        return value

    return BeforeValidator(measured)


def read_prompt(value: object) -> object:
    """A text or tokens, or a list of either."""
    if isinstance(value, str) or is_tokens(value):
        return value
    if not isinstance(value, list) or len(value) > MOST_ANSWERS:
        raise ValueError(f"a text, a list of tokens, or {MOST_ANSWERS} of either at most")
    if not (all(isinstance(one, str) for one in value) or all(map(is_tokens, value))):
        raise ValueError("neither texts nor tokens")
    return value


def is_tokens(value: object) -> bool:
    """True and False are numbers in Python alone."""
    return isinstance(value, list) and all(type(token) is int for token in value)


class Loose(BaseModel):
    """Fields that are not ours are the backend's: it checks them."""

    model_config = ConfigDict(extra="allow", strict=True)


class Part(Loose):
    """A piece of a message. An image's address would have the engine fetch it from anywhere; and
    vLLM reads one beside a `uuid` whatever the type says.
    """

    model_config = ConfigDict(extra="forbid")

    type: Literal["text"]
    text: str


class Turn(Loose):
    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: Annotated[str | list[Part] | None, at_most(MOST_PARTS)] = None

    @property
    def text(self) -> str:
        if isinstance(self.content, list):
            return "\n".join(part.text for part in self.content)
        return self.content or ""

    @property
    def message(self) -> Message:
        return Message(role=ROLES.get(self.role, "user"), content=self.text)


class StreamOptions(Loose):
    include_usage: bool | None = None


class Asked(Loose):
    """What both endpoints have."""

    model: Name
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: Count | None = None
    max_completion_tokens: Count | None = None
    n: Annotated[int, Field(ge=1, le=MOST_ANSWERS)] | None = None
    best_of: Annotated[int, Field(ge=1, le=MOST_ANSWERS)] | None = None
    user: Annotated[str, Field(max_length=512)] | None = None
    safety_identifier: Annotated[str, Field(max_length=512)] | None = None
    logprobs: bool | Logprobs | None = None
    top_logprobs: Logprobs | None = None
    prompt_logprobs: Logprobs | None = None
    stop: Annotated[str | list[str] | None, at_most(MOST_STOPS)] = None
    stop_token_ids: Annotated[list[int] | None, at_most(MOST_STOPS)] = None
    bad_words: Annotated[list[str] | None, at_most(MOST_NAMED)] = None
    allowed_token_ids: Annotated[list[int] | None, at_most(MOST_NAMED)] = None
    logit_bias: Annotated[dict[str, float] | None, at_most(MOST_NAMED)] = None


class AskedChat(Asked):
    messages: Annotated[list[Turn], at_most(MOST_TURNS), Field(min_length=1)]


class AskedCompletion(Asked):
    prompt: Annotated[Any, PlainValidator(read_prompt)]

    @property
    def prompts(self) -> int:
        return 1 if isinstance(self.prompt, str) or is_tokens(self.prompt) else len(self.prompt)
