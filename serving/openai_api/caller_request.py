"""What a caller asks, checked, and as the backend gets it."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    ValidationError,
)

from evaluation.evaluation_settings import Decoding
from evaluation.generation.backends.backend import Endpoint
from project.chat_template import under
from project.errors import plain_words
from project.records.data import Message
from project.untrusted_input import shortened
from serving.called_tools import MOST_TOOLS, checked_tools, conversation, has_calls
from serving.exchange import Deployment
from serving.openai_api.evidence_shown import OwnFields
from serving.openai_api.request_body import ApiError, json_object

# --- asked ----------------------------------------------------------------------------------------

# The fields of a request that the gateway reads, and within which limits.
#
# What is long is measured before it is read: of a megabyte of faults a list would take seconds to
# make, in which nobody else is answered.

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
    if not (all(isinstance(item, str) for item in value) or all(map(is_tokens, value))):
        raise ValueError("neither texts nor tokens")
    return value


def is_tokens(value: object) -> bool:
    """True and False are numbers in Python alone."""
    return isinstance(value, list) and all(type(token) is int for token in value)


class Loose(BaseModel):
    """Fields that are not ours are the backend's: it checks them."""

    model_config = ConfigDict(extra="allow", strict=True)


class ContentPart(Loose):
    """A piece of a message. An image's address would have the engine fetch it from anywhere; and
    vLLM reads one beside a `uuid` whatever the type says.
    """

    model_config = ConfigDict(extra="forbid")

    type: Literal["text"]
    text: str


class RequestMessage(Loose):
    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: Annotated[str | list[ContentPart] | None, at_most(MOST_PARTS)] = None
    tool_calls: Annotated[list[dict[str, Any]] | None, at_most(MOST_TOOLS)] = None
    tool_call_id: Annotated[str | None, Field(max_length=512)] = None

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


class CommonFields(Loose):
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
    incumbent: OwnFields | None = None


def sound_calls(messages: list[RequestMessage]) -> list[RequestMessage]:
    turns = [turn.model_dump(exclude_unset=True) for turn in messages]
    if has_calls(turns):
        conversation(turns)
    return messages


class ChatFields(CommonFields):
    messages: Annotated[
        list[RequestMessage],
        at_most(MOST_TURNS),
        Field(min_length=1),
        AfterValidator(sound_calls),
    ]
    tools: Annotated[
        list[dict[str, Any]] | None, at_most(MOST_TOOLS), AfterValidator(checked_tools)
    ] = None


class CompletionFields(CommonFields):
    prompt: Annotated[Any, PlainValidator(read_prompt)]

    @property
    def prompts(self) -> int:
        return 1 if isinstance(self.prompt, str) or is_tokens(self.prompt) else len(self.prompt)


# --- passed fields --------------------------------------------------------------------------------

# Which fields of a request a backend may get.
#
# Engines have many of their own, and get more: some change what answers (`chat_template_kwargs`,
# `lora_path`), name somebody else's request (`request_id`, `rid`), or have the engine open an
# address (`bootstrap_host`). So what is not known to be harmless is refused, and never passed on.
# And engines leave out in silence what they do not know: the answer would look like one that holds
# to `guided_regex`. So what an engine does not do is refused as well.

Engine = Literal["embedded", "llama.cpp", "vllm", "sglang"]

