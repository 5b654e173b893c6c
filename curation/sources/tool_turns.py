"""Conversations with calls of tools, their results and the tools, in the forms that people have.

OpenAI's files (`tool_calls`, and `function_call` as it was before), ShareGPT (`function_call`,
`observation`, `tools` in JSON), Hermes (`<tool_call>` in what the assistant says, and the tools in
the system prompt) and glaive's texts (`<functioncall>`, `FUNCTION RESPONSE:`).
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from pydantic import ValidationError

from curation.sources.chat_shapes import (
    HOLDERS,
    conversation,
    parsed,
    speaker_of,
    text_of,
    turn_content,
    turns_of,
)
from curation.sources.turns import IN_TABLES, ROLES, TOOLS, joined, message
from project.errors import first_problem
from project.records.data import Message
from project.records.tool_calls import CalledFunction, ToolCall, as_json, sound_tools, tools_in
from project.untrusted_input import quoted

BESIDE = ("tools", "functions")  # where a record says what tools there are
SYSTEM = "system"  # where it has a system prompt, as LLaMA-Factory's and glaive's do
CALLS = ("tool_calls", "function_call")
NO_CALL = "a tool call that is no JSON"

Turn = dict[str, Any]


class ToolChat(NamedTuple):
    messages: list[Message]
    tools: list[dict[str, Any]]


def tool_chat(value: object, beside: Mapping[str, Any]) -> ToolChat:
    """A conversation as `conversation` reads it, with its calls, results, weights and tools.

    `beside` is the record that it stands in. Raises ValueError that says why it cannot be read.
    """
    chat = parsed(value) if isinstance(value, str) and value.lstrip()[:1] in ("[", "{") else value
    told = beside
    if isinstance(chat, dict):
        told = {**beside, **chat}
        chat = next((chat[name] for name in HOLDERS if isinstance(chat.get(name), list)), chat)
    if isinstance(chat, str) and is_glaive(chat):
        chat = glaive_turns(chat)
    if isinstance(chat, list) and all(isinstance(turn, dict) for turn in chat):
        turns = [m for turn in chat for m in messages_of(turn)]
    else:
        turns = conversation_of_words(value)
    if not turns:
        raise ValueError("has no turns")
    before = beside.get(SYSTEM)
    if isinstance(before, str) and before.strip() and all(m.role != "system" for m in turns):
        turns = [message("system", before.removeprefix("SYSTEM:").strip()), *turns]
    introduced, messages = without_introduction(list(told_apart(turns)))
    given = next((told[name] for name in BESIDE if told.get(name)), None)
    tools = list(tools_in(given)) or introduced
    sound_tools(tuple(tools))
    return ToolChat(joined(messages), tools)


def conversation_of_words(value: object) -> list[Message]:
    try:
        return conversation(value)
    except ValueError as error:  # whoever reads it so has named what its advice is
        raise ValueError(str(error).removesuffix(IN_TABLES)) from None


# What stands in a text that calls a tool or describes one; a quick look.
TOLD = ("<tool_call>", "<functioncall>", "<tools>", '"tool_calls"', '"function_call"', "FUNCTION R")


def holds_tools(value: object) -> bool:
    """Whether a conversation calls a tool, describes one, or says by weights what was learnt."""
    if isinstance(value, str):
        return any(map(value.__contains__, TOLD))
    if isinstance(value, dict):
        held = (value[name] for name in HOLDERS if isinstance(value.get(name), list))
        return any(value.get(name) for name in BESIDE) or any(map(holds_tools, held))
    if not isinstance(value, list):
        return False
    return any(
        isinstance(turn, dict)
        and (
            any(turn.get(name) is not None for name in (*CALLS, "weight"))
            or TOOLS.fullmatch(speaker_of(turn)) is not None
            or holds_tools(turn_content(turn))
        )
        for turn in value
    )


# --- turns ----------------------------------------------------------------------------------------


def messages_of(turn: Turn) -> Iterator[Message]:
    who = speaker_of(turn)
    calls = next((turn[name] for name in CALLS if turn.get(name)), None)
    if TOOLS.fullmatch(who):
        content = turn_content(turn)
        if "call" in who:
            yield calling("", calls_in(content), weight_of(turn))
        else:
            name, call = turn.get("name"), turn.get("tool_call_id")
            yield result(content, str(name) if name else None, str(call) if call else None)
    elif calls:
        if ROLES.get(who) != "assistant":
            raise ValueError(f"{quoted(who)} calls a tool: only an assistant does")
        yield calling(text_of(turn_content(turn)), calls_in(calls), weight_of(turn))
    else:
        for part in turns_of(turn):
            weight = weight_of(turn) if part.role == "assistant" else None
            yield part if weight is None else part.model_copy(update={"weight": weight})


def weight_of(turn: Turn) -> int | None:
    weight = turn.get("weight")
    if weight is not None and not isinstance(weight, int | float):
        raise ValueError(f"a weight that is no number: {quoted(weight)}")
    return None if weight is None else int(weight > 0)


def result(value: object, name: str | None = None, call: str | None = None) -> Message:
    parts = isinstance(value, list) and all(isinstance(p, dict) and "type" in p for p in value)
    text = text_of(value) if isinstance(value, str) or (parts and value) else spelled_out(value)
    return made({"role": "tool", "content": text, "name": name, "tool_call_id": call})


def spelled_out(value: object) -> str:
    """JSON of a value, which may be Python's, of a table. Raises ValueError."""
    try:
        return as_json(value)
    except TypeError:
        raise ValueError(f"holds what is no JSON: {quoted(value)}") from None


