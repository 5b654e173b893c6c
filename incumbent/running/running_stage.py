"""A stage while it runs: what it printed, how far it is, how long it will still take."""

from collections import deque
from collections.abc import Callable
from time import monotonic

from project.progress import Report

KEPT = 1_000  # lines of what a stage printed, the newest
SAID = 3  # lines that tell what came out
RECENT, LATER_PART = 60.0, 0.5  # seconds, or this share of its time: their speed tells what is left
STEADY, TENTH = 10.0, 0.1  # seconds, or a share of the work, before it is told
WARNING = "warning:"


class RunningStage:
    """What it printed before its last bar is about the way, what it printed since is the result."""

    def __init__(self, name: str, clock: Callable[[], float] = monotonic) -> None:
        self.name = name
        self.clock = clock
        self.began = clock()
        self.words = deque[str](maxlen=KEPT)
        self.results = deque[str](maxlen=KEPT)
        self.warnings = deque[str](maxlen=KEPT)
        self.newest = ""  # words, also those that a bar of somebody else's writes over
        self.bars: dict[str, Report] = {}  # by their labels, each as it was last
        self.bar: Report | None = None
        # Of this bar: when, and how much was done then. Another thread draws it, so it is replaced.
        self.points: tuple[tuple[float, int], ...] = ()
        self.start = (0.0, 0)  # its first point
        self.exit_code: int | None = None  # None: it runs, or it is not one of ours

    def say(self, line: str, *, rewritten: bool = False) -> None:
        """Take a line that the stage printed; rewritten: it is a state of a bar of its own."""
        text = line.strip()
        self.newest = text or self.newest
        if rewritten or not text:
            return
        self.words.append(line.rstrip())
        kept = self.warnings if text.startswith(WARNING) else self.results
        kept.append(text)

    def report(self, report: Report) -> None:
        """Take how far its work is; work that has less done than before is another piece."""
        now, bar, points = self.clock(), self.bar, self.points
        if bar and (bar.label != report.label or bar.done > report.done):
            points = ()
        if not points:
            self.start = (now, report.done)
        if not points or points[-1][1] < report.done:
            points = (*points, (now, report.done))
        if len(points) > 2 and points[0] == self.start:
            points = points[1:]  # the first piece of work holds what is done but once
        recent = max(RECENT, LATER_PART * (now - self.start[0]))  # answers come in uneven batches
        while len(points) > 2 and points[1][0] < now - recent:
            points = points[1:]
        self.bar, self.points = report, points
        self.bars[report.label] = report
        self.results.clear()

    @property
    def seconds(self) -> float:
        return self.clock() - self.began

    @property
    def seconds_left(self) -> float | None:
        """Of the bar, at its speed of late; None where that is not known yet: the first step of a
        training, or the first answer, takes many times as long as the next ones.
        """
        points = self.points
        if self.bar is None or len(points) < 2:
            return None
        (began, at_first), (newest, done) = points[0], points[-1]
        steady = newest - began >= STEADY and points[0] != self.start
        if not steady and done - at_first < TENTH * self.bar.total:
            return None
        left = (self.bar.total - done) * (newest - began) / (done - at_first)
        return max(0.0, left - (self.clock() - newest))

    @property
    def share(self) -> float:
        """How much of the bar is done, from 0 to 1."""
        return self.bar.done / self.bar.total if self.bar and self.bar.total else 1.0

    @property
    def outcome(self) -> list[str]:
        """What came out: what the stage printed last, or its bars; one line of foreign programs."""
        count = SAID if self.exit_code is not None else 1
        return list(self.results)[-count:] or [self.counted or "done"]

    @property
    def counted(self) -> str:
        """What its bars counted, such as "388 answers"."""
        counts: dict[str, int] = {}
        for bar in self.bars.values():
            counts[bar.unit] = counts.get(bar.unit, 0) + bar.done
        return ", ".join(f"{count:,} {unit}" for unit, count in counts.items())


def duration_text(seconds: float) -> str:
    """A duration as people say it."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if not minutes:
        return f"{rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def roughly(seconds: float) -> str:
    """A duration that is a guess."""
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{round(seconds)} s"
    return f"{minutes} min" if minutes < 90 else f"{minutes / 60:.1f} h"