# What both servers do, on both paths.
SERVERS = frozenset(
    (
        *("temperature", "top_p", "top_k", "min_p", "seed", "logit_bias", "min_tokens"),
        *("frequency_penalty", "presence_penalty", "repetition_penalty"),
        *("stop", "stop_token_ids", "ignore_eos", "skip_special_tokens"),
        *("logprobs", "response_format", "echo"),
    )
)
CHAT = frozenset(("top_logprobs", "tools", "tool_choice", "continue_final_message"))
VLLM = frozenset(
    (
        *("structured_outputs", "bad_words", "allowed_token_ids", "prompt_logprobs"),
        *("include_stop_str_in_output", "truncate_prompt_tokens", "add_special_tokens"),
        *("spaces_between_special_tokens", "return_token_ids"),
    )
)
VLLM_CHAT = frozenset(("add_generation_prompt", "parallel_tool_calls", "reasoning_effort"))
SGLANG = frozenset(("regex", "ebnf"))
HINTS = frozenset(("prompt_cache_key",))  # to caches: no answer hangs on them
LLAMA = {"temperature", "top_p", "top_k", "min_p", "seed", "stop", "response_format"}
LLAMA |= {"frequency_penalty", "presence_penalty"}
# As `protocol.py` of each has them: vLLM 0.32, and SGLang's of its OpenAI server; and as the
# documentation of llama.cpp's server does.
DONE: dict[tuple[Engine, Endpoint], frozenset[str]] = {
    ("llama.cpp", Endpoint.CHAT): frozenset(LLAMA | {"logprobs", "top_logprobs", "tools"}),
    ("llama.cpp", Endpoint.COMPLETIONS): frozenset(LLAMA),
    ("vllm", Endpoint.CHAT): SERVERS | HINTS | VLLM | CHAT | VLLM_CHAT,
    ("vllm", Endpoint.COMPLETIONS): SERVERS | HINTS | VLLM | {"suffix"},
    ("sglang", Endpoint.CHAT): (SERVERS | HINTS | SGLANG | CHAT) - {"echo"},
    ("sglang", Endpoint.COMPLETIONS): SERVERS | HINTS | SGLANG,
}
# Values that ask for nothing, of fields that clients send by themselves.
NOTHING: dict[str, tuple[Any, ...]] = {
    "best_of": (1,),
    "length_penalty": (1,),
    "modalities": (["text"],),
    "service_tier": ("auto", "default"),
    "verbosity": ("medium",),
    "functions": ([],),
    "suffix": ("",),
    "top_logprobs": (0,),
    "parallel_tool_calls": (True,),
}
LONGEST_NAME = 60  # characters of a name that another is looked for
NO_FIELD = "A field that there is not was refused."  # in a log: a caller may name it as it likes
# All that may be passed on to some engine. The embedded one refuses by itself what it does not do.
PASSED = frozenset[str]().union(*DONE.values(), NOTHING)


def unsupported(name: str, engine: Engine) -> ApiError:
    problem = f"`{name}` is not done by the engine here ({engine}), which would leave it out."
    return ApiError(400, problem, param=name, code="unsupported_parameter")


def foreign(name: str, known: Sequence[str]) -> ApiError:
    alike = get_close_matches(name[:LONGEST_NAME], known, n=1)
    hint = f" Did you mean `{alike[0]}`?" if alike else ""
    short = shortened(name)
    problem = f"`{short}` cannot be chosen by a request.{hint}"
    code = "unsupported_parameter"
    return ApiError(400, problem, param=short, code=code, logged=NO_FIELD)


# --- question -------------------------------------------------------------------------------------

# Of the gateway alone: a backend gets none of them.
CALLERS = ("model", "user", "safety_identifier", "metadata", "store", "incumbent")
OURS = (*CALLERS, "stream", "stream_options")
LENGTHS = ("max_tokens", "max_completion_tokens", "n")  # every engine does these


