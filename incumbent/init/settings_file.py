"""The params.yaml and the README of a new project."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from curation.checks.waivers import add_contacts
from curation.curation_settings import Columns, ExportFields, FileSource
from incumbent.init.findings import Findings
from project.files import write_bytes
from project.model_pins import BaseChoice
from project.settings import PARAMS, SECTIONS, load

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Chosen:
    """All that the settings of a new project say."""

    family: str
    base: BaseChoice
    sources: tuple[FileSource, ...]
    found: Findings
    shared: bool = False  # there is a remote, from which others get the rows


def family_of(target: Path) -> str:
    """A name for the adapters, out of the folder's."""
    name = re.sub(r"[^a-z0-9]+", "-", target.resolve().name.lower()).strip("-")
    return name[:63] or "default"


def write_settings(chosen: Chosen) -> None:
    """Write both into the current folder, and the organisation's contacts beside the contract.

    Every section is read back, so that none is wrong.
    """
    files = [source.path.name for source in chosen.sources]
    for name in (PARAMS.name, "README.md"):
        text = render(name, files=names_as_code(files), **vars(chosen))
        write_bytes(Path(name), text.encode())
    add_contacts(chosen.found.ours.model_dump())
    for place in SECTIONS.values():
        module, _, model = place.partition(":")
        load(getattr(import_module(module), model))


def render(name: str, **values: Any) -> str:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined, keep_trailing_newline=True
    )
    environment.filters |= {"columns": as_yaml, "scalar": as_scalar, "inline": as_inline}
    return environment.get_template(name).render(**values)


def as_yaml(columns: Columns | ExportFields) -> str:
    """Only what differs from the defaults, a name alone where a list would hold just that."""
    said = columns.model_dump(mode="json", exclude_defaults=True)
    short = {
        key: value[0] if isinstance(value, list) and len(value) == 1 else value
        for key, value in said.items()
    }
    return yaml.safe_dump(short, allow_unicode=True, sort_keys=False, width=1000).rstrip()


def as_scalar(value: str | None) -> str:
    """The value on one line, in quotes where YAML needs them."""
    text = yaml.safe_dump(value, allow_unicode=True, width=float("inf"))
    return text.removesuffix("\n").removesuffix("...").rstrip()


def as_inline(value: object) -> str:
    """The value on one line, as YAML writes lists and mappings within a line."""
    text = yaml.safe_dump(
        value, allow_unicode=True, default_flow_style=True, width=float("inf"), sort_keys=False
    )
    return text.removesuffix("\n").removesuffix("...").rstrip()


def names_as_code(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
