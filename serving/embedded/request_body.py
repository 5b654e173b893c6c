"""The body of a request in OpenAI's API, checked: what it asks of this backend."""

import json
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, PositiveInt, ValidationError, model_validator

from evaluation.generation.backends.backend import BackendError, Body
from project.records.record import Record
from project.untrusted_input import shortened

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


class Asked(Record):
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


class TextPart(Asked):
    type: Literal["text"]
    text: str


class ChatMessage(Asked):
    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[TextPart] | None = None
    name: str | None = None
    tool_calls: list[dict[str, Any]] | None = None
    tool_call_id: str | None = None

    def for_template(self) -> dict[str, Any]:
        """As chat templates know messages: one text, and arguments of calls as objects."""
        parts = self.content if isinstance(self.content, list) else []
        text = self.content if isinstance(self.content, str) else ""
        role = "system" if self.role == "developer" else self.role
        given: dict[str, Any] = {"name": self.name, "tool_call_id": self.tool_call_id}
        if self.tool_calls:
            given["tool_calls"] = [with_arguments(call) for call in self.tool_calls]
        said = {"role": role, "content": text + "".join(part.text for part in parts)}
        return said | {key: value for key, value in given.items() if value is not None}


class StreamOptions(Asked):
    include_usage: bool | None = None


class RequestBody(Asked):
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
    stream_options: StreamOptions | None = None

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
        if asks_for_something(body.get(name), nothing):
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


def asks_for_something(value: Any, nothing: tuple[Any, ...]) -> bool:
    """Whether a field has a value other than these; 0 is not False here."""
    same = [value == other and (value is False) == (other is False) for other in nothing]
    return value is not None and not any(same)


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