@dataclass(frozen=True)
class CallerRequest:
    """A request that may be answered."""

    endpoint: Endpoint
    fields: dict[str, Any]  # as they came
    asked: CommonFields

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
        if isinstance(self.asked, ChatFields):
            return tuple(turn.message for turn in self.asked.messages)
        prompt = self.fields["prompt"]
        return tuple(Message(role="user", content=text) for text in texts_of(prompt))

    @property
    def turns(self) -> tuple[Message, ...]:
        """The messages with their calls and results, as the traffic log keeps them."""
        if isinstance(self.asked, ChatFields) and has_calls(self.fields["messages"]):
            return tuple(conversation(self.fields["messages"]))
        return self.messages

    @property
    def tools(self) -> bool:
        """Whether the answer may call any."""
        chat = self.endpoint is Endpoint.CHAT
        return chat and bool(self.fields.get("tools")) and self.fields.get("tool_choice") != "none"

    @property
    def several_calls(self) -> bool:
        return self.fields.get("parallel_tool_calls") is not False

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
        if decoding.constrained and self.tools:
            body["constrained"] = True  # for the embedded engine; to vLLM it becomes a grammar
        if stream:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        return body


def read_question(
    body: bytes, endpoint: Endpoint, most_tokens: int, engine: Engine
) -> CallerRequest:
    """Raises ApiError, naming the field, for what cannot be answered."""
    fields = json_object(body)
    model = ChatFields if endpoint is Endpoint.CHAT else CompletionFields
    try:
        asked = model.model_validate(fields)
    except ValidationError as error:
        raise invalid(error) from None
    field = "messages" if endpoint is Endpoint.CHAT else "prompt"
    # Neither passed on nor known here, or what the engine would leave out in silence.
    known = (field, *OURS, *LENGTHS)
    done = PASSED if engine == "embedded" else DONE[engine, endpoint]
    for name, value in fields.items():
        if value is None or name in done or name in known or value in NOTHING.get(name, ()):
            continue
        if name in PASSED:
            raise unsupported(shortened(name), engine)
        raise foreign(name, [*known, *done])
    refuse_too_much(asked, most_tokens)
    return CallerRequest(endpoint, fields, asked)


def invalid(error: ValidationError, known: Sequence[str] = ()) -> ApiError:
    """`known` are the fields that there are, where others are refused."""
    faults = error.errors(include_url=False, include_input=False)
    # Of a union the member that was meant: the fault is deepest in it. Of parts of a content, say,
    # that one is of another type, and not that all of it is no text.
    first = max(faults, key=lambda fault: len(fault["loc"]))
    # pydantic's tags of a union's members ("list[ContentPart]") are no fields.
    steps = [str(step) for step in first["loc"] if str(step).replace("_", "").isalnum()]
    field = shortened(".".join(step for step in steps if step not in ("str", "list")))
    if first["type"] == "extra_forbidden":
        alike = get_close_matches(field, known, n=1)
        hint = f"; did you mean `{alike[0]}`?" if alike else "."
        problem = f"`{field}`: there is no such field{hint}"
        return ApiError(400, problem, param=field, logged=NO_FIELD)
    return ApiError(400, f"`{field}`: {plain_words(first['msg'])}.", param=field)


def refuse_too_much(asked: CommonFields, most: int) -> None:
    for name in ("max_tokens", "max_completion_tokens"):
        if (getattr(asked, name) or 0) > most:
            raise ApiError(400, f"`{name}` may be {most:,} at most here.", param=name)
    prompts = asked.prompts if isinstance(asked, CompletionFields) else 1
    if prompts * max(asked.n or 1, asked.best_of or 1) > MOST_ANSWERS:
        raise ApiError(400, f"At most {MOST_ANSWERS} answers to one request.", param="n")


def texts_of(prompt: object) -> list[str]:
    """The texts of a prompt; tokens have none."""
    parts = prompt if isinstance(prompt, list) else [prompt]
    return [text for text in parts if isinstance(text, str)]


def with_system_prompt(
    system_prompt: str | None, messages: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """The messages under a version's system prompt. Other fields of theirs stay as they are."""
    turns = [{**turn, "role": ROLES.get(turn["role"], turn["role"])} for turn in messages]
    if system_prompt is None:
        return turns
    given = [RequestMessage.model_validate(t).message for t in turns if t["role"] == "system"]
    first = under(system_prompt, given)[0]
    return [first.model_dump(), *(turn for turn in turns if turn["role"] != "system")]
