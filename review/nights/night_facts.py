"""A night for its page: what it found, in the order in which a person asks for it."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pydantic import ValidationError

from monitoring.report.charts import (
    Days,
    StateStep,
    of_signal,
    overall,
    quality_charts,
    steps,
)
from monitoring.report.night_page import Map, map_path, signals
from monitoring.report.night_text import remarks, strongest
from monitoring.signals.vocabulary import beginning, name_words, words_of
from monitoring.trigger.labels import TASKS, Data
from project.chart_marks import Panel
from project.errors import IncumbentError, InputError
from project.records.drift import Night, SignalReading, Topic
from project.records.record import Record, invalid, read_input

WIDE, SMALL, SCORES = (840, 190), (260, 90), (220, 90)


@dataclass(frozen=True)
class NightFacts:
    """The night, and what its charts show of it and of the nights before."""

    night: Night
    nights: Sequence[Night]  # the oldest first, this one last
    days: Days  # of the chart that is wide
    overall: Panel
    steps: Sequence[StateStep]
    signals: Sequence[Panel]
    strongest: Sequence[SignalReading]
    qualities: Sequence[Panel]
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
    wide, small = Days.around(nights, WIDE[0]), Days.around(nights, SMALL[0])
    return NightFacts(
        night=night,
        nights=nights,
        days=wide,
        overall=overall(nights, wide, WIDE[1]),
        steps=steps(nights, wide),
        signals=[of_signal(name, nights, small, SMALL[1]) for name in signals(nights)],
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


# --- topic rows -----------------------------------------------------------------------------------

# The rows of the labelling queue that a night's topic is about.


class QueueRow(Record):
    """A prompt that waits for its right answer."""

    place: int  # among those that wait, from 1
    id: str | None  # of the request that it was sent in
    prompt: str
    response: str | None
    drift: str | None  # the day on which the drift began that it is about
    corrected: bool  # whether a user wrote what the response should have been
    shared: tuple[str, ...]  # the topic's typical words that are in it


class TopicRows(Record):
    """What of the queue is about a topic, the most typical first, and how much else is in it."""

    rows: tuple[QueueRow, ...]
    others: int


def rows_on(topic: Topic, queue: Path, accepted: Collection[str] = ()) -> TopicRows:
    """The queue's rows that are about a topic and still wait: its own exemplars, then those that
    have its typical words, the more the earlier. The queue keeps no topics: the words have to tell.

    Prompts in `accepted` have their answer already. Raises InputError for a queue that cannot be
    read.
    """
    tasks = [data for data in read_queue(queue) if data.prompt_text not in accepted]
    own = [row for row in rows_of(tasks, topic) if row.shared or shown_for(topic, row.prompt)]
    own.sort(key=lambda row: (not shown_for(topic, row.prompt), -len(row.shared), row.place))
    return TopicRows(rows=tuple(own), others=len(tasks) - len(own))


def read_queue(queue: Path) -> Sequence[Data]:
    """What is to be labelled; nothing where no queue was written yet."""
    if not queue.exists():
        return ()
    try:
        return [task.data for task in TASKS.validate_json(read_input(queue))]
    except ValidationError as error:
        problem = f"{invalid(error, queue)}; the next night that asks for labels writes it anew"
        raise InputError(problem) from None


def rows_of(tasks: Sequence[Data], topic: Topic) -> Iterator[QueueRow]:
    typical = name_words(topic.name)
    for place, data in enumerate(tasks, start=1):
        there = set(words_of(data.prompt_text))
        yield QueueRow(
            place=place,
            id=data.id if isinstance(data.id, str) else None,
            prompt=data.prompt_text,
            response=data.response,
            drift=data.drift,
            corrected=data.corrected,
            shared=tuple(word for word in typical if word in there),
        )


def shown_for(topic: Topic, prompt: str) -> bool:
    """Whether a prompt is one of those that were chosen to show the topic by."""
    return beginning(prompt) in topic.exemplars
