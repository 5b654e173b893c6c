"""`project settings`: every key that params.yaml may have, as it is declared."""

import inspect
import re
from collections.abc import Iterator
from typing import Annotated

import typer

from incumbent.output import console, print_table
from project.errors import InputError
from project.settings import PARAMS, SECTIONS, Settings, model_of

SHOWN = re.compile(r"\n    (@\w|def )")  # where a model's checks begin, behind its fields


def section_names(incomplete: str) -> list[str]:
    return [name for name in SECTIONS if name.startswith(incomplete)]


def print_settings(
    section: Annotated[
        str | None,
        typer.Argument(
            autocompletion=section_names, help="Such as curation.curate; all sections if left out."
        ),
    ] = None,
) -> None:
    """Print every key of params.yaml, with its default and what it is for."""
    if section is None:
        told = ((name, (model_of(name).__doc__ or "").splitlines()[0]) for name in SECTIONS)
        print_table(("section", "what it sets"), told)
        console.print("\none of them with its keys: incumbent project settings SECTION")
        return
    names = [name for name in SECTIONS if name == section or name.startswith(f"{section}.")]
    if not names:
        known = ", ".join(SECTIONS)
        raise InputError(f"{PARAMS} has no section {section!r}; it has {known}")
    for name in names:
        console.print(f"# {name}", style="bold")
        for model in with_parts(model_of(name)):
            console.print(fields_of(model), soft_wrap=True)


def with_parts(model: type[Settings]) -> Iterator[type[Settings]]:
    """A model, and those that its fields are made of; what it inherits from comes first."""
    yield from (b for b in reversed(model.__mro__[1:]) if own_settings(b))
    yield model
    for field in model.model_fields.values():
        for part in parts_of(field.annotation):
            yield from with_parts(part)


def own_settings(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, Settings) and kind is not Settings


def parts_of(annotation: object) -> Iterator[type[Settings]]:
    """The models that stand in a type, at any depth."""
    if isinstance(annotation, type) and own_settings(annotation):
        yield annotation
    for inner in getattr(annotation, "__args__", ()):
        yield from parts_of(inner)


def fields_of(model: type[Settings]) -> str:
    """The declaration without its checks."""
    return SHOWN.split(inspect.getsource(model))[0].rstrip() + "\n"
