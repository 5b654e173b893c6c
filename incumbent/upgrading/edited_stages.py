"""Stages of ours that a project has edited stay as they are: what changed in them is told."""

from collections.abc import Iterator

from incumbent.upgrading.pipeline_text import PipelineText
from incumbent.upgrading.shipped_pipelines import (
    Entries,
    Entry,
    entries,
    shipped,
    today,
    was_shipped,
)
from incumbent.upgrading.step import PIPELINE, ByHand, Change, Project


def tell(project: Project) -> Change:
    """Changes nothing. Raises ByHand while an edited stage lacks what changed in ours since."""
    own = PipelineText(project.text(PIPELINE))
    todo = {name: list(to_do(own, name)) for name in edited(own)}
    open_ = {name: told for name, told in todo.items() if told}
    if open_:
        shown = [(f"{PIPELINE}: stage {n}", own.block(n), today().block(n)) for n in open_]
        raise ByHand([line for told in open_.values() for line in told], shown)
    return {}


def edited(own: PipelineText) -> list[str]:
    """The stages of our names that are not as we ever made them."""
    return [n for n in today().stages if n in own.stages and not was_shipped(n, own.stages[n])]


def to_do(own: PipelineText, name: str) -> Iterator[str]:
    """What ours gained and lost since the one that was edited, and this stage has not."""
    here, new = entries(own.stages[name]), entries(today().stages[name])
    old = nearest(name, here)
    if not old & here:
        yield f"stage {name} is yours, and Incumbent has one of that name now: rename yours"
        return
    for entry in sorted((new - old) - here):
        yield f"stage {name}: add {said(entry)}"
    for entry in sorted((old - new) & here):
        yield f"stage {name}: take out {said(entry)}"


def nearest(name: str, here: Entries) -> Entries:
    """Of all stages that we made under a name the one that differs least; of several the newest."""
    ever = [entries(one.stages[name]) for one in shipped() if name in one.stages]
    return min(reversed(ever), key=lambda one: len(one ^ here))


def said(entry: Entry) -> str:
    field, value = entry
    plain = value.strip('"')
    return f"{field}: {plain}"
