"""A request as the engine takes it: the tokens of its prompt, and how it is to be answered."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Annotated, Any, Literal

from jinja2 import TemplateError
from pydantic import ConfigDict, Field, PositiveInt, ValidationError, model_validator

from evaluation.generation.backends.backend import BackendError, Body, Endpoint
from evaluation.generation.batch_reader import chat_tokens
from project.records.record import Record
from project.untrusted_input import shortened

# --- request body ---------------------------------------------------------------------------------

# The body of a request in OpenAI's API, checked: what it asks of this backend.

STOPS = 4  # that OpenAI's API takes

# Fields that would change the answer and that are not done here, with the values that ask for
# nothing. All others that are not known are refused: an answer without what was asked for would
# look like one with it.
NOT_DONE: dict[str, tuple[Any, ...]] = {
    "logprobs": (False,),
    "top_logprobs": (0,),
    "best_of": (1,),
    "echo": (False,),
    "frequency_penalty": (0,),
    "presence_penalty": (0,),
    "repetition_penalty": (1,),
    "length_penalty": (1,),
    "response_format": ({"type": "text"},),
    "modalities": (["text"],),
    "tool_choice": ("auto", "none"),
    "parallel_tool_calls": (True,),
    "top_k": (0, -1),
    "min_p": (0,),
    "min_tokens": (0,),
    "ignore_eos": (False,),
    "skip_special_tokens": (True,),
    "add_generation_prompt": (True,),
    "verbosity": ("medium",),
    "service_tier": ("auto", "default"),
}
# What no answer hangs on: who asks, and hints for caches and bills.
ASIDE = frozenset(("stream", "user", "safety_identifier", "metadata", "store", "prompt_cache_key"))


class StrictFields(Record):
    """A record of what callers send: strict about kinds, and about fields that it lacks."""

    model_config = ConfigDict(extra="forbid", strict=True)

    @model_validator(mode="before")
    @classmethod
    def without_empty(cls, found: Any) -> Any:
        """Clients send fields without a value along, such as `refusal: null`."""
        if not isinstance(found, dict):
            return found
        return {name: v for name, v in found.items() if name in cls.model_fields or holds(v)}


def holds(value: Any) -> bool:
    """Whether a field that is not known asks for something."""
    return value is not None and value is not False and value not in ("", [], {})


class TextPart(StrictFields):
    type: Literal["text"]
    text: str


class ChatMessage(StrictFields):
    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[TextPart] | None = None
    name: str | None = None
    tool_calls: list[dict[str, Any]] | None = None
    tool_call_id: str | None = None

    def for_template(self) -> dict[str, Any]:
        """The message as chat templates know it: one text, and arguments of calls as objects."""
        parts = self.content if isinstance(self.content, list) else []
        text = self.content if isinstance(self.content, str) else ""
        role = "system" if self.role == "developer" else self.role
        given: dict[str, Any] = {"name": self.name, "tool_call_id": self.tool_call_id}
        if self.tool_calls:
            given["tool_calls"] = [with_arguments(call) for call in self.tool_calls]
        said = {"role": role, "content": text + "".join(part.text for part in parts)}
        return said | {key: value for key, value in given.items() if value is not None}


class EngineStreamOptions(StrictFields):
    include_usage: bool | None = None


class RequestBody(StrictFields):
    model: str
    messages: Annotated[list[ChatMessage], Field(min_length=1)] | None = None
    prompt: str | Annotated[list[str], Field(min_length=1, max_length=1)] | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: str | None = None
    max_tokens: PositiveInt | None = None
    max_completion_tokens: PositiveInt | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    seed: int | None = None
    stop: str | Annotated[list[str], Field(max_length=STOPS)] | None = None
    n: Annotated[int, Field(ge=1, le=1)] | None = None
    stream_options: EngineStreamOptions | None = None

    @property
    def limit(self) -> int | None:
        return self.max_completion_tokens or self.max_tokens

    @property
    def stops(self) -> tuple[str, ...]:
        stops = [self.stop] if isinstance(self.stop, str) else self.stop or []
        return tuple(stop for stop in stops if stop)

    @property
    def include_usage(self) -> bool:
        return bool(self.stream_options and self.stream_options.include_usage)


def parse_body(body: Body) -> RequestBody:
    """Raises BackendError 400, which names the field."""
    for name, nothing in NOT_DONE.items():
        # 0 is not False here.
        value = body.get(name)
        same = [value == other and (value is False) == (other is False) for other in nothing]
        if value is not None and not any(same):
            raise not_done(name)
    aside = ASIDE | (NOT_DONE.keys() - RequestBody.model_fields.keys())
    try:
        return RequestBody.model_validate({n: v for n, v in body.items() if n not in aside})
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            raise not_done(place) from None
        raise refused(f"{place}: {first['msg']}", str(first["loc"][0])) from None


def not_done(field: str) -> BackendError:
    problem = f"{field} is not supported by the embedded backend: leave it out"
    return refused(problem, field.partition(".")[0], "unsupported_parameter")


def with_arguments(call: dict[str, Any]) -> dict[str, Any]:
    """A call whose arguments, which OpenAI's API has as a text of JSON, are an object."""
    function = call.get("function")
    if not isinstance(function, dict) or not isinstance(function.get("arguments"), str):
        return call
    try:
        arguments = json.loads(function["arguments"])
    except (ValueError, RecursionError):
        raise refused("arguments of a tool call are no JSON", "messages") from None
    return call | {"function": function | {"arguments": arguments}}


