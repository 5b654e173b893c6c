"""The generated part of docs/reference/commands.md: all that `incumbent --help` shows, by verb."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from docs.extension.tables import anchored, table
from incumbent.cli import app as incumbent
from incumbent.command_tree import every_verb
from incumbent.options import LARGEST

KINDS = {
    "str": "text",
    "int": "whole number",
    "float": "number",
    "Path": "path",
    "str,str": "two texts",
    "%Y-%m-%d": "date, as 2026-03-31",
}
HEAD = ("argument or option", "value", "default", "what it is for")


def verb_lines() -> Iterator[str]:
    """A section for each verb."""
    for name, command in commands():
        shown = [one for one in command.params if not one.hidden]
        yield from (f"### `{name}`", "", command.help or "", "")
        yield from ("```text", usage_of(name, shown), "```", "")
        if shown:
            yield from (*table(HEAD, [row_of(verb_anchor(name), one) for one in shown]), "")


def verb_anchor(name: str) -> str:
    """As a heading has it: `incumbent registry show` is at incumbent-registry-show."""
    return name.replace(" ", "-")


def row_of(verb: str, parameter: Any) -> tuple[str, str, str, str]:
    anchor = f"{verb}{parameter.opts[0]}" if is_option(parameter) else f"{verb}.{parameter.name}"
    name = anchored(label(parameter), anchor)
    return name, value_of(parameter), default_of(parameter), parameter.help or ""


def commands() -> Iterator[tuple[str, Any]]:
    """Every verb by its whole name, in the order of the help."""
    for name, command in every_verb(incumbent):
        yield f"incumbent {name}", command


def usage_of(name: str, shown: Sequence[Any]) -> str:
    options = ["[OPTIONS]"] if any(map(is_option, shown)) else []
    return " ".join([name, *options, *(used(one) for one in shown if not is_option(one))])


def used(argument: Any) -> str:
    """As `--help` has it: in brackets what can be left out, with dots what can be several."""
    word = f"{label(argument)}…" if argument.nargs == -1 else label(argument)
    return word if argument.required else f"[{word}]"


def is_option(parameter: Any) -> bool:
    return parameter.param_type_name == "option"


def label(parameter: Any) -> str:
    return ", ".join(parameter.opts) if is_option(parameter) else parameter.name.upper()


def value_of(parameter: Any) -> str:
    """What it takes: a type or the words to choose from, its limits, and whether it can repeat."""
    if getattr(parameter, "is_flag", False):
        return ""
    found = parameter.display_type(None).strip("<>").removesuffix(" range")
    inner = found.removeprefix("list[").removesuffix("]")
    kind = KINDS.get(inner, inner.replace("|", ", "))
    limits = [
        f"{sign} {bound}"
        for sign, bound in (("≥", parameter.min), ("≤", parameter.max))
        if bound not in (None, LARGEST)
    ]
    several = ["(can be repeated)"] if parameter.multiple or parameter.nargs == -1 else []
    return " ".join([kind, *limits, *several])


def default_of(parameter: Any) -> str:
    if parameter.required:
        return "required"
    if parameter.default in (None, False):
        return ""
    return f"`{json.dumps(parameter.default, ensure_ascii=False, default=str)}`"
