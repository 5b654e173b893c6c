"""A conversation, in whichever of the usual shapes a table holds it."""

import ast
import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from curation.sources.turns import (
    HEADINGS,
    NUMBER,
    ROLES,
    TIME,
    TOOLS_UNREAD,
    Role,
    joined,
    marked_turns,
    message,
    role_of,
)
from project.records.data import Message
from project.records.tool_calls import marked
from project.tool_rendering import INTRODUCTION
from project.untrusted_input import quoted

HOLDERS = ("messages", "conversations", "conversation", "dialogue", "dialog", "turns")
SPEAKERS = ("role", "from", "speaker", "author", "sender")
TEXTS = ("content", "value", "text", "message", "utterance", "body", "parts")
ORDER: dict[Role, int] = {"system": 0, "user": 1, "assistant": 2}  # of {input, output}
CALLS = ("tool_calls", "function_call")
TEXT_PARTS = frozenset({"text", "input_text", "output_text"})
PICTURE = re.compile(r"^\s*<(image|video|audio)>|<(image|video|audio)>\s*$")


def conversation(value: object) -> list[Message]:
    """The turns of a conversation, those of one side in one go joined by an empty line.

    It may be a list of turns (role and content, from and value, speaker and text), an object that
    holds one, JSON that does, or a text with marks that say who speaks. Raises ValueError that
    says why it cannot be read.
    """
    if not isinstance(value, str):
        turns = listed_turns(value)
    elif not value.strip():
        raise ValueError("is empty")
    elif value.lstrip()[0] in "[{" and (held := parsed(value)) is not None:
        turns = listed_turns(held)
    else:
        turns = marked_turns(value)
    if not turns:
        raise ValueError("has no turns")
    return joined(turns)


