"""HTML pages that are one file each: no script, font or picture from anywhere else."""

from functools import cache
from pathlib import Path
from typing import Any

import jinja2

SHARED = Path(__file__).parent / "templates"


def render(template: Path, **values: Any) -> str:
    """Fill in a template that extends page.html; every value is escaped."""
    return environment_of(template.parent).get_template(template.name).render(values)


@cache
def environment_of(folder: Path) -> jinja2.Environment:
    """Made once for each folder of templates: it keeps what it compiled, which takes a while."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader([folder, SHARED]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
