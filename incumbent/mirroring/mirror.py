"""Versions, shown in the trackers of `training.report_to`: a copy, on which nothing depends."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from time import monotonic
from typing import Literal

from project.child_processes import environment
from project.errors import InputError
from project.files import home
from project.records.record import Record
from project.settings import PARAMS, Settings, load

WAIT = 5.0  # seconds, for all trackers together
PROCESS = "incumbent.mirroring.tracker_process"


def mirror(*numbers: int | None) -> None:
    """Tell the trackers what became of some versions, and say in a line each where that can be
    seen, or why not. None of them holds a verb up or lets it fail.
    """
    try:
        trackers = dict.fromkeys(load(MirrorParams).report_to)
        versions = [number for number in dict.fromkeys(numbers) if number is not None]
        telling = [Telling(tracker, versions) for tracker in trackers]
    except (InputError, OSError) as error:
        say(f"no tracker was told: {error}")
        return
    deadline = monotonic() + WAIT
    for report in telling:
        say(report.outcome(deadline))


class Telling:
    """One tracker is told, in a process that outlives a verb where it takes longer."""

    def __init__(self, tracker: str, versions: Sequence[int]) -> None:
        self.tracker, self.log = tracker, folder() / f"{tracker}.log"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as output:
            self.begin = output.tell()
            self.process = subprocess.Popen(
                # -P: a user's own mlflow.py or wandb/ does not hide the library
                [sys.executable, "-P", "-m", PROCESS, tracker, *map(str, versions)],
                cwd=project(),
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # whoever ends the verb's group lets it go on
            )

    def outcome(self, deadline: float) -> str:
        """Its last line, where it has ended in time."""
        try:
            self.process.wait(max(0.0, deadline - monotonic()))
        except subprocess.TimeoutExpired:
            return f"{self.tracker} is told in the background: {self.log} will say how it ended"
        with self.log.open("rb") as stream:
            stream.seek(self.begin)
            lines = stream.read().decode(errors="replace").splitlines()
        return lines[-1] if lines else f"{self.tracker} was not told: {self.log} is empty"


def project() -> Path:
    """The project's own folder: that of `incumbent registry reevaluate` has links to its files."""
    return PARAMS.resolve().parent


def say(line: str) -> None:
    """Print a line for people; standard output may be for a program."""
    print(line, file=sys.stderr)


# --- mirror files ---------------------------------------------------------------------------------

# What is kept of telling a tracker, below `.incumbent/mirroring/`.


class Untold(Record):
    """Versions that a tracker was not told of, or not to the end."""

    versions: tuple[int, ...]


def folder() -> Path:
    return home() / "mirroring"


def untold_of(family: str, tracker: str) -> Path:
    return folder() / f"{family}.{tracker}.untold.json"


def lock_of(family: str, tracker: str) -> Path:
    return folder() / f"{family}.{tracker}.lock"


def figures_page(family: str, number: int) -> Path:
    """The report as it may leave: without rows."""
    return home() / "reports" / f"{family}-v{number}.figures.html"


# --- mirror settings ------------------------------------------------------------------------------

# The keys that stand directly under `training`: which trackers are told of a version.

Tracker = Literal["mlflow", "wandb"]


class MirrorParams(Settings):
    """Which trackers show what became of training; nothing depends on them."""

    # Each is set up by its own variables, such as MLFLOW_TRACKING_URI: docs/how-to/team.md.
    report_to: tuple[Tracker, ...] = ()
