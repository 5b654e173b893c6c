"""A search as a page: each setting that was tried, and the score over its values."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from incumbent.searching.chart_panel import Axis, Kind, Mark, Panel, padded
from incumbent.searching.tuning.recipe_values import as_yaml
from incumbent.searching.tuning.search_result import (
    SearchResult,
    TrialLine,
    in_words,
    next_steps,
    sentences,
    short,
)
from incumbent.searching.tuning.search_settings import Range, Span
from project.files import write_bytes
from project.html import render

TEMPLATE = Path(__file__).parents[1] / "templates" / "search.html"
WIDTH, HEIGHT = 240, 130


def write_page(found: SearchResult, ranges: Mapping[str, Range], path: Path) -> None:
    page = render(
        TEMPLATE,
        result=found,
        sentences=sentences(found),
        steps=next_steps(found),
        keys=list(ranges),
        panels=panels(found, ranges),
        written=as_yaml,
    )
    write_bytes(path, page.encode())


def panels(found: SearchResult, ranges: Mapping[str, Range]) -> list[Panel]:
    """The scores in the order of the trials, and over each setting."""
    scored = [(one, one.score) for one in found.trials if one.score is not None]
    if not scored:
        return []
    up = Axis(*padded([score for _, score in scored]), HEIGHT, upward=True)
    in_order = Axis(1, max(2, len(found.trials)), WIDTH)
    made = [panel("trial after trial", in_order, up, found, lambda one: one.number + 1)]
    for key, values in ranges.items():
        made.append(setting_panel(key, values, up, found))
    return made


def setting_panel(key: str, values: Range, up: Axis, found: SearchResult) -> Panel:
    if isinstance(values, Span):
        across = Axis(values.low, values.high, WIDTH, log=values.log)
        return panel(short(key), across, up, found, lambda one: one.values[key])
    places = {repr(value): float(i) for i, value in enumerate(values)}
    across = Axis(-0.5, len(values) - 0.5, WIDTH)
    names = [(across.at(i), as_yaml(value)) for i, value in enumerate(values)]
    return panel(short(key), across, up, found, lambda one: places[repr(one.values[key])], names)


def panel(
    title: str,
    across: Axis,
    up: Axis,
    found: SearchResult,
    place: Callable[[TrialLine], float],
    names: Sequence[tuple[float, str]] = (),
) -> Panel:
    marks = [
        Mark(across.at(place(one)), up.at(one.score), in_words(one, found.metric), kind(one, found))
        for one in found.trials
        if one.score is not None
    ]
    return Panel(
        title=title,
        width=WIDTH,
        height=HEIGHT,
        across=names or across.ticks(3),
        up=up.ticks(),
        marks=sorted(marks, key=lambda mark: mark.kind == "best"),  # the best on top
    )


def kind(one: TrialLine, found: SearchResult) -> Kind:
    if one.number == found.best:
        return "best"
    return "own" if one.number == found.own else "tried"
