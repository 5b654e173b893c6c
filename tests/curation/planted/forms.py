"""How a planted defect is written down: lines of a file, of which some have the defect."""

from dataclasses import dataclass
from typing import Any

Fields = dict[str, Any]

MAIN = "main.jsonl"


@dataclass(frozen=True)
class Line:
    """A line of an import, yet without its id."""

    fields: Fields
    planted: bool = True  # else it is a clean partner, such as the row that another one repeats


@dataclass(frozen=True)
class Form:
    """One way in which a kind of defect is seen."""

    lines: tuple[Line, ...]
    file: str = MAIN
    one_id: bool = False  # all lines have the same id


def asks(prompt: str, completion: str, **more: Any) -> Form:
    """A row that has the defect by itself."""
    return beside(pair(prompt, completion, **more))


def talks(*turns: tuple[str, str]) -> Form:
    """A conversation that has the defect: roles and contents."""
    messages = [{"role": role, "content": content} for role, content in turns]
    return beside(Line({"messages": messages}))


def beside(*lines: Line, **more: Any) -> Form:
    """Lines whose defect shows beside each other."""
    return Form(lines, **more)


def pair(prompt: str, completion: str, *, planted: bool = True, **more: Any) -> Line:
    return Line({"prompt": prompt, "completion": completion, **more}, planted)


def clean(prompt: str, completion: str, **more: Any) -> Line:
    """A row that is as it should be, beside a planted one."""
    return pair(prompt, completion, planted=False, **more)


Forms = dict[str, tuple[Form, ...]]  # by the kind
