"""The directive `commands-reference`: all that `incumbent --help` shows, verb by verb."""

import json
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from docs.extension.tables import Line, own_link, section, table
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


class CommandsReference(SphinxDirective):
    """A section for each verb."""

    has_content: ClassVar[bool] = False

    def run(self) -> list[nodes.Node]:
        return [self.section_of(name, command) for name, command in commands()]

    def section_of(self, name: str, command: Any) -> nodes.section:
        anchor = name.replace(" ", "-")
        domain = self.env.domains.standard_domain
        domain.note_object("command", name, anchor, location=self.get_location())
        shown = [one for one in command.params if not one.hidden]
        usage = usage_of(name, shown)
        own = section(name, anchor, self.paragraph(command.help or ""))
        own += nodes.literal_block(usage, usage, language="text")
        if shown:
            own += table(HEAD, [self.line_of(anchor, one) for one in shown])
        return own

    def line_of(self, verb: str, parameter: Any) -> Line:
        anchor = (
            f"{verb}{parameter.opts[0]}" if is_option(parameter) else f"{verb}.{parameter.name}"
        )
        name = [own_link(label(parameter), anchor)]
        value = [nodes.Text(value_of(parameter))]
        return Line((name, value, default_of(parameter), self.inline(parameter.help or "")), anchor)

    def paragraph(self, text: str) -> nodes.paragraph:
        return nodes.paragraph("", "", *self.inline(text))

    def inline(self, text: str) -> list[nodes.Node]:
        return self.parse_inline(text, lineno=self.lineno)[0]


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


def default_of(parameter: Any) -> list[nodes.Node]:
    if parameter.required:
        return [nodes.Text("required")]
    if parameter.default in (None, False):
        return []
    return [nodes.literal("", json.dumps(parameter.default, ensure_ascii=False, default=str))]


def setup(app: Sphinx) -> None:
    app.add_crossref_type("command", "command")
    app.add_directive("commands-reference", CommandsReference)
