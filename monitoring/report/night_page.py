"""A night as a page: the verdict and what to do on top, then what it rests on."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

from monitoring.drift.reference import Reference
from monitoring.report.charts import HIGHEST, LOWEST, Frame, of_signal, overall, steps
from monitoring.report.night_text import (
    VERDICTS,
    day_text,
    done,
    duty,
    quality_text,
    remarks,
    set_aside_text,
    strongest,
    watched,
)
from monitoring.report.prompt_map import Map, PointKind
from monitoring.report.quality_chart import quality_charts
from monitoring.signals.signal import Batch
from project.files import home, write_bytes
from project.html import render
from project.records.data import counted
from project.records.drift import DriftState, Night

TEMPLATE = Path(__file__).parent / "templates" / "night.html"


def page(night: Night, history: Sequence[Night], places: Map | None) -> str:
    """One self-contained HTML page; history is the nights before it, the oldest first."""
    nights = [*history, night]
    wide, small = Frame.around(nights, 840, 190), Frame.around(nights, 260, 90)
    return render(
        TEMPLATE,
        night=night,
        nights=nights,
        watched=watched,
        verdicts=VERDICTS,
        duty=duty(night),
        done=done,
        counted=counted,
        day_text=day_text,
        powers=range(LOWEST, HIGHEST + 1),
        states=list(DriftState),
        overall=overall(nights, wide),
        steps=steps(nights, wide),
        signals=[of_signal(name, nights, small) for name in signals(nights)],
        strongest=strongest(night.readings),
        qualities=quality_charts(nights, 220, 90),
        quality_text=quality_text,
        remarks=remarks(night),
        set_aside_text=set_aside_text,
        places=places,
        kinds=PointKind,
    )


def signals(nights: Sequence[Night]) -> list[str]:
    """Those that were ever read: tonight's strongest first, then as they were listed."""
    tonight = [reading.signal for reading in strongest(nights[-1].readings)]
    others = [reading.signal for night in reversed(nights) for reading in night.readings]
    return list(dict.fromkeys([*tonight, *others]))


def page_path(family: str, day: date) -> Path:
    return home() / "reports" / f"{family}-night-{day}.html"


def map_path(family: str, day: date) -> Path:
    return home() / "monitoring" / "maps" / f"{family}-night-{day}.json"


def keep_map(
    family: str, day: date, reference: Reference, batch: Batch, grown: Sequence[int]
) -> None:
    """Keep the map beside the night's verdict: the page is written when the night is at its end."""
    if found := Map.of_night(reference, batch, grown):
        found.write(map_path(family, day))


def forget_pages(family: str, before: date) -> None:
    """Delete the pages and maps of nights before a day: they show users' prompts."""
    for path in (page_path(family, before), map_path(family, before)):
        for other in path.parent.glob(f"{family}-night-????-??-??{path.suffix}"):
            if other.name < path.name:
                other.unlink(missing_ok=True)


def write_page(night: Night, before: Sequence[Night]) -> Path:
    """Write the night's page; before are the nights before it, oldest first."""
    day = date.fromisoformat(night.date)
    kept, target = map_path(night.family, day), page_path(night.family, day)
    found = Map.read(kept) if kept.exists() else None
    write_bytes(target, page(night, before[-90:], found).encode())
    return target
