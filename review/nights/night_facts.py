"""A night for its page: what it found, in the order in which a person asks for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from monitoring.report.charts import Frame, Series, StateStep, of_signal, overall, steps
from monitoring.report.night_page import map_path, signals
from monitoring.report.night_text import remarks, strongest
from monitoring.report.prompt_map import Map
from monitoring.report.quality_chart import QualityChart, quality_charts
from project.errors import IncumbentError
from project.records.drift import Night, SignalReading

WIDE, SMALL, SCORES = (840, 190), (260, 90), (220, 90)


@dataclass(frozen=True)
class NightFacts:
    """The night, and what its charts show of it and of the nights before."""

    night: Night
    nights: Sequence[Night]  # the oldest first, this one last
    overall: Series
    steps: Sequence[StateStep]
    signals: Sequence[Series]
    strongest: Sequence[SignalReading]
    qualities: Sequence[QualityChart]
    remarks: Sequence[str]
    places: Map | None  # of its prompts; None: deleted with the traffic, or never made

    @property
    def largest_share(self) -> float:
        """What the bars of the topics are drawn against."""
        shares = [share for topic in self.night.topics for share in (topic.before, topic.now)]
        return max([*shares, 1e-9])


def facts_of(nights: Sequence[Night]) -> NightFacts:
    """The last of some nights, with the charts of all of them."""
    night = nights[-1]
    wide, small = Frame.around(nights, *WIDE), Frame.around(nights, *SMALL)
    return NightFacts(
        night=night,
        nights=nights,
        overall=overall(nights, wide),
        steps=steps(nights, wide),
        signals=[of_signal(name, nights, small) for name in signals(nights)],
        strongest=strongest(night.readings),
        qualities=quality_charts(nights, *SCORES),
        remarks=remarks(night),
        places=kept_map(night),
    )


def kept_map(night: Night) -> Map | None:
    """The map of the night's prompts. A damaged one is as good as none: it is only a picture."""
    path = map_path(night.family, date.fromisoformat(night.date))
    if not path.exists():
        return None
    try:
        return Map.read(path)
    except IncumbentError:
        return None
