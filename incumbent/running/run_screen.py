"""The screen of `incumbent run`: a line for each stage that ran, and below them what runs now.

All of it goes to stderr: stdout is for results. In a terminal the lowest lines are drawn again and
again; elsewhere lines are plain, and once a minute one says how far the stage is.
"""

import re
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Literal, Self

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from incumbent.running.running_stage import RunningStage, duration_text, roughly
from project.progress import Report, read_report

FRAMES = 8  # a second
QUIET = 60.0  # seconds between two plain lines about a stage

State = Literal["ran", "restored", "unchanged"]
LEFT_OUT = {"unchanged": "unchanged", "restored": "as DVC keeps them from an earlier run"}


@dataclass(frozen=True)
class StageResult:
    name: str
    state: State
    seconds: float = 0.0


class RunScreen:
    """Use it in a `with` block: what is drawn again and again is gone at its end."""

    def __init__(self, names: Iterable[str], clock: Callable[[], float] = monotonic) -> None:
        self.names = tuple(names)  # of all stages, in order
        self.clock = clock
        self.began = self.said_last = clock()
        self.results: dict[str, StageResult] = {}
        self.running: RunningStage | None = None
        self.awaited = ""  # whom the run waits for
        self.console = Console(stderr=True, highlight=False, markup=False, emoji=False)
        self.page = ScreenLayout(self.console, margin=max(map(len, self.names), default=0) + 2)
        drawn = sys.stderr.isatty() and not self.console.is_dumb_terminal
        self.live = self.make_live() if drawn else None

    def make_live(self) -> Live:
        return Live(
            console=self.console,
            get_renderable=self.drawn,
            refresh_per_second=FRAMES,
            transient=True,
        )

    def __enter__(self) -> Self:
        if self.live:
            self.live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.live:
            self.live.stop()

    def begin(self, name: str) -> None:
        """A stage begins; it may be told more than once."""
        if self.running is None or self.running.name != name:
            self.running = RunningStage(name, self.clock)
            self.awaited = ""
            self.said_last = self.clock()

    def report(self, report: Report) -> None:
        """The running stage says how far it is."""
        if self.running:
            self.running.report(report)
            self.tick()

    def finish(self, result: str | None = None, *, failed: bool = False) -> None:
        """The running stage ended: its line stays, with the result or what it printed last."""
        stage, self.running = self.running, None
        if stage is None:
            return
        lines = ["failed"] if failed else [result] if result else stage.outcome
        if self.live:
            self.live.refresh()  # else it is drawn once more below its own line
            self.console.print(done_line(self.page, stage, lines, failed=failed))
        else:
            first, *more = (*lines, *stage.warnings)
            margin = " " * self.page.margin
            head = f"{self.page.name_of(stage)}{first} ({duration_text(stage.seconds)})"
            self.print_plain(*[head, *(f"{margin}{line}" for line in more)])
        self.results[stage.name] = StageResult(stage.name, "ran", round(stage.seconds, 1))

    def leave_out(self, name: str, state: State) -> None:
        """A stage need not run."""
        self.results.setdefault(name, StageResult(name, state))

    def wait(self, awaited: str) -> None:
        """Say whom the run waits for; "" when it goes on."""
        if awaited and awaited != self.awaited and not self.live:
            self.print_plain(awaited)
        self.awaited = awaited

    def tick(self) -> None:
        """Say in plain lines now and then how far the stage is."""
        stage = self.running
        if stage and not self.live and self.clock() - self.said_last >= QUIET:
            self.said_last = self.clock()
            far = ", ".join(facts(stage)) or f"{duration_text(stage.seconds)} so far"
            self.print_plain(f"{self.page.name_of(stage)}… {far}")

    def sum_up(self) -> None:
        """Name the stages that did not run."""
        for state, words in LEFT_OUT.items():
            if names := [r.name for r in self.results.values() if r.state == state]:
                self.print_dim(f"{words}: {', '.join(names)}")

    def print_total(self) -> None:
        self.print_dim(f"{duration_text(self.clock() - self.began)} in all")

    # --- what is drawn ------------------------------------------------------------------------

    @property
    def left(self) -> list[str]:
        """The stages that may still run; one of dvc.yaml may stand for several, name@1, name@2."""
        told = [*self.results, *([self.running.name] if self.running else [])]
        seen = {name.partition("@")[0] for name in told}
        return [name for name in self.names if name not in seen]

    def drawn(self) -> Group:
        """What is drawn again and again."""
        stage, left = self.running, ", ".join(self.left)
        if stage is None:
            return Group(self.page.cropped(self.awaited or "looking for what changed"))
        bar = stage.bar.label if stage.bar else ""
        below = self.awaited or "; ".join(filter(None, [bar, f"then {left}" if left else ""]))
        margin = " " * self.page.margin
        return Group(far_line(self.page, stage), self.page.cropped(margin + below))

    def print_plain(self, *lines: str) -> None:
        for line in lines:
            self.console.print(line, soft_wrap=True)

    def print_dim(self, text: str) -> None:
        self.console.print(text, style="dim", soft_wrap=self.live is None)


# --- stage lines ----------------------------------------------------------------------------------

# How the line of a stage looks: while it runs, and when it has ended.

WIDTH = 100  # columns at most: a line that is longer is hard to read
SHORTEST, LONGEST = 10, 40  # columns of a bar
GAP = "  "


@dataclass(frozen=True)
class ScreenLayout:
    """What the lines are fitted to."""

    console: Console
    margin: int  # columns of the names, and of what parts them from the rest

    @property
    def width(self) -> int:
        return min(self.console.width, WIDTH)

    @property
    def ascii_only(self) -> bool:
        return self.console.options.ascii_only

    def name_of(self, stage: RunningStage) -> str:
        return stage.name.ljust(self.margin)

    def cropped(self, text: str, width: int | None = None) -> Text:
        """Text on one line, without the end that is too long."""
        made = Text(text, "dim", no_wrap=True)
        made.truncate(width or self.width, overflow="crop" if self.ascii_only else "ellipsis")
        return made


