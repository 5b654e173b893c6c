"""The scheduler of many projects as a service: it ticks until it is asked to end."""

import logging
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from datetime import UTC, datetime
from threading import Event

from monitoring.night_history import nightly_of
from monitoring.scheduling.cron import address_of
from monitoring.scheduling.health import pages_of, serving
from monitoring.scheduling.job import Figures, Job, JobResult
from monitoring.scheduling.runs import Claim, JobRun
from monitoring.scheduling.service import TICK, calmly, log_to_stderr, terminable
from monitoring.teams.team_project import ReadProject, Teams, registry_of
from monitoring.teams.team_scheduler import TeamScheduler
from project.errors import IncumbentError
from registry.storage.database import connect

SOON = 0.5  # seconds between two looks where it is to end once all is done

log = logging.getLogger(__name__)


def serve_teams(
    teams: Teams,
    figures: Callable[[JobRun], Figures | None],
    *,
    once: bool = False,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> None:
    """Do what is due in all projects, until SIGTERM or SIGINT, or just once.

    `figures` are what /metrics shows of a night. Raises InputError where no project can be read,
    and with `once` IncumbentError where some of them could not be done.
    """
    log_to_stderr()
    database = registry_of(teams)
    scheduler = TeamScheduler(teams, connect(database), database, clock=clock)
    with terminable(scheduler):
        if once:
            do_all(scheduler)
            return
        jobs = jobs_of(scheduler.projects(), figures)
        pages = pages_of(scheduler.engine, jobs, scheduler.holder, clock)
        shown = serving(address_of(teams.health), pages) if teams.health else nullcontext()
        try:
            with shown:
                log.info("scheduler %s runs for %d projects", scheduler.holder, len(teams.projects))
                while True:
                    calmly(scheduler.tick)()
                    calmly(scheduler.beat)()
                    Event().wait(TICK.total_seconds())
        finally:
            calmly(scheduler.farewell)()


def do_all(scheduler: TeamScheduler) -> None:
    """Until nothing more is due, or what is due has been tried.

    Raises IncumbentError where a project was left aside or its process failed; the log says why.
    """
    scheduler.tick()
    while scheduler.processes:
        Event().wait(SOON)
        scheduler.tick()
    if undone := len(scheduler.unusable) + len(scheduler.failed):
        counts = f"{undone} of {len(scheduler.teams.projects)} projects"
        raise IncumbentError(f"{counts} could not be done, for the reasons above")


def jobs_of(
    projects: Sequence[ReadProject], figures: Callable[[JobRun], Figures | None]
) -> Sequence[Job]:
    """All jobs of all projects, for /metrics; their processes do them."""

    def elsewhere(claim: Claim, stop: Event) -> JobResult:
        raise IncumbentError(f"{claim} is for a process of its own project")

    return [
        Job(name, cron, elsewhere, figures if name == nightly_of(project.family) else no_figures)
        for project in projects
        for name, cron in project.jobs.items()
    ]


def no_figures(run: JobRun) -> Figures | None:
    return None
