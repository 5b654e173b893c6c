"""What of a row is read as prose: its question, and texts without code or quotations."""

import re
from collections.abc import Callable, Iterable

from project.records.data import Row

# Fenced code, also where the fence is not closed; indented blocks; and code within a line.
FENCED = re.compile(r"```.*?(?:```|\Z)|~~~.*?(?:~~~|\Z)", re.S)
INLINE = re.compile(r"`[^`\n]{1,300}`")
INDENTED = re.compile(r"^(?: {4}|\t).*$", re.M)
# Between quotation marks on one line. An apostrophe within a word opens and closes nothing.
DOUBLE = re.compile(r'"[^"\n]{0,400}"|“[^”\n]{0,400}”')
SINGLE = re.compile(r"(?<!\w)'[^'\n]{0,200}'(?!\w)")
# What hardly stands in prose; two of them make a text code that nobody fenced.
CODE = re.compile(
    r"^\s*(?:def |class |import |from \w+ import |#include|public |function |const |let |var "
    r"|return\b|SELECT |<\?php|package |using |>>> |\$ )|[;{]\s*$|\w\(\)|=>|[=!]=|\bprintf?\(",
    re.M,
)


def asked(row: Row) -> str:
    """The last that is said before the answer: the question itself."""
    return row.prompt[-1].content


def without_code(text: str) -> str:
    """A text less its code, as far as marks say what is code."""
    if "`" in text or "~~~" in text:
        text = INLINE.sub(" ", FENCED.sub(" ", text))
    return INDENTED.sub(" ", text) if "\n    " in text or "\t" in text else text


def without_quotations(text: str) -> str:
    """A text less what stands between quotation marks; marks around all of it do not count."""
    if len(text) > 2 and text[0] == text[-1] and text[0] in "\"'":
        text = text[1:-1]
    return SINGLE.sub(" ", DOUBLE.sub(" ", text))


def is_code(text: str) -> bool:
    """Whether a text without fences is code, for the most part or in part."""
    return len(CODE.findall(text[:4_000])) > 1


def in_either(row: Row, fault: Callable[[str], str | None]) -> str | None:
    """What is wrong with a text of the row, the answer first."""
    return fault(row.completion_text) or fault(row.prompt_text)


def holds(text: str, hints: Iterable[str]) -> bool:
    return any(map(text.__contains__, hints))
