"""Turns of a chat as models are sent them, and answers as models give them, as plain text."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from math import isfinite

from project.canonical import moment

# --- values ---------------------------------------------------------------------------------------

# Reading of JSON values of which nothing is known: fields, moments, and texts in texts.

Fields = Mapping[str, object]
# Powers of ten by which a count of seconds, of milliseconds, … and of nanoseconds is told apart.
UNITS = ((1e11, 1.0), (1e14, 1e3), (1e17, 1e6), (float("inf"), 1e9))


class UnfitRecordError(ValueError):
    """Why a record of a known log is no row: a few words that name the field."""


def fields_of(value: object) -> Fields:
    """An object as it is; none where it is something else."""
    return value if isinstance(value, dict) else {}


def first(record: object, *names: str) -> object:
    """The first of these fields that has a value; `a.b` is a field of a field."""
    for name in names:
        value = record
        for part in name.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        if value not in (None, "", [], {}):
            return value
    return None


def required(record: object, *names: str) -> object:
    """The same. Raises UnfitRecordError where none has a value."""
    value = first(record, *names)
    if value is None:
        raise UnfitRecordError(f"no {names[0]}")
    return value


def name_in(record: object, *names: str) -> str | None:
    """A text or number that names somebody or something."""
    value = first(record, *names)
    named = isinstance(value, str | int | float) and not isinstance(value, bool)
    return str(value) if named else None


def unpacked(value: object) -> object:
    """A value that may stand as JSON within a text."""
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value


def moment_in(record: object, *names: str) -> str:
    """A moment of a text or a number since 1970, UTC without a zone. Raises UnfitRecordError."""
    value = required(record, *names)
    try:
        return moment_of(value)
    except (ValueError, OverflowError, OSError):
        raise UnfitRecordError(f"bad {names[0]}") from None


def moment_of(value: object) -> str:
    if isinstance(value, str) and not is_number(value):
        text = value.strip().replace(" ", "T", 1).replace(" UTC", "Z")
        time = datetime.fromisoformat(text.upper())
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).isoformat()
    return moment(datetime.fromtimestamp(seconds_of(value), UTC).isoformat())


def seconds_of(value: object) -> float:
    """Since 1970, whatever the unit is. Raises ValueError for what is no number."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError("no number")
    number = float(value)
    if not isfinite(number) or number < 0:
        raise ValueError("no moment")
    return number / next(per_second for bound, per_second in UNITS if number < bound)


def is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def milliseconds(start: object, end: object) -> float | None:
    """Between two moments; None where one is not told."""
    try:
        took = datetime.fromisoformat(moment_of(end)) - datetime.fromisoformat(moment_of(start))
    except (ValueError, TypeError, OverflowError, OSError):
        return None
    return max(took.total_seconds() * 1000, 0.0)


def items(value: object) -> Iterator[Fields]:
    if isinstance(value, list | tuple):
        yield from (item for item in value if isinstance(item, dict))


# --- chat -----------------------------------------------------------------------------------------

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
    """Of a text or a list of messages, maybe as JSON in a text. Raises UnfitRecordError."""
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
        raise UnfitRecordError("bad messages")
    if len(value) == 1 and isinstance(value[0], list):  # LangChain's batch of one
        value = value[0]
    if not value:
        raise UnfitRecordError("no messages")
    return [turn_of(message) for message in value]


def turn_of(message: object) -> Turn:
    if not isinstance(message, dict):
        raise UnfitRecordError("bad messages")
    role = str(first(message, "role", "type") or "").lower()
    if role in RESULTS:  # an item of OpenAI's Responses
        role = "tool"
    elif role in CALLS:
        return {"role": "assistant", "content": call_text(message)}
    if role not in ROLES:
        raise UnfitRecordError("bad messages")
    text = refuse_redacted(text_of(message))
    if role in TOOLS:
        name = first(message, "name", "tool_call_id")
        text = f"[tool {name}] {text}" if isinstance(name, str) else f"[tool] {text}"
    return {"role": ROLES[role], "content": text}


def refuse_redacted(text: str) -> str:
    """The text. Raises UnfitRecordError for what stands in place of one."""
    if text == REDACTED:
        raise UnfitRecordError("messages that LiteLLM redacted")
    return text


def answer_of(value: object) -> str:
    """Of a text, a message or an API's answer, maybe as JSON. Raises UnfitRecordError."""
    value = unpacked(value)
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        messages = [part for part in items(value) if first(part, "role", "type") != "reasoning"]
        return "\n".join(filter(None, map(answer_of, messages[:1] or value[:1])))
    if not isinstance(value, dict):
        raise UnfitRecordError("no response")
    choice = first(value, "choices")
    if isinstance(choice, list) and isinstance(choice[0], dict):
        return answer_of(first(choice[0], "message", "delta") or {"content": choice[0].get("text")})
    if isinstance(output := first(value, "output"), list):  # of OpenAI's Responses
        return "\n".join(filter(None, (text_of(part) for part in items(output))))
    if SAID - {"output"} & value.keys():
        return text_of(value)
    inside = first(value, "message", "text", "output", "answer", "response", "completion")
    if inside is None:
        raise UnfitRecordError("no response")
    return answer_of(inside)


def text_of(message: Fields) -> str:
    """What a message says; its calls of tools are named. Null says nothing, and is no fault."""
    if not SAID & message.keys():
        raise UnfitRecordError("bad messages")
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
        raise UnfitRecordError("bad messages")


def part_text(part: object) -> str:
    """A part that is no text is named: `[image]`."""
    if isinstance(part, str):
        return part
    if not isinstance(part, dict):
        raise UnfitRecordError("bad messages")
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
