"""Markdown from a template in which every value is escaped: a name cannot become markup."""

import json
import re
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from project.untrusted_input import one_line

SPECIAL = re.compile(r"[\\`*_\[\]<>|~#&!$]|:(?=//)|(?<=www)(?=\.)", re.IGNORECASE)
# At the start of a line: what makes a list, a rule or a heading.
BLOCK = re.compile(r"^(?=[-+](?!\d)|=)|^(\d+)(?=[.)](?!\d))")


def render_markdown(template: Path, **values: Any) -> str:
    """Fill in a template; only what is Markup already goes in as it is."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(template.parent),
        autoescape=False,  # that is for HTML; `finalize` does it for Markdown
        finalize=text,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"code": code, "literal": literal}
    filled = environment.get_template(template.name).render(values)
    return re.sub(r"\n{3,}", "\n\n", filled)


def text(value: object) -> Markup:
    """A value on one line that reads as it is written, anywhere in a paragraph or a table."""
    if isinstance(value, Markup):
        return value
    escaped = SPECIAL.sub(lambda found: "\\" + found[0], one_line(value))
    return Markup(BLOCK.sub(lambda found: found[0] + "\\", escaped))


def code(value: object) -> Markup:
    """A digest or a label as code; what could leave the backticks stays text."""
    plain = re.fullmatch(r"[\w .:/@-]+", str(value))
    return Markup(f"`{value}`") if plain else text(value)


def literal(value: str) -> Markup:
    """A Python string literal on one line of ASCII."""
    return Markup(json.dumps(value))
