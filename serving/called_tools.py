"""Requests with tools, and the calls in an answer to them, as OpenAI's API has both.

Engines answer in a text, in which a call stands as the base writes it. Here it becomes one of the
answer's `tool_calls`, for each engine in the same way, also in a stream: words are passed on as
they come, a call once it is whole. A call that is cut, or that nobody can read, stays a text.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from secrets import token_hex
from typing import TYPE_CHECKING, Any

import regex
from pydantic import ValidationError

from evaluation.generation.backends.backend import Body
from project.errors import plain_words
from project.model_pins import folder_here
from project.records.adapters import ModelPin
from project.records.data import Message
from project.records.tool_calls import as_json, sound_tools, unanswered
from project.tool_rendering import Tools, in_request, knows_tools
from project.written_calls import (
    BEGIN,
    HEAD,
    PYTHON,
    Schemas,
    WrittenCall,
    words_beside,
    written_calls,
)

if TYPE_CHECKING:
    from evaluation.generation.constraints import GrammarMaker

# --- requests -------------------------------------------------------------------------------------

MOST_TOOLS = 128
MOST_SIGNS = 1 << 16  # of all tools, as JSON: to check more takes a second
MOST_ARGUMENTS = 1 << 16  # characters of a call's arguments
ROLES = {"developer": "system", "function": "user"}  # by other names
Fields = Mapping[str, Any]


def has_calls(turns: Iterable[Fields]) -> bool:
    return any(turn.get("tool_calls") or turn.get("role") == "tool" for turn in turns)


def conversation(turns: Sequence[Fields]) -> list[Message]:
    """Messages of a request, with their calls. Raises ValueError for calls that are none, and for a
    result without a call.
    """
    messages = [turn_of(number, turn) for number, turn in enumerate(turns, start=1)]
    if why := unanswered(
        (message.role, message.tool_calls or (), message.tool_call_id) for message in messages
    ):
        raise ValueError(why)
    return messages


def turn_of(number: int, turn: Fields) -> Message:
    content, role = turn.get("content") or "", turn["role"]
    text = content if isinstance(content, str) else "".join(part["text"] for part in content)
    calls = [call_of(number, call) for call in turn.get("tool_calls") or ()]
    result = {key: turn.get(key) for key in ("tool_call_id", "name") if role == "tool"}
    fields = {"role": ROLES.get(role, role), "content": text, "tool_calls": calls or None}
    try:
        return Message.model_validate(fields | result)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        why = plain_words(first["msg"])
        raise ValueError(f"turn {number}: {place}: {why}") from None


def call_of(number: int, call: Fields) -> dict[str, Any]:
    """A call without fields that clients add, such as its place."""
    raw = call.get("function")
    function = raw if isinstance(raw, dict) else {}
    arguments = function.get("arguments")
    if isinstance(arguments, str) and len(arguments) > MOST_ARGUMENTS:
        raise ValueError(
            f"turn {number}: arguments of a call: {MOST_ARGUMENTS:,} characters at most"
        )
    told = {"name": function.get("name"), "arguments": "{}" if arguments == "" else arguments}
    return {"id": call.get("id"), "function": told}


def checked_tools(tools: list[dict[str, Any]] | None) -> list[dict[str, Any]] | None:
    """The same. Raises ValueError for what is no tool, and for too much of it."""
    if len(json.dumps(tools)) > MOST_SIGNS:
        raise ValueError(f"{MOST_SIGNS:,} characters at most")
    sound_tools(tuple(tools or ()))
    return tools


def are_strict(tools: Iterable[Fields] | None) -> bool:
    """Whether a caller wants the arguments of one of them to fit its schema for certain."""
    return any(tool["function"].get("strict") for tool in tools or ())


def in_recorded_order(tools: Iterable[Fields]) -> list[dict[str, Any]]:
    """With their keys by the alphabet, as rows have them: so the model was judged."""
    return [json.loads(json.dumps(tool, sort_keys=True)) for tool in tools]


# --- engines that render requests -----------------------------------------------------------------


def in_judged_form(
    turns: Sequence[Message], tools: Tools | None, engine: str, *, natively: bool
) -> dict[str, Any]:
    """The fields of a request as evaluation writes it: what is answered is to be a text."""
    told = in_request(turns, tools, natively=natively)
    if natively and tools and engine != "vllm":  # the "none" of others hides the tools
        told["tool_choice"] = "auto"
    return told


def shows_tools(base: ModelPin) -> bool | None:
    """Whether a base's own template shows tools; None: nobody here knows, or can read its calls, so
    that the server has to, as it has to where a model is hosted.
    """
    maker = None if base.hosted else grammar_maker(base)
    return knows_tools(maker.tokenizer) if maker and maker.readable else None


@lru_cache(maxsize=64)
def grammar_maker(base: ModelPin) -> "GrammarMaker | None":
    """None where a base's tokenizer is not on this machine."""
    folder = folder_here(base)
    if folder is None:
        return None
    # Imported here because torch takes seconds, and few callers have tools.
    from evaluation.generation.constraints import grammars_of

    return grammars_of(folder)


