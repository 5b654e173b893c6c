"""How the line of a stage looks: while it runs, and when it has ended."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table
from rich.text import Text

from incumbent.running.running_stage import RunningStage, roughly, spoken

WIDTH = 100  # columns at most: a line that is longer is hard to read
SHORTEST, LONGEST = 10, 40  # columns of a bar
GAP = "  "


@dataclass(frozen=True)
class Page:
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


def done_line(page: Page, stage: RunningStage, lines: Sequence[str], *, failed: bool) -> Table:
    """Of a stage that ended: its name, what came out, its seconds; below it, its warnings."""
    grid = Table.grid(padding=(0, len(GAP), 0, 0))
    grid.width = page.width
    grid.add_column(width=max(page.margin - len(GAP), len(stage.name)), no_wrap=True)
    grid.add_column(ratio=1)
    grid.add_column(justify="right", no_wrap=True)
    parts = [Text(line, "red" if failed else "") for line in lines]
    parts += [Text(line, "yellow") for line in stage.warnings]
    grid.add_row(stage.name, Text("\n").join(parts), Text(spoken(stage.seconds), "dim"))
    return grid


def plain_lines(page: Page, stage: RunningStage, lines: Sequence[str]) -> list[str]:
    """The same, of any length and without a style."""
    first, *more = (*lines, *stage.warnings)
    margin = " " * page.margin
    head = f"{page.name_of(stage)}{first} ({spoken(stage.seconds)})"
    return [head, *(f"{margin}{line}" for line in more)]


def far_line(page: Page, stage: RunningStage) -> Text:
    """Of a stage that runs: how far its bar is, or without one what it printed last."""
    if stage.bar is None:
        seconds = spoken(stage.seconds)
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


def bar_of(page: Page, stage: RunningStage, columns: int) -> Text:
    full, empty = "#-" if page.ascii_only else "━─"
    done = int(columns * min(stage.share, 1))
    return Text.assemble((full * done, "cyan"), (empty * (columns - done), "dim"))


def facts(stage: RunningStage) -> list[str]:
    """How far a stage's bar is, its note, and how long it will take."""
    if stage.bar is None:
        return []
    bar, left = stage.bar, stage.seconds_left
    soon = f"{roughly(left)} left" if left is not None and bar.done < bar.total else ""
    done = str(bar.done).rjust(len(str(bar.total)))
    return [f"{done}/{bar.total} {bar.unit}", *filter(None, [bar.note, soon])]
