"""A process of a project: it does all that is due there, in the project's own surroundings."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from monitoring.teams.team_project import ReadProject, TeamProject, home_of, variables_of
from project.records.record import Record

PATIENCE = 120.0  # seconds in which a process that is asked to end has ended a retrain
SHOWN = 300  # characters of the last line of a log


class ProcessEnd(Record):
    """How a process ended."""

    code: int
    log: str
    last_line: str

    def __str__(self) -> str:
        return f"ended with code {self.code}: {self.last_line or 'no word'} ({self.log})"


@dataclass(frozen=True)
class ProjectProcess:
    """One that was started; it goes on where the scheduler dies, under its own leases."""

    project: ReadProject
    process: subprocess.Popen[bytes]
    log: Path

    @classmethod
    def start(cls, project: ReadProject, at_once: int) -> "ProjectProcess":
        """`drift scheduler --once` in the project's folder, with a log that begins anew."""
        limits = ["--at-once", str(at_once), "--quota", str(project.team.quota)]
        log = log_of(project.team)
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as output:
            process = subprocess.Popen(
                ["incumbent", "drift", "scheduler", "--once", *limits],
                cwd=project.team.path,
                env=variables_of(project.team),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C in a terminal is for the scheduler alone
            )
        return cls(project, process, log)

    def ended(self) -> ProcessEnd | None:
        """None: it still runs."""
        code = self.process.poll()
        if code is None:
            return None
        lines = self.log.read_text(errors="replace").split("\n") if self.log.exists() else []
        last = next((line for line in reversed(lines) if line.strip()), "")
        return ProcessEnd(code=code, log=str(self.log), last_line=last.strip()[-SHOWN:])

    def ask_to_end(self) -> None:
        self.process.terminate()

    def wait(self) -> None:
        """Until it has ended, in order or not."""
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def log_of(team: TeamProject) -> Path:
    return home_of(team) / "monitoring" / "scheduler.log"
