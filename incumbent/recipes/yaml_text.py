"""A value put into the text of a YAML file, with every other byte as it was."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import yaml

INDENT = 2  # of a new section
Node = Any  # of PyYAML, whose types say too little; None: the file holds nothing


def with_value(text: str, path: Sequence[str], value: Any) -> str:
    """The text with a value at a path of keys: in the old one's place, or behind its neighbours.

    A comment beside an old value stays. Anchors are not followed: the caller checks what came out.
    """
    key, old, left = deepest(yaml.compose(text, Loader=yaml.SafeLoader), path)
    if not left:
        return replaced(text, key, old, written(value))
    if not isinstance(old, yaml.MappingNode):
        return under_nothing(text, key, old, left, value)
    if old.flow_style:
        return in_braces(text, old, left, value)
    return behind(text, old, left, value)


def deepest(root: Node, path: Sequence[str]) -> tuple[Node, Node, Sequence[str]]:
    """The key and the value that the path leads to as far as there are such keys, and the keys that
    are missing.
    """
    key, value = None, root
    for depth, step in enumerate(path):
        inner = value.value if isinstance(value, yaml.MappingNode) else []
        found = next((pair for pair in inner if pair[0].value == step), None)
        if found is None:
            return key, value, path[depth:]
        key, value = found
    return key, value, ()


def written(value: Any) -> str:
    """On one line, and a number so that every YAML reads it as one: without an exponent."""
    if isinstance(value, float):
        plain = f"{Decimal(repr(value)):f}"
        return plain.removesuffix(".0")
    text = yaml.safe_dump(value, default_flow_style=True, width=float("inf"))
    return text.removesuffix("\n").removesuffix("...").rstrip()


def replaced(text: str, key: Node, old: Node, new: str) -> str:
    """A value that begins on another line than its key moves up to it."""
    own_line = old.start_mark.line == key.end_mark.line
    start = old.start_mark.index if own_line else text.index(":", key.end_mark.index) + 1
    space = "" if own_line and old.start_mark.index > key.end_mark.index + 1 else " "
    return text[:start] + space + new + text[end_of(old) :]


def under_nothing(text: str, key: Node, old: Node, path: Sequence[str], value: Any) -> str:
    """Below a key without a value, or at the end of a file that holds nothing."""
    if key is None:
        return with_line_end(text) + block(path, value, 0, end(text))
    cut = text[: old.start_mark.index].rstrip(" ") + text[end_of(old) :]
    place = after_line(cut, key.end_mark.index)
    lines = block(path, value, key.start_mark.column + INDENT, end(text))
    return with_line_end(cut[:place]) + lines + cut[place:]


def in_braces(text: str, mapping: Node, path: Sequence[str], value: Any) -> str:
    """Before the closing brace."""
    inner = written(value)
    for step in reversed(path[1:]):
        inner = f"{{{step}: {inner}}}"
    place = end_of(mapping.value[-1][1]) if mapping.value else mapping.start_mark.index + 1
    comma = ", " if mapping.value else ""
    return f"{text[:place]}{comma}{path[0]}: {inner}{text[place:]}"


def behind(text: str, mapping: Node, path: Sequence[str], value: Any) -> str:
    """On lines of its own, below the mapping's last value."""
    place = after_line(text, end_of(mapping))
    lines = block(path, value, mapping.value[0][0].start_mark.column, end(text))
    return with_line_end(text[:place]) + lines + text[place:]


def block(path: Sequence[str], value: Any, column: int, line_end: str) -> str:
    *sections, key = path
    margins = [" " * (column + INDENT * depth) for depth in range(len(path))]
    lines = [f"{margin}{step}:" for margin, step in zip(margins, sections, strict=False)]
    return "".join(line + line_end for line in [*lines, f"{margins[-1]}{key}: {written(value)}"])


def end_of(node: Node) -> int:
    """Where a node's last value ends: a block's own mark stands behind the comments below it."""
    if isinstance(node, yaml.CollectionNode) and node.value and not node.flow_style:
        last = node.value[-1]
        return end_of(last[1] if isinstance(last, tuple) else last)
    return int(node.end_mark.index)


def after_line(text: str, place: int) -> int:
    """Where the line that a place is on ends, its line end included."""
    if place and text[place - 1] == "\n":
        return place
    found = text.find("\n", place)
    return len(text) if found < 0 else found + 1


def end(text: str) -> str:
    """Of a line, as the file has it."""
    return "\r\n" if "\r\n" in text else "\n"


def with_line_end(text: str) -> str:
    return text if not text or text.endswith("\n") else text + end(text)