def done_line(
    page: ScreenLayout, stage: RunningStage, lines: Sequence[str], *, failed: bool
) -> Table:
    """The line of a stage that ended: name, result and seconds, with its warnings below."""
    grid = Table.grid(padding=(0, len(GAP), 0, 0))
    grid.width = page.width
    grid.add_column(width=max(page.margin - len(GAP), len(stage.name)), no_wrap=True)
    grid.add_column(ratio=1)
    grid.add_column(justify="right", no_wrap=True)
    parts = [Text(line, "red" if failed else "") for line in lines]
    parts += [Text(line, "yellow") for line in stage.warnings]
    grid.add_row(stage.name, Text("\n").join(parts), Text(duration_text(stage.seconds), "dim"))
    return grid


def far_line(page: ScreenLayout, stage: RunningStage) -> Text:
    """The line of a stage that runs: how far its bar is, or without one what it printed last."""
    if stage.bar is None:
        seconds = duration_text(stage.seconds)
        room = page.width - page.margin - len(GAP + seconds)
        words = page.cropped(stage.newest or "starting", room)
        words.pad_right(room - words.cell_len)
        return Text.assemble(page.name_of(stage), words, GAP, (seconds, "dim"), no_wrap=True)
    told = facts(stage)
    room = page.width - page.margin - len(GAP)
    if len(told) > 2 and room - len(GAP.join(told)) < SHORTEST:
        del told[1]  # the note can be missed first
    columns = min(LONGEST, room - len(GAP.join(told)))
    bar = bar_of(page, stage, columns).append(GAP) if columns >= SHORTEST else ""
    return Text.assemble(page.name_of(stage), bar, GAP.join(told), no_wrap=True)


def bar_of(page: ScreenLayout, stage: RunningStage, columns: int) -> Text:
    full, empty = "#-" if page.ascii_only else "━─"
    done = int(columns * min(stage.share, 1))
    return Text.assemble((full * done, "cyan"), (empty * (columns - done), "dim"))


def facts(stage: RunningStage) -> list[str]:
    """How far a stage's bar is, its note, and how long it will take."""
    if stage.bar is None:
        return []
    bar, left = stage.bar, stage.seconds_left
    # A guess that was too short is used up: nothing is said then until the work has gone on.
    soon = f"{roughly(left)} left" if left and bar.done < bar.total else ""
    done = str(bar.done).rjust(len(str(bar.total)))
    return [f"{done}/{bar.total} {bar.unit}", *filter(None, [bar.note, soon])]


# --- dvc output -----------------------------------------------------------------------------------

# What DVC and the stages print while they run, and what it says to the screen.
#
# Stages of ours report that they begin and end; of a user's programs only DVC's own lines tell.

BEGINS = re.compile(r"Running stage '(.+)':$")
UNCHANGED = re.compile(r"(?:Stage )?'(.+)' didn't change, skipping$")
RESTORED = re.compile(r"Stage '(.+)' is cached - skipping run, checking out outputs$")
COMMAND = "> "  # before each command of a stage
# A stage is over, and its outputs are kept.
KEPT = re.compile(r"(?:Generating|Updating) lock file ")
ERROR = "ERROR: "
COLOURS = re.compile(r"\x1b\[[\d;?]*[A-Za-z]")  # and other orders to a terminal
FAILED = "ERROR: failed to reproduce "


class DvcOutput:
    """Takes the output line by line, and moves the screen."""

    def __init__(self, screen: RunScreen, mark: str) -> None:
        self.screen = screen
        self.mark = mark  # what a report begins with
        self.error: list[str] = []  # the last that DVC said, where it failed
        self.others: list[str] = []  # what was printed while no stage ran

    def take(self, line: str, *, rewritten: bool = False) -> str:
        """Take a line; returns what of it are words. Rewritten: it is one state of a bar."""
        words, marked, report = COLOURS.sub("", line).expandtabs().partition(self.mark)
        if words:
            self.hear(words, rewritten=rewritten)
        if marked:
            self.heed(report)
        return words

    def heed(self, text: str) -> None:
        """A report of a stage of ours."""
        report = read_report(text)
        if isinstance(report, Report):
            self.screen.report(report)
        elif report.exit_code is None:
            self.start(report.stage)
        elif self.screen.running:
            self.screen.running.exit_code = report.exit_code

    def hear(self, line: str, *, rewritten: bool) -> None:
        """Words, of DVC or of the stage that runs."""
        stage = self.screen.running
        if self.error or line.startswith(FAILED) or (line.startswith(ERROR) and not stage):
            self.error.append(line.removeprefix(ERROR))
        elif begins := BEGINS.match(line):
            self.start(begins[1])
        elif unchanged := UNCHANGED.match(line):
            self.leave_out(unchanged[1], "unchanged")
        elif restored := RESTORED.match(line):
            self.leave_out(restored[1], "restored")
        elif KEPT.match(line):
            self.screen.finish()
        elif stage and stage.exit_code != 0:  # its error may follow the report that it ended
            if not line.startswith(COMMAND):
                stage.say(line, rewritten=rewritten)
        elif not rewritten:
            self.others.append(line)

    def start(self, stage: str) -> None:
        if self.screen.running and self.screen.running.name != stage:
            self.screen.finish()
        self.screen.begin(stage)

    def leave_out(self, stage: str, state: State) -> None:
        self.screen.finish()
        self.screen.leave_out(stage, state)
