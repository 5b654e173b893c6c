"""The pipelines that projects were made with, of earlier versions and of this one."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from incumbent.project_files import project_files
from incumbent.upgrading.pipeline_text import PipelineText
from incumbent.upgrading.step import PIPELINE
from project.canonical import canonical_json

FOLDER = Path(__file__).with_name("pipelines")  # VERSION.yaml, or VERSION-1.yaml, VERSION-2.yaml, …
Entry = tuple[str, str]  # a field of a stage, and one thing that it lists, as JSON
Entries = frozenset[Entry]


@cache
def today() -> PipelineText:
    return PipelineText(project_files()[PIPELINE].read_text())


@cache
def shipped() -> tuple[PipelineText, ...]:
    """Oldest first, and today's at the end."""
    earlier = (PipelineText(file.read_text()) for file in sorted(FOLDER.glob("*.yaml")))
    return (*earlier, today())


def origin(own: PipelineText) -> PipelineText:
    """The one whose stages a project's pipeline has most of; of several the newest."""
    return max(reversed(shipped()), key=lambda one: len(alike(own, one)))


def alike(own: PipelineText, other: PipelineText) -> list[str]:
    stages = other.stages.items()
    return [n for n, stage in stages if n in own.stages and same(own.stages[n], stage)]


def was_shipped(name: str, stage: Mapping[str, Any]) -> bool:
    return any(same(one.stages[name], stage) for one in shipped() if name in one.stages)


def same(stage: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two stages do the same, whatever their descriptions and their order."""
    return entries(stage) == entries(other)


def entries(stage: Mapping[str, Any]) -> Entries:
    return frozenset(
        (field, canonical_json(one).decode())
        for field, value in stage.items()
        if field != "desc"
        for one in (value if isinstance(value, list) else [value])
    )
