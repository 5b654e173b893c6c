"""One more item in a list of a YAML file, with all else as its authors wrote it, comments too."""

from collections.abc import Sequence
from textwrap import indent
from typing import Any

import yaml

from project.settings import child

NULL = "tag:yaml.org,2002:null"


def added(text: str, keys: Sequence[str], item: Any) -> str | None:
    """The text with one more item in the list below some keys; what is not there yet is made.

    None where the text is laid out so that this would say something else.
    """
    new = grown(text, yaml.compose(text, yaml.SafeLoader), keys, item, column=0)
    try:
        same = yaml.safe_load(new) == with_item(yaml.safe_load(text), keys, item)
    except yaml.YAMLError:
        return None
    return new if same else None


def with_item(value: Any, keys: Sequence[str], item: Any) -> Any:
    """The value that the new text must have."""
    if not keys:
        return [*(value or ()), item]
    value = value or {}
    return value | {keys[0]: with_item(value.get(keys[0]), keys[1:], item)}


def grown(text: str, node: yaml.Node | None, keys: Sequence[str], item: Any, *, column: int) -> str:
    """The text with the item, which goes below a node; what an empty one holds has the column."""
    if node is None or node.tag == NULL or not node.value:
        return filled(text, node, block(keys, item, column))
    if keys and (inner := child(node, keys[0])):
        return grown(text, inner, keys[1:], item, column=node.start_mark.column + 2)
    if getattr(node, "flow_style", False):
        end = node.end_mark.index - 1  # the bracket
        return f"{text[:end]}, {flow(item)}{text[end:]}"
    end = last(node).end_mark
    lines = block(keys, item, node.start_mark.column)
    # A text of several lines ends where the next line begins.
    return inserted(text, next_line(text, end.index) if end.column else end.index, lines)


def filled(text: str, node: yaml.Node | None, lines: str) -> str:
    """The text with lines where nothing is, or an empty pair of brackets."""
    if node is None:
        return inserted(text, len(text), lines)
    start, end = node.start_mark.index, node.end_mark.index
    before = text[:start].rstrip(" ")
    text = before + text[end:]
    return inserted(text, next_line(text, len(before)), lines)


def inserted(text: str, at: int, lines: str) -> str:
    before = text[:at] if text[:at].endswith("\n") or not at else f"{text[:at]}\n"
    return before + lines + text[at:]


def next_line(text: str, index: int) -> int:
    return text.find("\n", index) + 1 or len(text)


def last(node: yaml.Node) -> yaml.Node:
    """The last value inside: a block's own end lies behind the comments that follow it."""
    if not isinstance(node, yaml.CollectionNode) or node.flow_style or not node.value:
        return node
    inner = node.value[-1]
    return last(inner[1] if isinstance(inner, tuple) else inner)


class Indented(yaml.SafeDumper):
    """Lists stand further in than their key."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def block(keys: Sequence[str], item: Any, column: int = 0) -> str:
    """An item on lines of its own, below the keys that are not there yet."""
    value: Any = [item]
    for key in reversed(keys):
        value = {key: value}
    lines = yaml.dump(value, Dumper=Indented, sort_keys=False, allow_unicode=True, width=96)
    return indent(lines, " " * column)


def flow(item: Any) -> str:
    text = yaml.safe_dump([item], default_flow_style=True, allow_unicode=True, width=1 << 30)
    return text.strip()[1:-1]
