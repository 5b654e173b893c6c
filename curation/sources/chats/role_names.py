"""Who speaks in a conversation, by names that somebody gave: LLM is the assistant."""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from curation.sources.chats.chat_shapes import SPEAKERS, parsed
from curation.sources.chats.marked_turns import NUMBER, TIME
from curation.sources.chats.turns import ROLES, Role

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
        return [with_roles(one, names) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        key: role_or_value(one, names) if key in SPEAKERS else with_roles(one, names)
        for key, one in value.items()
    }


def role_or_value(value: Any, names: RoleNames) -> Any:
    if isinstance(value, str):
        return names.get(value.strip().casefold(), value)
    return with_roles(value, names)


def text_with_roles(text: str, names: RoleNames) -> str:
    """Only a text that somebody of these names, or of the usual ones, begins: in others a name
    before a colon is a word of an answer.
    """
    if not names:
        return text
    if not mark_of((*ROLES, *names)).match(text.lstrip()):
        return text
    return mark_of(tuple(names)).sub(lambda found: f"{found[1]}{names[found[2].casefold()]}", text)


@cache
def mark_of(names: tuple[str, ...]) -> re.Pattern[str]:
    """What stands before a turn's words: a time or the like, then a name of these."""
    words = "|".join(sorted(map(re.escape, names), key=len, reverse=True))
    mark = rf"^([ \t]*{TIME}(?:\*\*|<)?)({words})(?=(?:\*\*|>)?[ \t]*{NUMBER}[:：])"
    return re.compile(mark, re.I | re.M)
