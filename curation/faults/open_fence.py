"""Code fences that are not closed."""

import re

from project.records.data import Row

FENCE = re.compile(r"(?P<mark>`{3,}|~{3,})(?P<rest>[^\n]*)")


def open_fence(row: Row) -> str | None:
    every = (message.content for message in (*row.prompt, *row.completion))
    return "a code fence that is not closed" if any(map(is_open, every)) else None


def is_open(text: str) -> bool:
    """As people write fences: one may open inside a line too; what closes it ends a line."""
    if "```" not in text and "~~~" not in text:
        return False
    mark = ""
    for fence in FENCE.finditer(text):
        sign, rest = fence["mark"], fence["rest"].strip()
        if not mark:
            mark = "" if sign[:3] in rest or is_underline(text, fence) else sign
        elif sign[0] == mark[0] and len(sign) >= len(mark) and not rest:
            mark = ""
    return bool(mark)


def is_underline(text: str, fence: re.Match[str]) -> bool:
    """Whether a line of tildes, and nothing else, is as long as a title above it."""
    if fence["mark"][0] != "~" or fence["rest"].strip() or len(fence["mark"]) == 3:
        return False
    start = fence.start()
    above = text[max(0, start - 200) : start]
    return above.endswith("\n") and bool(above[:-1].rpartition("\n")[2].strip())
