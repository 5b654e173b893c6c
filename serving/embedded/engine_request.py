"""A request as the engine takes it: the tokens of its prompt, and how it is to be answered."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from random import Random
from typing import Annotated, Any, Literal

from jinja2 import TemplateError
from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    PositiveInt,
    ValidationError,
    model_validator,
)

from evaluation.generation.backends.backend import BackendError, Body, Endpoint
from evaluation.generation.batch_reader import chat_tokens
from evaluation.generation.constraints import Sieve, Sieves, Wanted, is_readable
from project.errors import InputError, plain_words
from project.records.record import Record
from project.tool_rendering import shown
from project.untrusted_input import shortened
from serving.called_tools import (
    are_strict,
    checked_tools,
    conversation,
    has_calls,
    in_recorded_order,
)

# --- request body ---------------------------------------------------------------------------------

# The body of a request in OpenAI's API, checked: what it asks of this backend.

STOPS = 4  # that OpenAI's API takes
# A step to a field: pydantic's tags of a union's members ("NamedTool", "str") are none.
FIELD = re.compile(r"(?!(?:str|list)$)[a-z_]+|\d+")

# Fields that would change the answer and that are not done here, with the values that ask for
# nothing. All others that are not known are refused: an answer without what was asked for would
# look like one with it.
NOT_DONE: dict[str, tuple[Any, ...]] = {
    "n": (1,),
    "logprobs": (False,),
    "top_logprobs": (0,),
    "best_of": (1,),
    "echo": (False,),
    "frequency_penalty": (0,),
    "presence_penalty": (0,),
    "repetition_penalty": (1,),
    "length_penalty": (1,),
    "modalities": (["text"],),
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
        """The message, without calls, as chat templates know it: one text."""
        parts = self.content if isinstance(self.content, list) else []
        text = self.content if isinstance(self.content, str) else ""
        role = "system" if self.role == "developer" else self.role
        fields = {"role": role, "content": text + "".join(part.text for part in parts)}
        return fields | ({} if self.name is None else {"name": self.name})


class NamedFunction(StrictFields):
    name: str


class NamedTool(StrictFields):
    type: Literal["function"]
    function: NamedFunction


class NamedSchema(StrictFields):
    name: str | None = None
    description: str | None = None
    of: Annotated[dict[str, Any], Field(alias="schema")]
    strict: bool | None = None


class ResponseFormat(StrictFields):
    type: Literal["text", "json_object", "json_schema"]
    json_schema: NamedSchema | None = None

    @property
    def of(self) -> dict[str, Any]:
        return self.json_schema.of if self.json_schema else {"type": "object"}


class EngineStreamOptions(StrictFields):
    include_usage: bool | None = None


def stop_list(value: object) -> object:
    """A text may stand for a list of it."""
    if isinstance(value, list) and len(value) > STOPS:
        raise ValueError(f"{STOPS} texts at most")
    return [value] if isinstance(value, str) else value


def one_prompt(value: object) -> object:
    """A list of one text may stand for it."""
    text = value[0] if isinstance(value, list) and len(value) == 1 else value
    if not isinstance(text, str | None):
        raise ValueError("one text; the embedded backend takes no tokens")
    return text


class RequestBody(StrictFields):
    model: str
    messages: Annotated[list[ChatMessage], Field(min_length=1)] | None = None
    prompt: Annotated[str | None, BeforeValidator(one_prompt)] = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: Literal["none", "auto", "required"] | NamedTool | None = None
    parallel_tool_calls: bool | None = None
    response_format: ResponseFormat | None = None
    # Of the gateway, where the version was judged so: calls are held to their tools.
    constrained: bool | None = None
    max_tokens: PositiveInt | None = None
    max_completion_tokens: PositiveInt | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    seed: int | None = None
    stop: Annotated[list[str] | None, BeforeValidator(stop_list)] = None
    stream_options: EngineStreamOptions | None = None

    @property
    def limit(self) -> int | None:
        return self.max_completion_tokens or self.max_tokens

    @property
    def stops(self) -> tuple[str, ...]:
        return tuple(stop for stop in self.stop or () if stop)

    @property
    def include_usage(self) -> bool:
        return bool(self.stream_options and self.stream_options.include_usage)


def parse_body(body: Body) -> RequestBody:
    """Raises BackendError 400, which names the field."""
    for name, nothing in NOT_DONE.items():
        value = body.get(name)  # 0 is not False here, nor 1 True
        same = (other for other in nothing if isinstance(other, bool) == isinstance(value, bool))
        if value is not None and value not in same:
            raise not_done(name)
    aside = ASIDE | (NOT_DONE.keys() - RequestBody.model_fields.keys())
    try:
        return RequestBody.model_validate({n: v for n, v in body.items() if n not in aside})
    except ValidationError as error:
        # Of a union the member that was meant: the fault is deepest in it.
        first = max(error.errors(), key=lambda fault: len(fault["loc"]))
        steps = list(map(str, first["loc"]))
        if first["type"] == "extra_forbidden":
            raise not_done(".".join(steps)) from None
        place = ".".join(step for step in steps if FIELD.fullmatch(step))
        problem = plain_words(first["msg"])
        raise refused(f"`{place}`: {problem}.", steps[0]) from None


def not_done(field: str) -> BackendError:
    problem = f"{field} is not supported by the embedded backend: leave it out"
    return refused(problem, field.partition(".")[0], "unsupported_parameter")


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
    sieve: Sieve | None = None  # what the answer is held to


# Of a prompt: a longer one keeps the others waiting for minutes where there is no GPU.
PROMPT_TOKENS = 8192


@dataclass(frozen=True)
class QuestionReader:
    """Reads requests for one base. Not safe for threads: tokenizers keep settings inside."""

    tokenizer: Any  # of transformers, which has no types
    context: float  # tokens of a prompt and its answer, at most
    max_tokens: int  # of an answer, where a request names no limit
    prompt_tokens: int  # of a prompt, at most
    ends: frozenset[int] = frozenset()  # of an answer
    vocabulary: int = 0

    @cached_property
    def sieves(self) -> Sieves:
        return Sieves(self.tokenizer, self.ends, self.vocabulary)

    @cached_property
    def reads_calls(self) -> bool:
        return is_readable(self.tokenizer)

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
            sieve=self.sieve(asked),
        )

    def sieve(self, asked: RequestBody) -> Sieve | None:
        """What the answer is to be held to. Raises BackendError where no grammar does it."""
        wanted = wanted_of(asked)
        try:
            return self.sieves.of(wanted, "the request") if wanted else None
        except InputError as error:
            field = "tools" if wanted and wanted.schema is None else "response_format"
            raise refused(str(error).removeprefix("tools: "), field) from None

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
        tools = asked.tools if asked.tool_choice != "none" else None
        turns = [message.model_dump() for message in asked.messages]
        if not tools and not has_calls(turns):
            return self.templated([message.for_template() for message in asked.messages], None)
        if tools and not self.reads_calls:
            problem = "the model writes calls in a form that is not known here"
            raise refused(problem, "tools")
        try:
            checked_tools(tools)
        except ValueError as error:
            raise refused(f"tools: {error}", "tools") from None
        try:
            messages = conversation(turns)
        except ValueError as error:
            raise refused(f"messages: {error}", "messages") from None
        return self.templated(*shown(self.tokenizer, messages, in_recorded_order(tools or ())))

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
        if asked.tools:
            raise not_done("tools")
        return list(self.tokenizer(asked.prompt)["input_ids"])

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


def wanted_of(asked: RequestBody) -> Wanted | None:
    """None where the answer is free."""
    choice, tools = asked.tool_choice, asked.tools or []
    several = asked.parallel_tool_calls is not False
    if (form := asked.response_format) and form.type != "text":
        if tools and choice != "none":
            raise refused("response_format is not done beside tools", "response_format")
        if form.type == "json_schema" and form.json_schema is None:
            raise refused("response_format.json_schema is missing", "response_format")
        return Wanted(schema=form.of)
    if isinstance(choice, NamedTool):
        tools = [tool for tool in tools if tool["function"]["name"] == choice.function.name]
    if choice not in (None, "none", "auto") and not tools:
        raise refused("tool_choice asks for a tool that is not among tools", "tool_choice")
    known = in_recorded_order(tools)
    if isinstance(choice, NamedTool):
        return Wanted(known, words=False, several=False)
    if choice == "required":
        return Wanted(known, words=False, several=several)
    if not tools or choice == "none" or not (asked.constrained or are_strict(tools)):
        return None
    return Wanted(known, several=several)


def text_length(value: Any) -> int:
    """The length of all texts in a request, in characters."""
    if isinstance(value, str):
        return len(value)
    inner = value.values() if isinstance(value, Mapping) else value
    return sum(map(text_length, inner)) if isinstance(value, Mapping | list) else 0
