"""Days of traffic in parts, each read by itself on the engine, merged into what the whole says.

A part is read by one worker in bounded memory, and its state is what it sends: samples and counts,
which merge exactly, and ids. A part that repeats an id of one before it is read once more, here.
"""

import gc
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import NamedTuple, cast

from monitoring.traffic.file_lines import RawLine, json_lines, lines_of
from monitoring.traffic.late_feedback import LateFeedbacks
from monitoring.traffic.partition import DayReading, Quarantine
from monitoring.traffic.user_sample import UserSample
from project.engine.engine_settings import light_engine
from project.engine.mapped import mapped
from project.records.traffic import Traffic

# Bytes: some 100,000 rows, of which a sample of 10,000 is sent.
PART = 64 << 20
CUT = (".jsonl", ".ndjson")  # endings of files that can be read from within

Chosen = Callable[[list[Traffic]], list[Traffic]]


class Stretch(NamedTuple):
    """Lines of a file."""

    file: Path
    offset: int = 0  # bytes before it
    number: int = 0  # lines before it
    end: int | None = None  # of the file's bytes; None: all that follow


class DayPart(NamedTuple):
    day: int  # the place of its reading
    stretches: tuple[Stretch, ...]


@dataclass(frozen=True)
class PartState:
    """What is kept of a part."""

    sample: UserSample
    ids: set[str]
    set_aside: Counter[str]
    quarantine: bytes


@dataclass(frozen=True)
class PartReader:
    """Reads parts of days. Called, it is ready for those of many parts, whose feedback it keeps."""

    readings: Sequence[DayReading]
    limit: int
    seed: int
    of_these: Chosen

    def __call__(self) -> Callable[[Sequence[DayPart]], list[PartState]]:
        feedback_of = lru_cache(maxsize=1)(self.feedback_of)
        return lambda parts: [self.state_of(part, feedback_of(part.day)) for part in parts]

    def feedback_of(self, day: int) -> LateFeedbacks:
        reading = self.readings[day]
        return reading.read_feedback(Quarantine(BytesIO(), reading.clean))

    def state_of(
        self, part: DayPart, feedback: LateFeedbacks, known: frozenset[str] = frozenset()
    ) -> PartState:
        """The state of the rows whose ids are not known."""
        reading, sample = self.readings[part.day], UserSample(self.limit, self.seed)
        stream, seen = BytesIO(), set(known)
        quarantine = Quarantine(stream, reading.clean)
        lines = (pair for stretch in part.stretches for pair in lines_in(stretch))
        with uncollected():
            for rows in reading.batches(lines, feedback, seen, quarantine):
                sample.update(self.of_these(rows))
        return PartState(sample, seen - known, quarantine.counts, stream.getvalue())


@contextmanager
def uncollected() -> Iterator[None]:
    """Rows make no cycles of references: to look for some took a quarter of a large day's time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


States = Generator[PartState, None, None]


def sample_parts(
    reader: PartReader, before_each: Callable[[], object] = lambda: None
) -> tuple[UserSample, dict[str, int]]:
    """A sample of all days, and what was set aside, by reason, as if each day had been read as a
    whole. `before_each` part is called, and may raise to end the work.
    """
    sample, set_aside = UserSample(reader.limit, reader.seed), Counter[str]()
    every = [
        DayPart(day, stretches)
        for day, reading in enumerate(reader.readings)
        for stretches in parts_of(reading.files)
    ]
    states = cast(States, mapped(reader, every, light_engine(len(every)), batch=1))
    with closing(states):  # stopped, it leaves no work on the cluster
        for day, reading in enumerate(reader.readings):
            parts = [part for part in every if part.day == day]
            merge_day(reader, reading, parts, states, sample, before_each)
            set_aside.update(reading.set_aside)
    return sample, dict(set_aside)


def merge_day(
    reader: PartReader,
    reading: DayReading,
    parts: Sequence[DayPart],
    states: Iterator[PartState],
    sample: UserSample,
    before_each: Callable[[], object],
) -> None:
    """Take in the states of a day's parts, which come in their order, and fill its quarantine."""
    known = set[str]()
    with reading.quarantined() as (quarantine, feedback):
        for part in parts:
            before_each()
            state = next(states)
            if not known.isdisjoint(state.ids):
                state = reader.state_of(part, feedback, frozenset(known))
            known |= state.ids
            sample.merge(state.sample)
            quarantine.take(state.quarantine, state.set_aside)


def parts_of(files: Sequence[Path]) -> Iterator[tuple[Stretch, ...]]:
    """All that files hold, in parts of about PART bytes; a file that cannot be cut is not."""
    part: list[Stretch] = []
    size = 0
    for file in files:
        for stretch, length in stretches_of(file):
            part.append(stretch)
            size += length
            if size >= PART:
                yield tuple(part)
                part, size = [], 0
    if part:
        yield tuple(part)


def stretches_of(file: Path) -> Iterator[tuple[Stretch, int]]:
    """The stretches of a file, with the bytes of each."""
    begin, size = Stretch(file), size_of(file)
    if file.suffix in CUT and size > PART:
        for line in json_lines(file):
            if line.offset - begin.offset >= PART and line.number:
                yield begin._replace(end=line.offset), line.offset - begin.offset
                begin = Stretch(file, line.offset, line.number - 1)
    yield begin, size - begin.offset


def size_of(file: Path) -> int:
    """0 for a file that is not there any more, which is set aside when it is read."""
    with suppress(OSError):
        return file.stat().st_size
    return 0


def lines_in(stretch: Stretch) -> Iterator[tuple[Path, RawLine]]:
    file, offset, number, end = stretch
    lines = json_lines(file, offset, number) if offset else lines_of(file)
    for line in lines:
        if end is not None and line.offset >= end:
            break
        yield file, line
