"""The screen of `incumbent run`: a line for each stage that ran, and below them what runs now.

All of it goes to stderr: stdout is for results. In a terminal the lowest lines are drawn again and
again; elsewhere lines are plain, and once a minute one says how far the stage is.
"""

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from time import monotonic
from typing import Literal, Self

from rich.console import Console, Group
from rich.live import Live

from incumbent.running.running_stage import RunningStage, spoken
from incumbent.running.stage_lines import Page, done_line, facts, far_line, plain_lines
from project.progress import Report

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
        self.page = Page(self.console, margin=max(map(len, self.names), default=0) + 2)
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
            self.print_plain(*plain_lines(self.page, stage, lines))
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
        """In plain lines: say now and then how far the stage is."""
        stage = self.running
        if stage and not self.live and self.clock() - self.said_last >= QUIET:
            self.said_last = self.clock()
            far = ", ".join(facts(stage)) or f"{spoken(stage.seconds)} so far"
            self.print_plain(f"{self.page.name_of(stage)}… {far}")

    def sum_up(self) -> None:
        """Name the stages that did not run."""
        for state, words in LEFT_OUT.items():
            if names := [r.name for r in self.results.values() if r.state == state]:
                self.print_dim(f"{words}: {', '.join(names)}")

    def print_total(self) -> None:
        self.print_dim(f"{spoken(self.clock() - self.began)} in all")

    # --- one level down -----------------------------------------------------------------------

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