# --- answers --------------------------------------------------------------------------------------

LONGEST = 512  # characters that wait for a call to begin in them: what is longer begins none
MAY_BEGIN = regex.compile(
    rf"(?:(?<!\s)\s++)?+(?:{BEGIN}|\[TOOL_CALLS|(?:\[\s*)?{HEAD.pattern}|{PYTHON.pattern})"
)


@dataclass
class AnswerReader:
    """Reads one choice of an answer, in time that is linear in it."""

    several: bool  # whether it may have more than one call
    schemas: Schemas = field(default_factory=dict)  # of the tools that it may call
    parts: list[str] = field(default_factory=list)  # of its text
    shown: int = 0  # characters
    waiting: str = ""  # those behind: a call may begin in them
    begun: bool = False  # whether one does

    def words(self, more: str) -> str:
        """What may be shown now that there is more text: nothing from where a call may begin."""
        self.parts.append(more)
        if self.begun:
            return ""
        text = self.waiting + more
        match = MAY_BEGIN.search(text, partial=True)
        while match and match.partial and len(text) - match.start() > LONGEST:
            match = MAY_BEGIN.search(text, match.start() + 1, partial=True)
        start = match.start() if match else len(text)
        self.begun = match is not None and not match.partial
        self.shown += start
        self.waiting = text[start:]
        return text[:start]

    def rest(self) -> tuple[str, list[dict[str, Any]]]:
        """Of a whole answer: the words that were not shown yet, and its calls."""
        text = "".join(self.parts)
        calls, left = written_calls(text, self.schemas), text[self.shown :]
        if not calls or any(call.name is None or call.arguments is None for call in calls):
            return left, []
        return words_beside(left), list(map(body_of, calls if self.several else calls[:1]))


def body_of(call: WrittenCall) -> dict[str, Any]:
    function = {"name": call.name, "arguments": as_json(call.arguments)}
    return {"id": f"call_{token_hex(12)}", "type": "function", "function": function}


@dataclass
class CallsInAnswer:
    """Makes `tool_calls` of the texts of an answer. What an engine sends in this form by itself,
    and what is no chat completion, is passed on as it is.
    """

    several: bool
    schemas: Schemas = field(default_factory=dict)
    readers: dict[object, AnswerReader] = field(default_factory=dict)  # by the choice's number
    last: Body = field(default_factory=dict)  # chunk with a choice

    def told(self, body: Body, *, stream: bool) -> Iterator[Body]:
        """A whole answer, or the chunks that one of a stream becomes; none of what must wait."""
        choices = body.get("choices")
        if not isinstance(choices, list) or not all(isinstance(choice, dict) for choice in choices):
            yield body
        elif not stream:
            yield {**body, "choices": list(map(self.whole, choices))}
        elif not choices:
            yield body
        else:
            self.last = body
            for choice in choices:
                for part in self.parts(choice):
                    yield {**body, "choices": [part]}

    def end(self) -> Iterator[Body]:
        """What still waits where a stream has ended and did not say why."""
        for number in [number for number, reader in self.readers.items() if reader.parts]:
            for part in self.parts({"index": number, "finish_reason": "stop"}):
                yield {**self.last, "choices": [part]}

    def whole(self, choice: dict[str, Any]) -> Fields:
        message = fields_of(choice, "message")
        content = message.get("content")
        if not isinstance(content, str) or message.get("tool_calls"):
            return choice
        words, calls = AnswerReader(self.several, self.schemas, [content]).rest()
        if not calls:
            return choice
        told = {**message, "content": words or None, "tool_calls": calls}
        return {**choice, "message": told, "finish_reason": "tool_calls"}

    def parts(self, choice: dict[str, Any]) -> Iterator[Fields]:
        delta, reason = fields_of(choice, "delta"), choice.get("finish_reason")
        content = delta.get("content")
        number = choice.get("index") if isinstance(choice.get("index"), int) else 0
        reader = self.readers.setdefault(number, AnswerReader(self.several, self.schemas))
        if content and isinstance(content, str):
            delta = {**delta, "content": reader.words(content)}
        # One with words that wait, and nothing else, waits whole.
        if delta.get("content") or delta.keys() - {"content"} or not (content or reason):
            yield {**choice, "delta": delta, "finish_reason": None}
        if reason is None:
            return
        del self.readers[number]
        words, calls = reader.rest()
        for told in [*([{"content": words}] if words else []), *deltas_of(calls)]:
            yield {**choice, "delta": told, "finish_reason": None}
        yield {**choice, "delta": {}, "finish_reason": "tool_calls" if calls else reason}


def fields_of(choice: dict[str, Any], name: str) -> dict[str, Any]:
    fields = choice.get(name)
    return fields if isinstance(fields, dict) else {}


def deltas_of(calls: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """A call's id and name, then its arguments."""
    for place, call in enumerate(calls):
        arguments = call["function"]["arguments"]
        head = {**call, "index": place, "function": {**call["function"], "arguments": ""}}
        yield {"tool_calls": [head]}
        yield {"tool_calls": [{"index": place, "function": {"arguments": arguments}}]}
