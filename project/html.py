"""HTML pages that are one file each: no script, font or picture from anywhere else."""

from pathlib import Path
from typing import Any

import jinja2

SHARED = Path(__file__).parent / "templates"


def render(template: Path, **values: Any) -> str:
    """Fill in a template that extends page.html; every value is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([template.parent, SHARED]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template.name).render(values)
