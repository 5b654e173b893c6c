"""A night as a page: the verdict and what to do on top, then what it rests on."""

from collections.abc import Sequence
from pathlib import Path

from monitoring.charts import HIGHEST, LOWEST, Frame, of_signal, overall, steps
from monitoring.night_text import VERDICTS, done, duty, plural, strongest, told_day, watched
from monitoring.prompt_map import Kind, Map
from registry.pages import render
from registry.records import Night, Watch

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
        plural=plural,
        told_day=told_day,
        powers=range(LOWEST, HIGHEST + 1),
        states=list(Watch),
        overall=overall(nights, wide),
        steps=steps(nights, wide),
        signals=[of_signal(name, nights, small) for name in signals(nights)],
        strongest=strongest(night.readings),
        places=places,
        kinds=Kind,
    )


def signals(nights: Sequence[Night]) -> list[str]:
    """Those that were ever read: tonight's strongest first, then as they were listed."""
    tonight = [reading.signal for reading in strongest(nights[-1].readings)]
    others = [reading.signal for night in reversed(nights) for reading in night.readings]
    return list(dict.fromkeys([*tonight, *others]))
