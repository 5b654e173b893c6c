"""Turns of a chat as models are sent them, and answers as models give them, as plain text."""

import json
from collections.abc import Iterator

from monitoring.traffic.formats.values import Fields, UnfitError, first, items, unpacked

Turn = dict[str, str]
# A tool's result is not what the user wrote: as an instruction it stays told apart, and a row that
# a person labels still is a chat of the three roles that there are.
ROLES = {
    "system": "system",
    "developer": "system",
    "tool": "system",
    "function": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "ai": "assistant",
    "model": "assistant",
}
TOOLS = ("tool", "function")
SAID = frozenset({"content", "parts", "output", "tool_calls", "function_call"})
TEXTS = ("text", "content", "input_text", "output_text", "refusal", "thinking", "reasoning")
NOT_SAID = frozenset({"thinking", "reasoning", "redacted_thinking", "server_tool_call"})
CALLS = frozenset({"tool_call", "tool_use", "function_call"})
RESULTS = frozenset({"tool_call_response", "tool_result", "function_call_output"})
REDACTED = "redacted-by-litellm"  # in place of each text, also in logs that it sends to other tools


def prompt_of(value: object) -> str | list[Turn]:
    """Of a text, or a list of messages, which may stand as JSON in a text.

    Raises UnfitError where nothing was asked, or a message is none.
    """
    value = unpacked(value)
    if isinstance(value, str):
        return refuse_redacted(value)
    if isinstance(value, dict):
        inside = first(value, "messages", "prompt", "input", "query", "question", "text", "content")
        if inside is None or "role" in value:
            return turns_of([value])
        return prompt_of(inside)
    if isinstance(value, list) and value and all(isinstance(part, str) for part in value):
        return "\n".join(value)
    return turns_of(value)


def turns_of(value: object) -> list[Turn]:
    if not isinstance(value, list):
        raise UnfitError("bad messages")
    if len(value) == 1 and isinstance(value[0], list):  # LangChain's batch of one
        value = value[0]
    if not value:
        raise UnfitError("no messages")
    return [turn_of(message) for message in value]


def turn_of(message: object) -> Turn:
    if not isinstance(message, dict):
        raise UnfitError("bad messages")
    said = str(first(message, "role", "type") or "").lower()
    if said in RESULTS:  # an item of OpenAI's Responses
        said = "tool"
    elif said in CALLS:
        return {"role": "assistant", "content": call_text(message)}
    if said not in ROLES:
        raise UnfitError("bad messages")
    text = refuse_redacted(text_of(message))
    if said in TOOLS:
        name = first(message, "name", "tool_call_id")
        text = f"[tool {name}] {text}" if isinstance(name, str) else f"[tool] {text}"
    return {"role": ROLES[said], "content": text}


def refuse_redacted(text: str) -> str:
    """The text. Raises UnfitError for what stands in place of one."""
    if text == REDACTED:
        raise UnfitError("messages that LiteLLM redacted")
    return text


def answer_of(value: object) -> str:
    """The text of an answer: a text, a message, or what an API answered, maybe as JSON in a text.

    Raises UnfitError where there is none.
    """
    value = unpacked(value)
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        messages = [part for part in items(value) if first(part, "role", "type") != "reasoning"]
        return "\n".join(filter(None, map(answer_of, messages[:1] or value[:1])))
    if not isinstance(value, dict):
        raise UnfitError("no response")
    choice = first(value, "choices")
    if isinstance(choice, list) and isinstance(choice[0], dict):
        return answer_of(first(choice[0], "message", "delta") or {"content": choice[0].get("text")})
    if isinstance(output := first(value, "output"), list):  # of OpenAI's Responses
        return "\n".join(filter(None, (text_of(part) for part in items(output))))
    if SAID - {"output"} & value.keys():
        return text_of(value)
    inside = first(value, "message", "text", "output", "answer", "response", "completion")
    if inside is None:
        raise UnfitError("no response")
    return answer_of(inside)


def text_of(message: Fields) -> str:
    """What a message says; its calls of tools are named. Null says nothing, and is no fault."""
    if not SAID & message.keys():
        raise UnfitError("bad messages")
    content = message.get("content", message.get("parts", message.get("output")))
    texts = [*parts_of(content)]
    texts += [call_text(call) for call in items(message.get("tool_calls"))]
    if isinstance(call := message.get("function_call"), dict):
        texts.append(call_text(call))
    return "\n".join(filter(None, texts))


def parts_of(content: object) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    elif isinstance(content, list):
        yield from map(part_text, content)
    elif isinstance(content, dict):
        yield part_text(content)
    elif content is not None:
        raise UnfitError("bad messages")


def part_text(part: object) -> str:
    """A part that is no text is named: `[image]`."""
    if isinstance(part, str):
        return part
    if not isinstance(part, dict):
        raise UnfitError("bad messages")
    kind = str(part.get("type", "text"))
    if kind in NOT_SAID:
        return ""
    if kind in CALLS:
        return call_text(part)
    if kind in RESULTS:
        return f"[tool] {plain(first(part, 'result', 'response', 'content', 'output'))}"
    text = first(part, *TEXTS)
    if isinstance(text, str):
        return text
    if isinstance(text, dict) and isinstance(text.get("value"), str):
        return str(text["value"])
    named = kind if kind.isidentifier() else "part"
    return "" if kind == "text" else f"[{named.removeprefix('input_').removesuffix('_url')}]"


def call_text(call: Fields) -> str:
    """`[calls name(arguments)]`."""
    name = first(call, "function.name", "name") or "tool"
    arguments = first(call, "function.arguments", "arguments", "input")
    return f"[calls {name}({plain(arguments)})]"


def plain(value: object) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, list) and all(isinstance(part, dict | str) for part in value):
        return "\n".join(filter(None, map(part_text, value)))
    return json.dumps(value, ensure_ascii=False)
