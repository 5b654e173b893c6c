"""Replicas that answer, and control tokens kept out of what they are asked."""

import asyncio
import json
import logging
import re
import unicodedata
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import aclosing
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evaluation.generation.backends.backend import (
    BUSY,
    UNREACHABLE,
    Backend,
    BackendError,
    Body,
    Endpoint,
)
from project.chat_template import TEMPLATE
from project.errors import InputError
from project.model_pins import folder_here
from project.records.adapters import ModelPin
from project.untrusted_input import shortened
from serving.called_tools import (
    are_strict,
    conversation,
    grammar_maker,
    has_calls,
    in_judged_form,
    in_recorded_order,
    shows_tools,
)
from serving.exchange import Deployment
from serving.openai_api.caller_request import CallerRequest
from serving.openai_api.evidence_shown import ShownEvidence, with_evidence
from serving.openai_api.gateway import SOON, Gateway
from serving.openai_api.request_body import ApiError, after
from serving.traffic_log.metrics import Served

if TYPE_CHECKING:
    from evaluation.generation.constraints import GrammarMaker

# --- replicas -------------------------------------------------------------------------------------

# A question to a backend; to the next one where the first is away and nothing was answered yet.

log = logging.getLogger(__name__)
# A request that brings an engine down must not go round and bring all of them down.
MOST_TRIES = 3
SHOWN = 1000  # characters of what a backend says
CALLERS_FAULT = (400, 404, 409, 413, 415, 422)
OWN_FAULT = (401, 403)  # the backend does not take the gateway's key


class NoReplicaError(ApiError):
    """No replica answers with a deployment, and nothing of an answer was sent."""


async def chunks(
    gateway: Gateway,
    deployment: Deployment,
    question: CallerRequest,
    served: Served,
    shown: ShownEvidence | None,
    *,
    stream: bool,
) -> AsyncGenerator[Body]:
    """The chunks of a stream, or a whole answer as the only one.

    Raises ApiError; BackendError only after the first chunk. Closing it stops the backend's work.
    """
    params = gateway.params
    if params.backend != "embedded" and question.endpoint is Endpoint.CHAT:
        refuse_control_tokens(question.fields, deployment.contestant.base, params.backend)
        shown = shown and without_control_tokens(shown, deployment.contestant.base)
    body = question.body_for(deployment, gateway.decoding, params.max_tokens, stream=stream)
    if shown and shown.evidence and (template := deployment.contestant.evidence_template):
        body["messages"] = with_evidence(body["messages"], template, shown.evidence)
    if question.endpoint is Endpoint.CHAT and params.backend in ("vllm", "sglang"):
        body = await with_tools_as_judged(body, deployment.contestant.base, params.backend)
    tried: list[str] = []
    busy: BackendError | None = None
    while len(tried) < MOST_TRIES and (backend := gateway.table.replica(deployment, tried)):
        tried.append(backend.replica)
        begun = False
        with gateway.table.answering(deployment, backend):
            try:
                async with aclosing(
                    answer_chunks(backend, question, body, stream=stream)
                ) as answering:
                    async for chunk in answering:
                        refuse_another(deployment, backend, chunk)
                        begun = True
                        yield chunk
                return
            except BackendError as error:
                if begun:
                    raise
                if not is_elsewhere(gateway, deployment, backend, error):
                    note(backend, served, error)
                    raise backend_api_error(error) from error
                busy = error if error.status == BUSY else busy
        served.retries += 1
    raise backend_api_error(busy) if busy else away(deployment, tried)


async def answer_chunks(
    backend: Backend, question: CallerRequest, body: Mapping[str, Any], *, stream: bool
) -> AsyncGenerator[Body]:
    if not stream:
        yield await backend.answer(question.endpoint, body)
        return
    answering: AsyncIterator[Body] = backend.stream(question.endpoint, body)
    try:
        async for chunk in answering:
            yield chunk
    finally:
        if isinstance(answering, AsyncGenerator):
            await answering.aclose()


def is_elsewhere(
    gateway: Gateway, deployment: Deployment, backend: Backend, error: BackendError
) -> bool:
    """Whether another replica may answer. One that is away, or lacks the adapter, leaves the route
    until the follower has repaired it.
    """
    if error.status == UNREACHABLE:
        gateway.table.lost(backend.replica)
    elif error.status == 404:
        gateway.table.lost(backend.replica, deployment.name)
    else:
        return error.status == BUSY  # busy: another one may not be
    # Of one that cannot be reached, these are our own words.
    why = str(error) if error.status == UNREACHABLE else f"status {error.status}"
    log.warning("%s does not answer %s: %s", backend.replica, deployment.name, why)
    gateway.wake()
    return True


