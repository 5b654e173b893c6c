"""Where the marks of a night's charts stand, in units of the SVG that the template makes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from math import log10
from typing import Self

from monitoring.report.night_text import VERDICTS, done, reading_text, strongest
from project.records.drift import Action, DriftState, DriftVerdict, Night

LOWEST, HIGHEST = -4, 1  # powers of ten between which evidence is drawn; what is beyond is clipped
SHORTEST = 14  # days that a chart spans, however few nights there were
LETTERS = {Action.NONE: "", Action.LABEL: "L", Action.RETRAIN: "R", Action.REFUSED: "×"}


@dataclass(frozen=True)
class Frame:
    """The field of a chart: dates from left to right, evidence upward by its logarithm."""

    width: int
    height: int
    first: date
    last: date

    @classmethod
    def around(cls, nights: Sequence[Night], width: int, height: int) -> Self:
        days = [date.fromisoformat(night.date) for night in nights]
        last = max(days)
        return cls(width, height, min(*days, last - timedelta(days=SHORTEST - 1)), last)

    @property
    def day(self) -> float:
        """The width of one day."""
        return self.width / ((self.last - self.first).days + 1)

    def x(self, day: str) -> float:
        """The middle of a day."""
        return round(self.day * ((date.fromisoformat(day) - self.first).days + 0.5), 1)

    def y(self, evidence: float) -> float:
        power = min(log10(max(evidence, 10.0**LOWEST)), HIGHEST)
        return round(self.height * (HIGHEST - power) / (HIGHEST - LOWEST), 1)


@dataclass(frozen=True)
class Mark:
    """One night's evidence, and what to say of it."""

    x: float
    y: float
    alarm: bool
    label: str


@dataclass(frozen=True)
class Series:
    """The evidence of one signal, or of the strongest, night by night."""

    name: str
    frame: Frame
    marks: Sequence[Mark]
    lines: Sequence[str]  # a polyline's points, for each run of nights that could be tested
    alarms: int


@dataclass(frozen=True)
class StateStep:
    """The state that a night ended in: the higher, the more is suspected."""

    x: float
    level: int  # from 1
    letter: str  # of what was done
    tested: bool
    label: str


Measure = Callable[[Night], tuple[float, bool, str] | None]  # value, whether an alarm, words


def overall(nights: Sequence[Night], frame: Frame) -> Series:
    """The strongest signal of each night."""

    def evidence(night: Night) -> tuple[float, bool, str] | None:
        if night.verdict is DriftVerdict.INSUFFICIENT:
            return None
        verdict = VERDICTS[night.verdict].lower()
        return night.evidence, night.verdict is DriftVerdict.DRIFT, f"{verdict}, {night.state}"

    return series("the strongest signal", nights, frame, evidence)


def of_signal(signal: str, nights: Sequence[Night], frame: Frame) -> Series:
    """One signal, each night over the window that says most."""

    def evidence(night: Night) -> tuple[float, bool, str] | None:
        found = strongest(r for r in night.readings if r.signal == signal)
        if not found:
            return None
        return found[0].evidence, found[0].verdict is DriftVerdict.DRIFT, reading_text(found[0])

    return series(signal, nights, frame, evidence)


def series(name: str, nights: Sequence[Night], frame: Frame, evidence: Measure) -> Series:
    marks: list[Mark] = []
    lines: list[str] = []
    values = [(night.date, evidence(night)) for night in nights]
    for tested, run in groupby(values, key=lambda pair: pair[1] is not None):
        if tested:
            own = [
                Mark(frame.x(day), frame.y(found[0]), found[1], f"{day}: {found[2]}")
                for day, found in run
                if found is not None
            ]
            marks += own
            lines.append(" ".join(f"{mark.x},{mark.y}" for mark in own))
    return Series(name, frame, marks, lines, sum(mark.alarm for mark in marks))


def steps(nights: Sequence[Night], frame: Frame) -> list[StateStep]:
    states = list(DriftState)
    return [
        StateStep(
            x=frame.x(night.date),
            level=states.index(night.state) + 1,
            letter=LETTERS[night.action],
            tested=night.verdict is not DriftVerdict.INSUFFICIENT,
            label=f"{night.date}: {night.state}; done: {done(night)}",
        )
        for night in nights
    ]
