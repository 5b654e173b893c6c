"""A scheduler that is ended by SIGKILL at one of its system calls, many times over.

python -m tests.killed_nights DATABASE…: as tests.killed, for a tick with two nights to be done. The
first database sees it undisturbed. Prints {"steps": …, "killed": …}.
"""

import json
import sys
from threading import Event

from monitoring.scheduling.job import JobResult
from monitoring.scheduling.runs import Claim
from registry.notices import Notice
from registry.storage.database import connect
from tests.killed import traced
from tests.scheduling import Clock, job, scheduler_of

NOW = "2026-03-10T03:00:00+00:00"


def work(claim: Claim, stop: Event) -> JobResult:
    """Work with a notice of its own for each time that it is done."""
    notice = Notice(key=f"{claim.date}, fence {claim.fence}", kind="night", text="done")
    return JobResult("done", (notice,))


def tick(database: str, minutes: float = 0) -> None:
    engine, clock = connect(database), Clock(NOW)
    clock.forward(minutes=minutes)
    scheduler_of(engine, job(work), clock, 2).tick()
    engine.dispose()


def main() -> None:
    counted, *others = sys.argv[1:]
    steps, _ = traced(lambda: tick(counted))
    dead = 0
    for number, database in enumerate(others):
        at = number * steps // len(others)
        dead += traced(lambda database=database: tick(database), kill_at=at)[1]
    json.dump({"steps": steps, "killed": dead}, sys.stdout)


if __name__ == "__main__":
    main()