def parsed(text: str) -> Any:
    """The list or object that a text holds, in JSON or as Python prints it; None where it doesn't.

    Python's way comes from tables that were written to CSV with their lists.
    """
    for read in (json.loads, ast.literal_eval):
        try:
            value = read(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        return value if isinstance(value, list | dict) else None
    return None


def listed_turns(value: object) -> list[Message]:
    """The turns of a list, or of an object that holds one."""
    if isinstance(value, dict):
        name = next((name for name in HOLDERS if isinstance(value.get(name), list)), None)
        if name is None:
            raise ValueError(f"an object without {' or '.join(HOLDERS[:2])}")
        return listed_turns(value[name])
    if not isinstance(value, list):
        raise ValueError("is no conversation")
    return [turn for item in value for turn in turns_of(item)]


def turns_of(turn: object) -> list[Message]:
    """The turn that an item of a list is, or the two that it holds under the names of the two."""
    if not isinstance(turn, dict):
        raise ValueError("a list whose items do not say who speaks")
    if call := next((name for name in CALLS if turn.get(name)), None):
        raise ValueError(f"a turn calls a tool ({call}): {TOOLS_UNREAD}")
    both = sorted((name for name in turn if name in HEADINGS), key=lambda n: ORDER[HEADINGS[n]])
    if len(both) > 1 and not any(name in turn for name in SPEAKERS):
        return [message(HEADINGS[name], text_of(turn[name])) for name in both]
    return [message(role_of(speaker(turn)), words_of(turn))]


def speaker(turn: dict[str, Any]) -> str:
    for name in SPEAKERS:
        who = turn.get(name)
        if isinstance(who, dict):  # as in an export of one's own chats
            who = who.get("role")
        if isinstance(who, str):
            return who
    raise ValueError(f"a turn that does not say who speaks, with {quoted(sorted(turn))}")


def words_of(turn: dict[str, Any]) -> str:
    for name in TEXTS:
        if name in turn:
            return text_of(turn[name])
    raise ValueError(f"a turn without a text, with {quoted(sorted(turn))}")


def text_of(content: object) -> str:
    """A text, or the texts of a list of parts, joined by an empty line."""
    if content is None:
        return ""
    if isinstance(content, list):
        return "\n\n".join(part_of(part) for part in content)
    if isinstance(content, dict) and isinstance(content.get("parts"), list):
        return text_of(content["parts"])
    if not isinstance(content, str):
        raise ValueError(f"a turn whose content is no text: {quoted(content)}")
    if match := PICTURE.search(content):
        kind = match[1] or match[2]
        raise ValueError(f"a turn with <{kind}> in it: only texts are read")
    return content


def part_of(part: object) -> str:
    if isinstance(part, str):
        return text_of(part)
    if isinstance(part, dict):
        kind = part.get("type", "text")
        text = part.get("text", part.get("value"))
        if kind in TEXT_PARTS and isinstance(text, str):
            return text_of(text)
        raise ValueError(f"a turn with a part of type {quoted(kind)}: only texts are read")
    raise ValueError("a turn whose content has a part that is no text")


# --- tool turns -----------------------------------------------------------------------------------

# Conversations with tools as conversations of texts, in the form that many bases' templates show.
#
# A call is what the assistant writes, `<tool_call>` with a name and arguments in JSON. Its result
# is a turn of the user, in `<tool_response>`. What tools there are stands in the system prompt.

Turn = dict[str, Any]

# Who speaks, in ShareGPT's words and in those of message lists.
CALLERS = ("function_call", "tool_call", "tool_calls")
ANSWERERS = ("observation", "tool", "function", "tool_response", "tool_result", "ipython")
TOOLS = ("tools", "functions")  # where a conversation's object says what tools there are


def with_tools_as_text(value: object, tools: object = None) -> object:
    """A conversation without turns of tools; what is no list of turns stays as it is.

    `tools` is the list of their descriptions, or JSON that holds one, where it stands beside the
    conversation. Raises ValueError for a call that is not in one of the usual forms.
    """
    chat = parsed(value) if isinstance(value, str) else value
    if isinstance(chat, dict):
        tools = tools or next((chat[name] for name in TOOLS if chat.get(name)), None)
        chat = next((chat[name] for name in HOLDERS if isinstance(chat.get(name), list)), None)
    if not isinstance(chat, list) or not all(isinstance(turn, dict) for turn in chat):
        return value
    turns = [as_text(turn) for turn in chat]
    return with_introduction(turns, described(tools)) if tools else turns


def as_text(turn: Turn) -> Turn:
    who = speaker_of(turn)
    if who in ANSWERERS:
        return {"role": "user", "content": marked("tool_response", as_json(turn_content(turn)))}
    if who in CALLERS:
        return {"role": "assistant", "content": calls_text(turn_content(turn))}
    calls = turn.get("tool_calls") or turn.get("function_call")
    if not calls:
        return turn
    texts = [as_json(turn_content(turn)), calls_text(calls)]
    return {"role": "assistant", "content": "\n".join(filter(None, texts))}


def speaker_of(turn: Turn) -> str:
    who = next((turn[name] for name in SPEAKERS if isinstance(turn.get(name), str)), "")
    return str(who).strip().casefold()


def turn_content(turn: Turn) -> object:
    """What stands for its text; nothing in a turn that only calls."""
    return next((turn[name] for name in TEXTS if turn.get(name) is not None), "")


def as_json(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def calls_text(calls: object) -> str:
    """One call, or several: objects, or JSON that holds them. Raises ValueError."""
    if isinstance(calls, str):
        if "<tool_call>" in calls:
            return calls
        calls = json_of(calls, "a tool call that is no JSON")
    several = calls if isinstance(calls, list) else [calls]
    return "\n".join(marked("tool_call", call_text(call)) for call in several)


def call_text(call: object) -> str:
    inner = call.get("function", call) if isinstance(call, dict) else None
    if not isinstance(inner, dict) or not isinstance(inner.get("name"), str):
        raise ValueError(f"a tool call without a name: {quoted(call)}")
    arguments = inner.get("arguments", inner.get("parameters", {}))
    if isinstance(arguments, str):
        arguments = json_of(arguments or "{}", "a tool call whose arguments are no JSON")
    return as_json({"name": inner["name"], "arguments": arguments})


def json_of(text: str, problem: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError(f"{problem}: {quoted(text)}") from None


def described(tools: object) -> list[str]:
    """The description of each tool, as JSON. Raises ValueError."""
    listed = json_of(tools, "tools that are no JSON") if isinstance(tools, str) else tools
    if not isinstance(listed, list):
        raise ValueError(f"tools that are no list: {quoted(listed)}")
    return [as_json(tool) for tool in listed]


def with_introduction(turns: list[Turn], tools: list[str]) -> list[Turn]:
    """The turns, with the tools in the system prompt, behind what it says."""
    if not tools:
        return turns
    text = INTRODUCTION.format("\n".join(tools))
    if turns and ROLES.get(speaker_of(turns[0])) == "system":
        prompt = as_json(turn_content(turns[0]))
        return [{"role": "system", "content": f"{prompt}\n\n{text}".strip()}, *turns[1:]]
    return [{"role": "system", "content": text}, *turns]


# --- role names -----------------------------------------------------------------------------------

# Who speaks in a conversation, by names that somebody gave: LLM is the assistant.

RoleNames = Mapping[str, Role]  # by the name in lower case


def with_roles(value: Any, names: RoleNames) -> Any:
    """The value with plain roles in place of these names: in turns, wherever it holds some, and at
    the beginnings of the lines of a text that begins with one of them.
    """
    if not names:
        return value
    if isinstance(value, str):
        held = parsed(value) if value.lstrip()[:1] in ("[", "{") else None
        return text_with_roles(value, names) if held is None else with_roles(held, names)
    if isinstance(value, list):
        return [with_roles(element, names) for element in value]
    if not isinstance(value, dict):
        return value
    return {
        key: names.get(inner.strip().casefold(), inner)
        if key in SPEAKERS and isinstance(inner, str)
        else with_roles(inner, names)
        for key, inner in value.items()
    }


def text_with_roles(text: str, names: RoleNames) -> str:
    """Only a text that somebody of these names, or of the usual ones, begins: in others a name
    before a colon is a word of an answer.
    """
    if not names:
        return text
    if not mark_of((*ROLES, *names)).match(text.lstrip()):
        return text
    return mark_of(tuple(names)).sub(lambda match: f"{match[1]}{names[match[2].casefold()]}", text)


@cache
def mark_of(names: tuple[str, ...]) -> re.Pattern[str]:
    """What stands before a turn's words: a time or the like, then a name of these."""
    words = "|".join(sorted(map(re.escape, names), key=len, reverse=True))
    mark = rf"^([ \t]*{TIME}(?:\*\*|<)?)({words})(?=(?:\*\*|>)?[ \t]*{NUMBER}[:：])"
    return re.compile(mark, re.I | re.M)