def refused(problem: str, param: str | None, code: str | None = None) -> BackendError:
    """A request that cannot be answered as it is: status 400."""
    return backend_error(400, problem, param=param, code=code)


def backend_error(
    status: int, problem: str, *, param: str | None = None, code: str | None = None
) -> BackendError:
    """An error with a body in OpenAI's shape."""
    kind = "invalid_request_error" if status < 500 else "server_error"
    message = shortened(problem, 400)
    return BackendError(
        status, message, {"message": message, "type": kind, "param": param, "code": code}
    )


# --- question -------------------------------------------------------------------------------------

# What a chat template may raise for messages that it was not written for.
TEMPLATE_FAULTS = (TemplateError, TypeError, ValueError, AttributeError, LookupError)


LETTERS = 32  # of a token at most, on average over a text


@dataclass(frozen=True)
class Sampling:
    temperature: float = 0.0  # 0: the likeliest token, always
    top_p: float = 1.0  # the share of the probability that is drawn from, the likeliest first
    seed: int | None = None

    def chance(self) -> Random:
        return Random(self.seed)


@dataclass(frozen=True)
class EngineRequest:
    endpoint: Endpoint
    model: str  # as the request names it
    prompt: list[int]  # tokens
    limit: int  # tokens of the answer
    sampling: Sampling
    stops: tuple[str, ...]
    include_usage: bool  # of a stream


# Of a prompt: a longer one keeps the others waiting for minutes where there is no GPU.
PROMPT_TOKENS = 8192


@dataclass(frozen=True)
class QuestionReader:
    """Reads requests for one base. Not safe for threads: tokenizers keep settings inside."""

    tokenizer: Any  # of transformers, which has no types
    context: float  # tokens of a prompt and its answer, at most
    max_tokens: int  # of an answer, where a request names no limit
    prompt_tokens: int  # of a prompt, at most

    def read(self, endpoint: Endpoint, body: Body) -> EngineRequest:
        """Raises BackendError 400."""
        asked = parse_body(body)
        self.refuse_long(text_length(body) / LETTERS, asked)  # before it is cut into tokens
        prompt = self.tokens(endpoint, asked)
        return EngineRequest(
            endpoint=endpoint,
            model=asked.model,
            prompt=prompt,
            limit=self.limit(len(prompt), asked),
            # Without a temperature it is answered as contestants are judged: greedily.
            sampling=Sampling(asked.temperature or 0.0, asked.top_p or 1.0, asked.seed),
            stops=asked.stops,
            include_usage=asked.include_usage,
        )

    def tokens(self, endpoint: Endpoint, asked: RequestBody) -> list[int]:
        tokens = self.chat(asked) if endpoint == Endpoint.CHAT else self.text(asked)
        if not tokens:
            raise refused("the prompt is empty", "prompt")
        self.refuse_long(len(tokens), asked)
        return tokens

    def refuse_long(self, tokens: float, asked: RequestBody) -> None:
        if tokens > self.prompt_tokens:
            problem = (
                f"the prompt has {tokens:,.0f} tokens or more, and {self.prompt_tokens:,} is the "
                "most that the embedded backend reads"
            )
            field = "messages" if asked.messages is not None else "prompt"
            raise refused(problem, field, "context_length_exceeded")

    def chat(self, asked: RequestBody) -> list[int]:
        if asked.messages is None:
            raise refused("messages are missing", "messages")
        messages = [message.for_template() for message in asked.messages]
        tools = None if asked.tool_choice == "none" else asked.tools
        tokens = self.templated(messages, tools or None)
        # Many templates leave tools out: the answer would look like one that needed none.
        if tools and tokens == self.templated(messages, None):
            raise refused("the chat template of the model has no place for tools", "tools")
        return tokens

    def templated(
        self, messages: list[dict[str, Any]], tools: list[dict[str, Any]] | None
    ) -> list[int]:
        try:
            return chat_tokens(self.tokenizer, messages, tools=tools, add_generation_prompt=True)
        except TEMPLATE_FAULTS as error:
            problem = f"the chat template of the model refuses these messages: {error}"
            raise refused(problem, "messages") from None

    def text(self, asked: RequestBody) -> list[int]:
        if asked.prompt is None:
            raise refused("prompt is missing", "prompt")
        text = asked.prompt if isinstance(asked.prompt, str) else asked.prompt[0]
        return list(self.tokenizer(text)["input_ids"])

    def limit(self, prompt: int, asked: RequestBody) -> int:
        """Tokens of the answer: what was asked for, else what there is room for."""
        room = self.context - prompt
        if room < (asked.limit or 1):
            problem = (
                f"the model's context is {self.context} tokens: the prompt has {prompt}, and the "
                f"answer is to have {asked.limit or 'one at least'}"
            )
            field = "messages" if asked.messages is not None else "prompt"
            raise refused(problem, field, "context_length_exceeded")
        return asked.limit or int(min(room, self.max_tokens))


def text_length(value: Any) -> int:
    """The length of all texts in a request, in characters."""
    if isinstance(value, str):
        return len(value)
    inner = value.values() if isinstance(value, Mapping) else value
    return sum(map(text_length, inner)) if isinstance(value, Mapping | list) else 0
