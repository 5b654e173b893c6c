"""A value put into a YAML file, or an item into a list of it, with every other byte as it was.

ruamel.yaml keeps comments too, but not spaces and line breaks; and what it adds to a section goes
behind the blank line and the comment that lead to the next one.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from textwrap import indent
from typing import Any

import yaml

from project.errors import InputError

INDENT = 2  # of a new section
Node = Any  # of PyYAML, whose types say too little; None: the file holds nothing


def with_value(text: str, path: Sequence[str], value: Any) -> str:
    """The text with a value at a path of keys: in the old one's place, or behind its neighbours.

    A comment beside an old value stays. Anchors are not followed: the caller checks what came out.
    """
    key, old, left = deepest(yaml.compose(text, Loader=yaml.SafeLoader), path)
    if not left:
        return replaced(text, key, old, written(value))
    lines = below(left[:-1], f"{left[-1]}: {written(value)}\n")
    if isinstance(old, yaml.MappingNode):
        return grown(text, old, lines, in_braces(left, written(value)))
    return filled(text, key, old, lines)


def with_items(text: str, items: Iterable[tuple[Sequence[str], Any]], file: Path) -> str:
    """The text of a file with more items, each in the list at its path. Raises InputError where it
    is laid out so that a program cannot.
    """
    for path, item in items:
        new = with_item(text, path, item)
        if new is None:
            problem = "is written so that nothing can be added to it: add by hand\n"
            raise InputError(problem + indent(item_lines(path, item), "  "), file=file)
        text = new
    return text


def with_item(text: str, path: Sequence[str], item: Any) -> str | None:
    """The text with one more item in the list at a path of keys; what is not there yet is made.

    None where the text is laid out so that this would say something else.
    """
    key, old, left = deepest(yaml.compose(text, Loader=yaml.SafeLoader), path)
    lines = item_lines(left, item)
    if isinstance(old, yaml.CollectionNode) and old.value:
        inner = written(item)
        new = grown(text, old, lines, in_braces(left, f"[{inner}]") if left else inner)
    else:
        new = filled(text, key, old, lines)
    try:
        same = yaml.safe_load(new) == item_added(yaml.safe_load(text), path, item)
    except yaml.YAMLError:
        return None
    return new if same else None


def written(value: Any) -> str:
    """The value on one line, and a number so that every YAML reads it as one: without an
    exponent.
    """
    if isinstance(value, float):
        return f"{Decimal(repr(value)):f}".removesuffix(".0")
    text = yaml.safe_dump([value], default_flow_style=True, allow_unicode=True, width=float("inf"))
    return text.strip()[1:-1]


class Indented(yaml.SafeDumper):
    """Lists stand further in than their key."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def item_lines(path: Sequence[str], item: Any) -> str:
    """An item on lines of its own, below the keys that are not there yet."""
    dumped = yaml.dump([item], Dumper=Indented, sort_keys=False, allow_unicode=True, width=96)
    return below(path, dumped)


# --- nodes of the YAML, and text put between them -------------------------------------------------


def deepest(root: Node, path: Sequence[str]) -> tuple[Node, Node, Sequence[str]]:
    """The key and the value that the path leads to as far as there are such keys, and the keys that
    are missing.
    """
    key, value = None, root
    for depth, step in enumerate(path):
        inner = value.value if isinstance(value, yaml.MappingNode) else []
        match = next((pair for pair in inner if pair[0].value == step), None)
        if match is None:
            return key, value, path[depth:]
        key, value = match
    return key, value, ()


def item_added(value: Any, path: Sequence[str], item: Any) -> Any:
    """The value that a text with one more item must have."""
    if not path:
        return [*(value or ()), item]
    value = value or {}
    return value | {path[0]: item_added(value.get(path[0]), path[1:], item)}


def below(path: Sequence[str], lines: str) -> str:
    for key in reversed(path):
        lines = f"{key}:\n{indent(lines, ' ' * INDENT)}"
    return lines


def in_braces(path: Sequence[str], inner: str) -> str:
    for key in reversed(path[1:]):
        inner = f"{{{key}: {inner}}}"
    return f"{path[0]}: {inner}"


def replaced(text: str, key: Node, old: Node, new: str) -> str:
    """A value that begins on another line than its key moves up to it."""
    own_line = old.start_mark.line == key.end_mark.line
    start = old.start_mark.index if own_line else text.index(":", key.end_mark.index) + 1
    space = "" if own_line and old.start_mark.index > key.end_mark.index + 1 else " "
    return text[:start] + space + new + text[end_of(old) :]


def grown(text: str, old: Node, lines: str, inner: str) -> str:
    """The text with lines below the last value of a list or section, or within its brackets."""
    if old.flow_style:
        place = end_of(old.value[-1]) if old.value else old.start_mark.index + 1
        return f"{text[:place]}{', ' if old.value else ''}{inner}{text[place:]}"
    first = old.value[0][0] if isinstance(old, yaml.MappingNode) else old
    return inserted(text, after_line(text, end_of(old)), lines, first.start_mark.column)


def filled(text: str, key: Node, old: Node, lines: str) -> str:
    """The text with lines below a key without a value, or at the end of a file that holds
    nothing.
    """
    if old is None:
        return inserted(text, len(text), lines, 0)
    before = text[: old.start_mark.index].rstrip(" ")
    text = before + text[end_of(old) :]
    place = after_line(text, key.end_mark.index if key else len(before))
    return inserted(text, place, lines, key.start_mark.column + INDENT if key else 0)


def inserted(text: str, place: int, lines: str, column: int) -> str:
    """The text with lines that begin at a column, and end as those of the file do."""
    end = "\r\n" if "\r\n" in text else "\n"
    before = text[:place] if text[:place].endswith("\n") or not place else text[:place] + end
    return before + indent(lines, " " * column).replace("\n", end) + text[place:]


def end_of(node: Node) -> int:
    """Where a node's last value ends: a block's own mark stands behind the comments below it."""
    if isinstance(node, tuple):  # a key and its value
        return end_of(node[1])
    if isinstance(node, yaml.CollectionNode) and node.value and not node.flow_style:
        return end_of(node.value[-1])
    return int(node.end_mark.index)


def after_line(text: str, place: int) -> int:
    """Where the line that a place is on ends, its line end included."""
    if place and text[place - 1] == "\n":
        return place
    return text.find("\n", place) + 1 or len(text)
