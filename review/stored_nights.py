"""The nights as the registry keeps them, and their facts in words."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from pathlib import Path

from pydantic import ValidationError
from sqlalchemy import Engine

from monitoring.charts import (
    Days,
    StateStep,
    of_signal,
    overall,
    quality_charts,
    steps,
)
from monitoring.night_history import KeptNight, check_job, nightly_of, nights_between
from monitoring.night_page import Map, map_path, signals
from monitoring.night_text import VERDICTS, done, remarks, strongest
from monitoring.scheduling.runs import RunState, span_of
from monitoring.signals.vocabulary import beginning, name_words, words_of
from monitoring.trigger.labels import TASKS, Data
from project.errors import IncumbentError, InputError
from project.html import Panel
from project.records.drift import Night, SignalReading, Topic
from project.records.record import Record, invalid, read_input

SHOWN = timedelta(days=90)  # before a night, in the charts of its page
LONGEST = timedelta(days=400)


class NightStatus(StrEnum):
    """What a date's night came to, or why it has no verdict."""

    DRIFT = "drift"
    NO_DRIFT = "no_drift"
    INSUFFICIENT = "insufficient"
    FAILED = "failed"
    UNFINISHED = "unfinished"  # somebody is at it, or it waits for its next attempt


STATUSES = {
    NightStatus.DRIFT: "drift",
    NightStatus.NO_DRIFT: "no drift",
    NightStatus.INSUFFICIENT: "not enough data",
    NightStatus.FAILED: "the check failed",
    NightStatus.UNFINISHED: "not finished yet",
}


class NightLine(Record):
    """One date in a list of nights. Fields of a night are None where it has no verdict."""

    date: date
    status: NightStatus
    words: str  # the status in words
    state: str | None = None
    evidence: float | None = None  # of the strongest signal; 1 or more is an alarm
    rows: int | None = None
    champion: int | None = None  # that was watched; None: the bare base, or no verdict
    challenger: int | None = None
    done: str | None = None
    problem: str | None = None

    def __str__(self) -> str:
        return f"{self.date}: {self.words}" + (f", {self.state}" if self.state else "")


def lines_between(engine: Engine, family: str, first: date, last: date) -> tuple[NightLine, ...]:
    """Every date with a night, the oldest first."""
    return tuple(map(line_of, reversed(nights_between(engine, family, first, last))))


def nights_up_to(engine: Engine, family: str, day: date) -> tuple[Night, ...]:
    """A day's night, if it has a verdict, behind those that a chart shows before it."""
    first = day - min(SHOWN, day - date.min)
    kept = reversed(nights_between(engine, family, first, day))
    return tuple(night for entry in kept if (night := entry.verdict))


def newest_lines(engine: Engine, family: str, limit: int) -> tuple[NightLine, ...]:
    """The last dates with a night, the newest first; of those more than a year back none."""
    if (span := span_of(engine, nightly_of(family)) or span_of(engine, check_job(family))) is None:
        return ()
    last = span[1]
    return lines_between(engine, family, last - min(LONGEST, last - date.min), last)[
        : -limit - 1 : -1
    ]


def years_of(engine: Engine, family: str) -> tuple[int, ...]:
    """The years with nights, the oldest first."""
    spans = [span_of(engine, job(family)) for job in (nightly_of, check_job)]
    known = [day.year for span in spans if span for day in span]
    return tuple(range(min(known), max(known) + 1)) if known else ()


# --- one line of the list -----------------------------------------------------------------------


def line_of(kept: KeptNight) -> NightLine:
    day, night, end = kept.day, kept.verdict, kept.end
    if night is None:
        gone = end is not None and end.state is RunState.FAILED
        status = NightStatus.FAILED if gone else NightStatus.UNFINISHED
        problem = end.problem if end else None
        return NightLine(date=day, status=status, words=STATUSES[status], problem=problem)
    status = NightStatus(night.verdict.value)
    return NightLine(
        date=day,
        status=status,
        words=VERDICTS[night.verdict].lower(),
        state="blind" if night.blind else night.state.value,
        evidence=night.evidence,
        rows=night.rows,
        champion=night.champion,
        challenger=night.challenger,
        done=done(night),
        problem=end.problem if end and end.state is not RunState.FINISHED else None,
    )


# --- calendar -------------------------------------------------------------------------------------

# A year at a glance: a square for each day, a column for each week.

CELL, GAP = 14, 2  # of a square and of the space between two, in units of the SVG
LEFT, TOP = 30, 18  # room for the names of weekdays and months
# A colour never stands alone: what is not calm has a letter too.
LETTERS = {
    NightStatus.DRIFT: "D",
    NightStatus.INSUFFICIENT: "?",
    NightStatus.FAILED: "×",
    NightStatus.UNFINISHED: "…",
}


@dataclass(frozen=True)
class Square:
    """One day; line is None where it has no night."""

    x: int
    y: int
    line: NightLine | None

    @property
    def letter(self) -> str:
        return LETTERS.get(self.line.status, "") if self.line else ""


@dataclass(frozen=True)
class Month:
    """One month: where its name stands, and its nights, the oldest first."""

    first: date
    x: int
    lines: Sequence[NightLine]

    @property
    def name(self) -> str:
        return f"{self.first:%B}"

    @property
    def alarms(self) -> int:
        return sum(line.status is NightStatus.DRIFT for line in self.lines)


@dataclass(frozen=True)
class Year:
    number: int
    squares: Sequence[Square]
    months: Sequence[Month]

    @property
    def width(self) -> int:
        return max(square.x for square in self.squares) + CELL + 1

    @property
    def height(self) -> int:
        return TOP + 7 * (CELL + GAP)

    @property
    def nights(self) -> int:
        return sum(len(month.lines) for month in self.months)

    @property
    def alarms(self) -> int:
        return sum(month.alarms for month in self.months)


def year_of(number: int, lines: Sequence[NightLine]) -> Year:
    """Lay a year's nights out, weeks from Monday on."""
    known = {line.date: line for line in lines}
    first = date(number, 1, 1)
    days = [first + timedelta(days=i) for i in range((date(number, 12, 31) - first).days + 1)]
    return Year(
        number=number,
        squares=[Square(left(day), top(day), known.get(day)) for day in days],
        months=[month_of(date(number, month, 1), known) for month in range(1, 13)],
    )


def month_of(first: date, known: Mapping[date, NightLine]) -> Month:
    lines = [line for day, line in sorted(known.items()) if day.month == first.month]
    return Month(first, left(first), lines)


def left(day: date) -> int:
    week = (day.timetuple().tm_yday - 1 + date(day.year, 1, 1).weekday()) // 7
    return LEFT + week * (CELL + GAP)


def top(day: date) -> int:
    return TOP + day.weekday() * (CELL + GAP)


# --- night facts ----------------------------------------------------------------------------------

# A night for its page: what it found, in the order in which a person asks for it.

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
    rows = [row for row in rows_of(tasks, topic) if row.shared or shown_for(topic, row.prompt)]
    rows.sort(key=lambda row: (not shown_for(topic, row.prompt), -len(row.shared), row.place))
    return TopicRows(rows=tuple(rows), others=len(tasks) - len(rows))


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
