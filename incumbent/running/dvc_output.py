"""What DVC and the stages print while they run, and what it says to the screen.

Stages of ours report that they begin and end; of a user's programs only DVC's own lines tell.
"""

import re

from incumbent.running.run_screen import RunScreen, State
from project.progress import Report, read_report

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
