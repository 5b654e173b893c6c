"""Conversations with tools as conversations of texts, in the form that many bases' templates show.

A call is what the assistant writes, `<tool_call>` with a name and arguments in JSON. Its result is
a turn of the user, in `<tool_response>`. What tools there are stands in the system prompt.
"""

import json
from typing import Any

from curation.sources.chats.chat_shapes import HOLDERS, SPEAKERS, TEXTS, parsed
from curation.sources.chats.turns import ROLES
from project.untrusted_input import quoted

Turn = dict[str, Any]

# Who speaks, in ShareGPT's words and in those of message lists.
CALLERS = ("function_call", "tool_call", "tool_calls")
ANSWERERS = ("observation", "tool", "function", "tool_response", "tool_result", "ipython")
TOOLS = ("tools", "functions")  # where a conversation's object says what tools there are
INTRODUCTION = (
    "You can call the tools that these JSON schemas describe:\n<tools>\n{}\n</tools>\n"
    "To call one, write its name and its arguments as JSON:\n"
    '<tool_call>\n{{"name": "…", "arguments": {{…}}}}\n</tool_call>'
)


def with_tools_as_text(value: object, tools: object = None) -> object:
    """A conversation without turns of tools; what is no list of turns stays as it is.

    `tools` is the list of their descriptions, or JSON that holds one, where it stands beside the
    conversation. Raises ValueError for a call that is not in one of the usual forms.
    """
    found = parsed(value) if isinstance(value, str) else value
    if isinstance(found, dict):
        tools = tools or next((found[name] for name in TOOLS if found.get(name)), None)
        found = next((found[name] for name in HOLDERS if isinstance(found.get(name), list)), None)
    if not isinstance(found, list) or not all(isinstance(turn, dict) for turn in found):
        return value
    turns = [as_text(turn) for turn in found]
    return with_introduction(turns, described(tools)) if tools else turns


def as_text(turn: Turn) -> Turn:
    who = speaker(turn)
    if who in ANSWERERS:
        return {"role": "user", "content": marked("tool_response", as_json(said_in(turn)))}
    if who in CALLERS:
        return {"role": "assistant", "content": calls_text(said_in(turn))}
    calls = turn.get("tool_calls") or turn.get("function_call")
    if not calls:
        return turn
    texts = [as_json(said_in(turn)), calls_text(calls)]
    return {"role": "assistant", "content": "\n".join(filter(None, texts))}


def speaker(turn: Turn) -> str:
    who = next((turn[name] for name in SPEAKERS if isinstance(turn.get(name), str)), "")
    return str(who).strip().casefold()


def said_in(turn: Turn) -> object:
    """What stands for its text; nothing in a turn that only calls."""
    return next((turn[name] for name in TEXTS if turn.get(name) is not None), "")


def as_json(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def marked(mark: str, text: str) -> str:
    return f"<{mark}>\n{text.strip()}\n</{mark}>"


def calls_text(calls: object) -> str:
    """One call, or several: objects, or JSON that holds them. Raises ValueError."""
    if isinstance(calls, str):
        if "<tool_call>" in calls:
            return calls
        calls = json_of(calls, "a tool call that is no JSON")
    found = calls if isinstance(calls, list) else [calls]
    return "\n".join(marked("tool_call", call_text(call)) for call in found)


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
    found = json_of(tools, "tools that are no JSON") if isinstance(tools, str) else tools
    if not isinstance(found, list):
        raise ValueError(f"tools that are no list: {quoted(found)}")
    return [as_json(one) for one in found]


def with_introduction(turns: list[Turn], tools: list[str]) -> list[Turn]:
    """The turns, with the tools in the system prompt, behind what it says."""
    if not tools:
        return turns
    text = INTRODUCTION.format("\n".join(tools))
    if turns and ROLES.get(speaker(turns[0])) == "system":
        said = as_json(said_in(turns[0]))
        return [{"role": "system", "content": f"{said}\n\n{text}".strip()}, *turns[1:]]
    return [{"role": "system", "content": text}, *turns]
