"""Stages of dvc.yaml that are as Incumbent made them become today's; new ones come in."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from incumbent.upgrading.pipeline_text import PipelineText, Span, comments
from incumbent.upgrading.shipped_pipelines import origin, same, shipped, today, was_shipped
from incumbent.upgrading.step import PIPELINE, ByHand, Change, Project
from project.errors import InputError

Edit = tuple[Span, str]  # lines, and those that take their place


def replace(project: Project) -> Change:
    own = PipelineText(project.text(PIPELINE))
    if unchanged(own):
        return {}
    new = edited(own.text, [*stage_edits(own), *new_stages(own), *plot_edits(own)])
    try:
        right = PipelineText(new).stages == wanted(own)
    except InputError:
        right = False
    if not right:
        raise ByHand([f"{PIPELINE} cannot be edited by a program: it has anchors, perhaps"])
    return {PIPELINE: new.encode()}


def replaced(own: PipelineText) -> list[str]:
    """The stages that become today's."""
    return [
        name
        for name, stage in today().stages.items()
        if name in own.stages
        and was_shipped(name, own.stages[name])
        and not same(own.stages[name], stage)
    ]


def added(own: PipelineText) -> list[str]:
    """Today's stages that there were not yet: one that is missing else was taken out on purpose."""
    before = origin(own).stages.keys() | own.stages.keys()
    return [name for name in today().stages if name not in before]


def unchanged(own: PipelineText) -> bool:
    return not replaced(own) and not added(own) and not plot_edits(own)


def wanted(own: PipelineText) -> dict[str, Any]:
    return own.stages | {name: today().stages[name] for name in (*replaced(own), *added(own))}


def stage_edits(own: PipelineText) -> list[Edit]:
    return [(own.spans[name], with_own_comments(own, name)) for name in replaced(own)]


def with_own_comments(own: PipelineText, name: str) -> str:
    """Today's lines of a stage, and above them the comments that somebody wrote into their own."""
    known = {
        comment for one in shipped() if name in one.stages for comment in comments(one.block(name))
    }
    kept = [comment for comment in comments(own.block(name)) if comment not in known]
    margin = " " * own.column
    lines = [f"{margin}{comment}\n" for comment in kept]
    return "".join(lines) + indented(today().block(name), margin)


def indented(block: str, margin: str) -> str:
    old = " " * today().column
    return "".join(margin + line.removeprefix(old) for line in block.splitlines(keepends=True))


def new_stages(own: PipelineText) -> list[Edit]:
    """Each behind the stage that it follows in today's pipeline."""
    behind: dict[int, list[str]] = defaultdict(list)
    place = own.spans[next(iter(own.stages))].end
    new = added(own)
    for name in today().stages:
        if name in own.spans:
            place = own.spans[name].end
        elif name in new:
            behind[place].append("\n" + indented(today().block(name), " " * own.column))
    return [(Span(place, place), "".join(blocks)) for place, blocks in behind.items()]


def plot_edits(own: PipelineText) -> list[Edit]:
    """Plots that nobody edited become today's."""
    span, new = own.section("plots"), today().section("plots")
    known = [one.plots for one in shipped()]
    if span is None or new is None or own.plots == today().plots or own.plots not in known:
        return []
    return [(span, new.of(today().text))]


def edited(text: str, edits: Iterable[Edit]) -> str:
    """From the end on, so that the places before stay what they were."""
    for span, new in sorted(edits, key=lambda edit: (edit[0].begin, edit[0].end), reverse=True):
        text = text[: span.begin] + new + text[span.end :]
    return text
