"""A conversation, in whichever of the usual shapes a table holds it."""

import ast
import json
import re
from typing import Any

from curation.sources.chats.chat_markers import HEADINGS, marked_turns
from curation.sources.chats.turns import TOOLS_UNREAD, Role, joined, message, role_of
from project.records.data import Message
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
    turns = marked_or_json(value) if isinstance(value, str) else listed(value)
    if not turns:
        raise ValueError("has no turns")
    return joined(turns)


def marked_or_json(text: str) -> list[Message]:
    if not text.strip():
        raise ValueError("is empty")
    if text.lstrip()[0] in "[{" and (value := parsed(text)) is not None:
        return listed(value)
    return marked_turns(text)


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


def listed(value: object) -> list[Message]:
    """The turns of a list, or of an object that holds one."""
    if isinstance(value, dict):
        name = next((name for name in HOLDERS if isinstance(value.get(name), list)), None)
        if name is None:
            raise ValueError(f"an object without {' or '.join(HOLDERS[:2])}")
        return listed(value[name])
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
    if found := PICTURE.search(content):
        kind = found[1] or found[2]
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
