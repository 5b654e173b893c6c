"""How long work says how far it is: a bar in a terminal, or reports to whoever watches the run."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import asdict, dataclass, replace
from time import monotonic

MARK = "INCUMBENT_PROGRESS"  # holds what a report's line begins with, where a parent reads them
SECONDS_APART = 0.2  # reports to a parent process
STDERR = 2


@dataclass(frozen=True)
class Report:
    """How far a piece of work is."""

    label: str
    total: int
    unit: str  # what is counted, such as "answers"
    done: int = 0
    note: str = ""  # such as "120 tokens/s"


@dataclass(frozen=True)
class StageReport:
    """A report that a stage begins, or how it ended."""

    stage: str
    exit_code: int | None = None  # None: it begins


Watch = Callable[[Report], None]
WATCHER: ContextVar[Watch | None] = ContextVar("WATCHER", default=None)  # in this process


class Bar:
    """Work that advances."""

    def __init__(self, report: Report, watch: Watch) -> None:
        self.report = report
        self.watch = watch

    def advance(self, count: int = 1, note: str | None = None) -> None:
        """Count what was done; a note stays until there is another."""
        noted = self.report.note if note is None else note
        self.report = replace(self.report, done=self.report.done + count, note=noted)
        self.watch(self.report)


@contextmanager
def progress(
    label: str, total: int, unit: str, *, done: int = 0, leave: bool = True
) -> Iterator[Bar]:
    """Show how far a piece of work is while the block runs; `leave`: whether its bar stays. Where
    nothing is to be done, nothing is shown.
    """
    report = Report(label, total, unit, done)
    with chosen(report, leave) as watch:
        if total:
            watch(report)
        yield Bar(report, watch)


@contextmanager
def watched(watch: Watch) -> Iterator[None]:
    """Hand the reports of the block's work to a function, in this process."""
    token = WATCHER.set(watch)
    try:
        yield
    finally:
        WATCHER.reset(token)


def tell(report: Report | StageReport) -> None:
    """Write a report for the parent process, where one reads them: whole, whoever writes beside."""
    if mark := os.environ.get(MARK):
        os.write(STDERR, f"{mark}{json.dumps(asdict(report))}\n".encode())


def read_report(text: str) -> Report | StageReport:
    """What `tell` wrote, without its mark."""
    fields = json.loads(text)
    return StageReport(**fields) if "stage" in fields else Report(**fields)


# --- a bar, or reports to the parent process ----------------------------------------------------


def chosen(report: Report, leave: bool) -> AbstractContextManager[Watch]:
    """Who gets the reports: who watches in this process, else a parent process, else people."""
    if watch := WATCHER.get():
        return nullcontext(watch)
    return to_parent() if os.environ.get(MARK) else drawn_bar(report, leave)


@contextmanager
def to_parent() -> Iterator[Watch]:
    """The first report and the last, and a few a second between them."""
    due, unsent = 0.0, list[Report]()

    def watch(report: Report) -> None:
        nonlocal due
        unsent[:] = [report]
        if monotonic() >= due:
            tell(unsent.pop())
            due = monotonic() + SECONDS_APART

    try:
        yield watch
    finally:
        for report in unsent:
            tell(report)


@contextmanager
def drawn_bar(report: Report, leave: bool) -> Iterator[Watch]:
    """A bar on stderr, where there is anything to do and a terminal: in a log it is but noise. Work
    that fails takes its bar along, so that the error stands alone.
    """
    # Imported here so that a command that shows no bar need not wait for it.
    from tqdm import tqdm

    with tqdm(
        total=report.total,
        initial=report.done,
        desc=report.label,
        unit=f" {report.unit}",
        leave=leave,
        dynamic_ncols=True,
        disable=not report.total or not sys.stderr.isatty(),
    ) as bar:

        def watch(report: Report) -> None:
            bar.set_postfix_str(report.note, refresh=False)
            bar.update(report.done - bar.n)

        try:
            yield watch
        except BaseException:
            bar.leave = False
            raise