def calling(text: str, calls: Iterable[ToolCall], weight: int | None = None) -> Message:
    fields = {"role": "assistant", "content": text, "tool_calls": tuple(calls), "weight": weight}
    return made(fields)


def made(fields: Mapping[str, Any]) -> Message:
    """Raises ValueError for what is no message, and for a text that no file can hold."""
    try:
        valid = Message.model_validate(fields)
        valid.text.encode()
    except ValidationError as error:
        raise ValueError(first_problem(error)) from None
    except UnicodeEncodeError:
        raise ValueError("holds half a character (a lone surrogate)") from None
    return valid


# --- calls ----------------------------------------------------------------------------------------

ARGUMENTS = '"arguments":'


def tagged(text: str, mark: str) -> tuple[list[str], str]:
    """What stands between `<mark>` and `</mark>`, each time, and the text without these."""
    inside, rest, at = list[str](), list[str](), 0
    begin, end = f"<{mark}>", f"</{mark}>"
    while (start := text.find(begin, at)) >= 0 and (stop := text.find(end, start)) >= 0:
        rest.append(text[at:start])
        inside.append(text[start + len(begin) : stop].strip())
        at = stop + len(end)
    return inside, "".join([*rest, text[at:]])


def in_quotes(text: str) -> dict[str, str] | None:
    """glaive's `{"name": "f", "arguments": '{"a": 1}'}`, which is neither JSON nor Python."""
    head, mark, tail = text.strip().partition(ARGUMENTS)
    told, quote, end = tail.strip().rpartition("'")
    if not (mark and quote and told.startswith("'") and end.strip() == "}"):
        return None
    known = parsed(f"{head.strip().removesuffix(',')}}}")
    return {**known, "arguments": told[1:]} if isinstance(known, dict) else None


def calls_in(value: object) -> list[ToolCall]:
    """One call, or several: objects, JSON that holds them, or marked ones. Raises ValueError."""
    if isinstance(value, str):
        if inside := tagged(value, "tool_call")[0]:
            return [call for text in inside for call in calls_in(text)]
        if (held := in_quotes(value) or parsed(value)) is None:
            raise ValueError(f"{NO_CALL}: {quoted(value)}")
        value = held
    return [call_of(call) for call in (value if isinstance(value, list) else [value])]


def call_of(value: object) -> ToolCall:
    body = value.get("function", value) if isinstance(value, dict) else None
    if isinstance(value, dict) and (value.get("type") or "function") != "function":
        raise ValueError(f"a call of type {quoted(value['type'])}: only functions are read")
    if not isinstance(body, dict) or not isinstance(body.get("name"), str) or not body["name"]:
        raise ValueError(f"a tool call without a name: {quoted(value)}")
    told = body.get("arguments", body.get("parameters"))
    text = told if isinstance(told, str) else spelled_out({} if told is None else told)
    if text.lstrip().startswith('"'):  # JSON in JSON in JSON, as in an example of OpenAI's own
        with suppress(ValueError):
            text = str(json.loads(text))
    id_ = value.get("id") if isinstance(value, dict) else None
    try:
        function = CalledFunction(name=body["name"], arguments=text or "{}")
        return ToolCall(id=str(id_) if id_ else None, function=function)
    except ValidationError as error:
        raise ValueError(first_problem(error)) from None