def refuse_another(deployment: Deployment, backend: Backend, chunk: Body) -> None:
    """Raise BackendError for an answer of another model than was asked: it was not judged."""
    model = chunk.get("model", deployment.name)
    if model != deployment.name:
        problem = f"{backend.replica} answered as {shortened(model)}, and not as {deployment.name}"
        log.error(problem)
        raise BackendError(502, problem)


def note(backend: Backend, served: Served, error: BackendError) -> None:
    """Log that a backend failed, and none of its words: engines quote prompts in their errors."""
    if error.status not in CALLERS_FAULT:
        hint = " (it refuses the gateway: see serving.key_variable)" * (error.status in OWN_FAULT)
        log.error(
            "%s failed on request %s with status %d%s: its own log says why",
            backend.replica,
            served.id,
            error.status,
            hint,
        )


def backend_message(error: BackendError) -> str:
    """A backend's words, for the caller alone: they may quote the prompt."""
    return shortened(error.body.get("message") or error, SHOWN)


def backend_api_error(error: BackendError) -> ApiError:
    """What the caller hears of a backend's refusal, by whose fault it is."""
    if error.status == BUSY:
        return ApiError(
            429,
            backend_message(error),
            code="rate_limit_exceeded",
            headers=after(SOON),
            logged="All replicas are busy.",
        )
    if error.status in CALLERS_FAULT:
        param, code = error.body.get("param"), error.body.get("code")
        return ApiError(
            400,
            backend_message(error),
            param=text(param),
            code=text(code),
            logged="The backend refused it.",
        )
    if error.status in OWN_FAULT:
        return ApiError(502, "The backend refuses the gateway.")
    return ApiError(500 if error.status == 500 else 502, "The backend failed on this request.")


def text(value: object) -> str | None:
    return None if value is None else shortened(value)


def away(deployment: Deployment, tried: list[str]) -> NoReplicaError:
    after_tries = f" after {len(tried)} tries" if tried else ""
    problem = f"No replica answers with {deployment.name}{after_tries}."
    return NoReplicaError(503, problem, code="no_replica", headers=after(SOON))


# --- tools ----------------------------------------------------------------------------------------

# Servers render a chat themselves. They are asked for a text, as when the version was judged, with
# its calls in it: those of a base whose template knows no tools, no server would read.


async def with_tools_as_judged(body: dict[str, Any], base: ModelPin, engine: str) -> dict[str, Any]:
    """A request with tools as evaluation writes it. Raises ApiError."""
    tools, choice = body.get("tools"), body.get("tool_choice")
    chosen = choice not in (None, "auto", "none")
    forced = chosen or (choice != "none" and are_strict(tools))
    if not tools and not has_calls(body["messages"]):
        return body
    natively = await asyncio.to_thread(shows_tools, base)
    maker = grammar_maker(base) if engine == "vllm" and not base.hosted else None
    ours_to_hold = maker is not None and maker.form is not None
    if body.get("constrained") and not ours_to_hold:
        problem = "The grammar that calls were judged with cannot be made here."
        raise ApiError(503, problem, code="no_grammar", logged="No grammar of the base's calls.")
    if natively is None or (natively and (choice == "none" or (forced and not ours_to_hold))):
        return body
    if forced and not ours_to_hold:
        field = "tool_choice" if chosen else "tools"
        problem = f"`{field}`: the engine here cannot hold this model to a call."
        raise ApiError(400, problem, param=field, code="unsupported_parameter")
    known = None if choice == "none" else in_recorded_order(tools or ())
    told = in_judged_form(conversation(body["messages"]), known, engine, natively=natively)
    if maker and (forced or body.get("constrained")):
        told |= await asyncio.to_thread(held_to_tools, body, maker)
    ours = ("tools", "tool_choice", "parallel_tool_calls", "constrained")
    return {name: value for name, value in body.items() if name not in ours} | told


def held_to_tools(body: Mapping[str, Any], maker: "GrammarMaker") -> dict[str, Any]:
    """What a request to vLLM says more, so that an answer calls the tools rightly, or the one that
    is asked for. Raises ApiError.
    """
    from evaluation.generation.constraints import Wanted

    for field in ("response_format", "structured_outputs"):
        if body.get(field) not in (None, {"type": "text"}):
            problem = f"`{field}` is not done beside calls that are held to their tools."
            raise ApiError(400, problem, param=field)
    choice, tools = body.get("tool_choice"), in_recorded_order(body.get("tools") or ())
    free = choice in (None, "auto")
    if not (every := free or choice == "required"):
        tools = [tool for tool in tools if choice == choice_of(tool)]
    if not tools:
        problem = "`tool_choice` asks for a tool that is not among `tools`."
        raise ApiError(400, problem, param="tool_choice")
    several = every and body.get("parallel_tool_calls") is not False
    wanted = Wanted(tuple(tools), words=free, several=several)
    try:
        return maker.vllm_fields(wanted, "the request")
    except InputError as error:
        raise ApiError(400, str(error), param="tools") from None


