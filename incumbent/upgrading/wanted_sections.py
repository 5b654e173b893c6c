"""Sections that the stages' `params` name get a line in params.yaml: DVC runs none without."""

from typing import Any

import yaml
from pydantic import ValidationError

from incumbent.recipes.yaml_text import with_value
from incumbent.upgrading.settings_text import checked
from incumbent.upgrading.shipped_pipelines import today
from incumbent.upgrading.step import SETTINGS, ByHand, Change, Project
from project.settings import model_of


def add(project: Project) -> Change:
    text = new = project.text(SETTINGS)
    wanted = yaml.safe_load(text) or {}
    for section in sections_read():
        if not said(wanted, section):
            path = [*section.split("."), *first_default(section)]
            *above, key, value = path
            new = with_value(new, [*above, key], value)
            put(wanted, [*above, key], value)
    return {SETTINGS: checked(new, wanted)} if new != text else {}


def sections_read() -> list[str]:
    """The sections that today's stages name, in their order."""
    stages = today().stages.values()
    return list(dict.fromkeys(name for stage in stages for name in stage.get("params", ())))


def said(settings: Any, section: str) -> bool:
    """Whether DVC finds something under the name."""
    for step in section.split("."):
        if not isinstance(settings, dict) or settings.get(step) is None:
            return False
        settings = settings[step]
    return True


def first_default(section: str) -> tuple[str, Any]:
    """A key of the section with the value that it has anyway. Raises ByHand where it has none."""
    try:
        defaults = model_of(section)().model_dump(mode="json")
    except ValidationError:
        told = f"write the section {section}: `incumbent settings {section}` says what it holds"
        raise ByHand([f"{SETTINGS}: {told}"]) from None
    return next(iter(defaults.items()))


def put(settings: dict[str, Any], path: list[str], value: Any) -> None:
    for step in path[:-1]:
        if settings.get(step) is None:
            settings[step] = {}
        settings = settings[step]
    settings[path[-1]] = value