def told_apart(messages: Iterable[Message]) -> Iterator[Message]:
    """The messages with the calls and results that stand in their texts as what they are."""
    called = False
    for turn in messages:
        if turn.role == "assistant" and "<tool_call>" in turn.content:
            texts, prose = tagged(turn.content, "tool_call")
            if "<tool_call>" in prose:
                raise ValueError("has a <tool_call> without its end")
            calls = [*(turn.tool_calls or ()), *(call for text in texts for call in calls_in(text))]
            turn = calling(prose.strip(), calls, turn.weight)
        if turn.role == "tool" or (called and turn.role == "user"):
            results, rest = tagged(turn.content, "tool_response")
            if results and not rest.strip():
                about = turn.name, turn.tool_call_id
                yield from (result(text, *(about if len(results) == 1 else ())) for text in results)
                called = True
                continue
        called = bool(turn.tool_calls) or (called and turn.role == "tool")
        yield turn


# --- introductions --------------------------------------------------------------------------------

# System prompts that say what tools there are, and how to call them. Rows have the tools apart, and
# the chat template, or the form of `project/tool_rendering.py`, says it in the base's own words.

BEGIN, NEAR = "<tools>", 100  # characters behind it in which its content begins
HERMES = "You are provided with function signatures"
OF_GLAIVE = " with access to the following function"


def without_introduction(
    messages: list[Message],
) -> tuple[list[dict[str, Any]], list[Message]]:
    """The tools that the system prompt describes, and the messages without what it says of them.
    Where that cannot be read, all stays as it is.
    """
    if not messages or messages[0].role != "system":
        return [], messages
    prompt = messages[0].content
    before, told, behind = introduction(prompt)
    tools = objects_in_a_row(told)
    if not tools:
        return [], messages
    rest = f"{before}{behind}".strip()
    first = [messages[0].model_copy(update={"content": rest})] if rest else []
    return list(tools_in(tools)), [*first, *messages[1:]]


def introduction(text: str) -> tuple[str, str, str]:
    """A system prompt up to where it speaks of tools, what it says they are, and what follows."""
    at = text.find(BEGIN)
    while at >= 0:
        start = at + len(BEGIN)
        if text[start : start + NEAR].lstrip()[:1] in ("[", "{"):
            told, end, behind = text[start:].partition("</tools>")
            if not end:
                break
            first = text.find(HERMES, 0, at)
            if first >= 0:  # it goes on with how a call is written
                return text[:first], told.strip(), behind.rpartition("</tool_call>")[2]
            return text[:at], told.strip(), behind
        at = text.find(BEGIN, start)
    before, mark, behind = text.partition(OF_GLAIVE)
    _, brace, told = behind.partition("{")
    return (f"{before}.", f"{brace}{told}".strip(), "") if mark and brace else (text, "", "")


def objects_in_a_row(text: str) -> list[Any]:
    """A list in JSON or as Python prints it, or objects one behind the other; else nothing."""
    if isinstance(whole := parsed(text), list):
        return whole
    values, at, decoder = list[Any](), 0, json.JSONDecoder()
    while at < len(text):
        try:
            value, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            return [whole] if isinstance(whole, dict) else []
        values.append(value)
        while at < len(text) and text[at] in " \t\r\n,":
            at += 1
    return values


# --- glaive ---------------------------------------------------------------------------------------

MARK = re.compile(r"(?<![^\s>])(SYSTEM|USER|ASSISTANT|FUNCTION RESPONSE):")
WHO = {"SYSTEM": "system", "USER": "user", "ASSISTANT": "assistant", "FUNCTION RESPONSE": "tool"}
ENDED = "<|endoftext|>"
FUNCTION_CALL = "<functioncall>"


def is_glaive(text: str) -> bool:
    begins = text.lstrip().startswith(("SYSTEM:", "USER:"))
    return begins and (FUNCTION_CALL in text or ENDED in text)


def glaive_turns(text: str) -> list[Turn]:
    """Raises ValueError."""
    parts = MARK.split(text)
    if parts[0].strip():
        raise ValueError("has text before its first turn")
    turns: list[Turn] = []
    for who, told in zip(parts[1::2], parts[2::2], strict=True):
        content, *calls = told.replace(ENDED, "").split(FUNCTION_CALL)
        turn: Turn = {"role": WHO[who], "content": content.strip()}
        if calls:
            called = [call for written in calls for call in calls_in(written.strip())]
            turn["tool_calls"] = [call.model_dump() for call in called]
        turns.append(turn)
    return turns