def choice_of(tool: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "function", "function": {"name": tool["function"]["name"]}}


# --- control tokens -------------------------------------------------------------------------------

# Names of control tokens in what a caller writes, before engines that read them as tokens.
#
# The embedded backend reads them as letters. vLLM and SGLang write a chat as one text and cut it
# into tokens by themselves: there, whoever writes the name of one could end a message and begin one
# of the system's. No field of theirs keeps a name from becoming its token, so such a request is
# refused.

# What the tokens of known families look like, where the base's tokenizer is not on this machine.
SHAPES = re.compile(
    r"<\|[^<>\s]{1,64}\|>|</?s>|<(?:bos|eos|pad|unk|(?:start|end)_of_turn)>"
    r"|\[/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS)\]"
)
# A model writes these in its own turn, which clients send back. They end no turn.
WRITTEN = frozenset(("<think>", "</think>", "<tool_call>", "</tool_call>"))
FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")
IN_PROMPT = ("tools", "tool_choice", "reasoning_effort")  # fields that templates write out, too


def refuse_control_tokens(fields: Mapping[str, Any], base: ModelPin, engine: str) -> None:
    """Raise ApiError, with the token and the number of the message, for a chat that names one."""
    names = control_names(base)
    told = {f"messages.{i}": turn for i, turn in enumerate(fields["messages"])}
    told |= {name: fields[name] for name in IN_PROMPT if fields.get(name) is not None}
    for field, value in told.items():
        for text in texts_in(value):
            if match := names.search(text) or names.search(unicodedata.normalize("NFKC", text)):
                problem = (
                    f"`{field}` holds {match[0]}, a control token of the model, which the engine "
                    f"here ({engine}) would not read as text. Leave it out, or write it with a "
                    "space in it."
                )
                raise ApiError(400, problem, param=field, code="control_token")


def without_control_tokens(shown: ShownEvidence, base: ModelPin) -> ShownEvidence:
    """Passages are no caller's fault: a token in one is broken up by a space."""
    names = control_names(base)

    def broken(text: str) -> str:
        plain = unicodedata.normalize("NFKC", text)
        told = plain if names.search(plain) else text
        return names.sub(lambda match: f"{match[0][:1]} {match[0][1:]}", told)

    passages = [
        passage.model_copy(update={"text": broken(passage.text)}) for passage in shown.evidence
    ]
    return shown.model_copy(update={"evidence": tuple(passages)})


def texts_in(value: object) -> Iterator[str]:
    """All texts in a value, and the parts of a content as one: templates put them side by side. Of
    a call's arguments, which are JSON in a text, what that says too: it may write any sign in an
    escape.
    """
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from chain.from_iterable(map(texts_in, (*value, *value.values())))
        yield from texts_in(said_in_json(value.get("arguments")))
    elif isinstance(value, list):
        parts = (part.get("text") for part in value if isinstance(part, dict))
        yield "".join(part for part in parts if isinstance(part, str))
        yield from chain.from_iterable(map(texts_in, value))


def said_in_json(text: object) -> object:
    try:
        return json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        return None


@lru_cache(maxsize=64)
def control_names(base: ModelPin) -> re.Pattern[str]:
    """Finds the names of a base's special tokens, and of others that its chat template writes."""
    folder = folder_here(base)
    names = sorted(names_in(folder), key=len, reverse=True) if folder else []
    return re.compile("|".join(map(re.escape, names))) if names else SHAPES


def names_in(folder: Path) -> set[str]:
    told, config, others = map(read, (folder / name for name in FILES))
    added = [*told.get("added_tokens", ()), *config.get("added_tokens_decoder", {}).values()]
    special = {token["content"] for token in added if token.get("special")}
    for fields in (config, others):  # such as eos_token; "add_eos_token" is no name
        named = [value for name, value in fields.items() if name.endswith("_token")]
        for entry in (*named, *fields.get("additional_special_tokens", ())):
            name = entry.get("content") if isinstance(entry, dict) else entry
            special |= {name} if isinstance(name, str) else set()
    template = folder / TEMPLATE
    text = template.read_text("utf-8") if template.is_file() else str(config.get("chat_template"))
    written = {token["content"] for token in added if token["content"] in text} - WRITTEN
    return {name for name in special | written if name.strip()}


def read(file: Path) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(file.read_text("utf-8")) if file.is_file() else {}
    return fields
