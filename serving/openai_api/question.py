"""What a caller asks, checked, and as the backend gets it."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from evaluation.evaluation_settings import Decoding
from evaluation.generation.backends.backend import Endpoint
from project.records.data import Message
from project.system_prompt import under
from project.untrusted_input import shortened
from serving.callers.api_error import ApiError
from serving.deployment import Deployment
from serving.openai_api.json_body import json_object
from serving.openai_api.passed_fields import refuse_others

MOST_ANSWERS = 16  # to one request: prompts times n
# Of the gateway alone: a backend gets none of them.
OURS = ("model", "user", "safety_identifier", "metadata", "store", "stream", "stream_options")
MOST_LOGPROBS = 20  # of a token, as OpenAI has it
MOST_STOPS = 16  # an engine looks for each after every token
MOST_TOKENS_NAMED = 1024  # in lists of tokens and words: an engine looks at all for every token
ROLES: dict[str, Literal["system", "user", "assistant"]] = {
    "system": "system",
    "developer": "system",  # as OpenAI calls it now; no chat template knows it
    "assistant": "assistant",
}

Count = Annotated[int, Field(ge=1)]
Logprobs = Annotated[int, Field(ge=0, le=MOST_LOGPROBS)]
Name = Annotated[str, Field(min_length=1, max_length=256)]


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
    content: str | list[Part] | None = None

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
    stop: str | Annotated[list[str], Field(max_length=MOST_STOPS)] | None = None
    stop_token_ids: Annotated[list[int], Field(max_length=MOST_STOPS)] | None = None
    bad_words: Annotated[list[str], Field(max_length=MOST_TOKENS_NAMED)] | None = None
    allowed_token_ids: Annotated[list[int], Field(max_length=MOST_TOKENS_NAMED)] | None = None
    logit_bias: Annotated[dict[str, float], Field(max_length=MOST_TOKENS_NAMED)] | None = None


class AskedChat(Asked):
    messages: Annotated[list[Turn], Field(min_length=1)]


class AskedCompletion(Asked):
    prompt: str | list[str] | list[int] | list[list[int]]


@dataclass(frozen=True)
class Question:
    """A request that may be answered."""

    endpoint: Endpoint
    fields: dict[str, Any]  # as they came
    asked: Asked

    @property
    def model(self) -> str:
        return self.asked.model

    @property
    def stream(self) -> bool:
        return bool(self.asked.stream)

    @property
    def shows_usage(self) -> bool:
        """Whether the caller wants the chunk with the counts of a stream's tokens."""
        return bool(self.asked.stream_options and self.asked.stream_options.include_usage)

    @property
    def user(self) -> str | None:
        return self.asked.user or self.asked.safety_identifier or None

    @property
    def messages(self) -> tuple[Message, ...]:
        if isinstance(self.asked, AskedChat):
            return tuple(turn.message for turn in self.asked.messages)
        prompt = self.fields["prompt"]
        return tuple(Message(role="user", content=text) for text in texts_of(prompt))

    def body_for(
        self, deployment: Deployment, decoding: Decoding, most: int, *, stream: bool
    ) -> dict[str, Any]:
        """The request as a backend gets it: what was judged, where the caller chose nothing."""
        body = {name: value for name, value in self.fields.items() if name not in OURS}
        if self.endpoint is Endpoint.COMPLETIONS:  # OpenAI has this name for chats alone
            newer = body.pop("max_completion_tokens", None)
            body["max_tokens"] = body.get("max_tokens") or newer
        body["model"] = deployment.name
        if body.get("temperature") is None:
            body["temperature"] = decoding.temperature
        if body.get("max_tokens") is None and body.get("max_completion_tokens") is None:
            body["max_tokens"] = min(decoding.max_new_tokens, most)
        if self.endpoint is Endpoint.CHAT:
            prompt = deployment.contestant.system_prompt
            body["messages"] = with_system_prompt(prompt, self.fields["messages"])
        if stream:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        return body


def read_question(body: bytes, endpoint: Endpoint, most_tokens: int) -> Question:
    """Raises ApiError, naming the field, for what cannot be answered."""
    fields = json_object(body)
    model = AskedChat if endpoint is Endpoint.CHAT else AskedCompletion
    try:
        asked = model.model_validate(fields)
    except ValidationError as error:
        raise invalid(error) from None
    refuse_others(fields, {*OURS, *model.model_fields})
    refuse_too_much(asked, most_tokens)
    return Question(endpoint, fields, asked)


def invalid(error: ValidationError) -> ApiError:
    first = error.errors(include_url=False, include_input=False)[0]
    # pydantic's tags of a union's members ("list[Part]") are no fields.
    steps = [str(step) for step in first["loc"] if str(step).replace("_", "").isalnum()]
    field = shortened(".".join(step for step in steps if step not in ("str", "list")))
    return ApiError(400, f"`{field}`: {first['msg']}.", param=field)


def refuse_too_much(asked: Asked, most: int) -> None:
    for name in ("max_tokens", "max_completion_tokens"):
        if (getattr(asked, name) or 0) > most:
            raise ApiError(400, f"`{name}` may be {most:,} at most here.", param=name)
    prompts = prompt_count(asked.prompt) if isinstance(asked, AskedCompletion) else 1
    if prompts * max(asked.n or 1, asked.best_of or 1) > MOST_ANSWERS:
        raise ApiError(400, f"At most {MOST_ANSWERS} answers to one request.", param="n")


def prompt_count(prompt: str | list[str] | list[int] | list[list[int]]) -> int:
    one = isinstance(prompt, str) or all(isinstance(token, int) for token in prompt)
    return 1 if one else len(prompt)


def texts_of(prompt: object) -> list[str]:
    """The texts of a prompt; tokens have none."""
    found = prompt if isinstance(prompt, list) else [prompt]
    return [text for text in found if isinstance(text, str)]


def with_system_prompt(
    system_prompt: str | None, messages: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """The messages under a version's system prompt. Other fields of theirs stay as they are."""
    turns = [{**turn, "role": ROLES.get(turn["role"], turn["role"])} for turn in messages]
    if system_prompt is None:
        return turns
    own = [Turn.model_validate(turn).message for turn in turns if turn["role"] == "system"]
    first = under(system_prompt, own)[0]
    others = [turn for turn in turns if turn["role"] != "system"]
    return [first.model_dump(), *others]
