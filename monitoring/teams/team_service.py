"""The scheduler of many projects as a service: it ticks until it is asked to end."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from threading import Event

from sqlalchemy import Engine

from monitoring.night_history import nightly_of, unjudged_nights
from monitoring.scheduling import outbox
from monitoring.scheduling.health import pages_of, serving
from monitoring.scheduling.heartbeats import Heartbeat, beat, farewell
from monitoring.scheduling.job import Figures, Job, JobResult, address_of
from monitoring.scheduling.job_scheduler import LATE, missing_dates, new_holder, next_run
from monitoring.scheduling.retrain_slots import RetrainLimits, ask_turn, is_waiting, retrains
from monitoring.scheduling.runs import Claim, JobRun, claimable, run_on
from monitoring.scheduling.service import TICK, calmly, log_to_stderr, terminable
from monitoring.teams.team_project import (
    ProjectProcess,
    ReadProject,
    Teams,
    read_project,
    registry_of,
)
from project.canonical import stamp
from project.errors import IncumbentError, InputError
from project.records.record import Record
from registry.storage.database import connect

# Before work is tried again that a process left undone, as where its machine must not do it.
PAUSE = timedelta(minutes=5)
LATE_DAYS = "days that came late"  # a project is asked for them each hour


Start = Callable[[ReadProject, int], ProjectProcess]


class DueWork(Record):
    """Something that a process of the project can do now."""

    what: str  # such as `nightly bank`
    date: str = ""  # logical; "": it has none
    retrain: bool = False  # whether it is a night whose retrain waits for its turn

    def __str__(self) -> str:
        named = f"{self.what} of {self.date}" if self.date else self.what
        return f"{named}, its retrain" if self.retrain else named


class TeamScheduler:
    """Starts what is due. `tick` is quick; what takes long happens in the processes."""

    def __init__(
        self,
        teams: Teams,
        engine: Engine,
        database: str,
        *,
        clock: Callable[[], datetime],
        start: Start = ProjectProcess.start,
    ) -> None:
        self.teams = teams
        self.engine = engine
        self.database = database
        self.clock = clock
        self.start = start
        self.stopping = Event()
        self.holder = new_holder()
        self.processes: dict[str, ProjectProcess] = {}  # by family
        self.tried: dict[tuple[str, DueWork], datetime] = {}  # when work was last begun
        self.unusable: dict[str, str] = {}  # why nothing can be done for a project, by its folder
        self.failed: dict[str, str] = {}  # how a family's last process failed

    def tick(self) -> None:
        """See which processes have ended, and start those that have something to do."""
        self.reap()
        todo = [(due, project) for project in self.projects() for due in self.startable(project)]
        # Retrains first: a slot is free for them. Then the oldest dates; notices have none.
        todo.sort(key=lambda pair: (not pair[0].retrain, pair[0].date, pair[1].family))
        for due, project in todo:
            self.begin(due, project)

    def beat(self) -> None:
        """Leave a sign of life, with what comes next and what retrains are kept to."""
        now = self.clock()
        projects = self.projects()
        at, job = next_run((item for project in projects for item in project.jobs.items()), now)
        heartbeat = Heartbeat(
            holder=self.holder,
            at=stamp(now),
            doing=", ".join(sorted(self.processes)) or None,
            next_job=job,
            next_at=at,
            refuses="; ".join([*self.unusable.values(), *self.failed.values()]) or None,
            quotas={project.family: project.team.quota for project in projects},
            at_once=self.teams.at_once,
        )
        beat(self.engine, heartbeat)

    def stop(self) -> None:
        """Start nothing more, ask all processes to end in order, and wait for them."""
        self.stopping.set()
        for process in self.processes.values():
            process.process.terminate()
        for process in self.processes.values():
            process.wait()
        self.reap()

    def farewell(self) -> None:
        farewell(self.engine, self.holder)

    # --- projects and their processes -----------------------------------------------------------

    def reap(self) -> None:
        for family, process in list(self.processes.items()):
            if (ended := process.ended()) is None:
                continue
            del self.processes[family]
            if ended.code:
                self.note(self.failed, family, f"{family}: its process {ended}")
            else:
                self.failed.pop(family, None)
                log.info("%s: its process has ended", family)

    def projects(self) -> list[ReadProject]:
        """Those that can be read and belong here; what is wrong with one is no other's affair."""
        by_family: dict[str, ReadProject] = {}
        for team in self.teams.projects:
            folder = str(team.path)
            try:
                project = read_project(team)
                self.refuse_misplaced(project, by_family.get(project.family))
            except IncumbentError as error:
                self.note(self.unusable, folder, str(error))
            else:
                self.unusable.pop(folder, None)
                by_family[project.family] = project
        return list(by_family.values())

    def refuse_misplaced(self, project: ReadProject, other: ReadProject | None) -> None:
        params = project.team.params
        if project.database != self.database:
            problem = "its registry is not the other projects': one scheduler is for one registry"
            raise InputError(problem, file=params, field="registry.database")
        if other is not None:
            problem = f"{project.family} is the family of {other.team.path} already"
            raise InputError(problem, file=params, field="registry.family")

    def startable(self, project: ReadProject) -> Iterator[DueWork]:
        """What is due in a project that no process is at, but for what was tried just now."""
        if project.family in self.processes:
            return
        now = self.clock()
        limits = RetrainLimits(at_once=self.teams.at_once, quota=project.team.quota)
        try:
            for due in due_work(self.engine, project, now):
                tried = self.tried.get((project.family, due))
                if tried is not None and tried <= now < tried + PAUSE:
                    continue
                day = datetime.fromisoformat(due.date).date() if due.retrain else None
                if day is None or ask_turn(self.engine, project.family, day, now, limits):
                    yield due
            yield from self.late_work(project, now)
        except IncumbentError as error:
            log.error("%s: %s", project.family, error)

    def late_work(self, project: ReadProject, now: datetime) -> Iterator[DueWork]:
        """Once an hour, where a night had no traffic: it may have come since."""
        due = DueWork(what=LATE_DAYS)
        tried = self.tried.get((project.family, due))
        if tried is None or abs(now - tried) >= LATE:
            self.tried[project.family, due] = now
            nights = unjudged_nights(self.engine, project.family, now.date()).values()
            if any(night.traffic is None for night in nights):
                yield due

    def begin(self, due: DueWork, project: ReadProject) -> None:
        """Start a project's process, unless one runs or the machine has enough to do."""
        if self.stopping.is_set() or project.family in self.processes or self.is_busy(due):
            return
        log.info("%s: %s is due", project.family, due)
        try:
            process = self.start(project, self.teams.at_once)
        except OSError as error:
            self.note(self.failed, project.family, f"{project.family}: cannot be started: {error}")
            return
        finally:
            self.tried[project.family, due] = self.clock()
        self.processes[project.family] = process

    def is_busy(self, due: DueWork) -> bool:
        """Whether enough nights are looked at; one that retrains is counted by its slot."""
        if due.retrain:
            return False
        running = retrains(self.engine, self.clock()).running
        looking = [family for family in self.processes if family not in running]
        return len(looking) >= self.teams.nights_at_once

    def note(self, problems: dict[str, str], name: str, problem: str) -> None:
        """Keep what is wrong, and log it once."""
        if problems.get(name) != problem:
            log.error("%s", problem)
        problems[name] = problem


# --- due work -------------------------------------------------------------------------------------

# What is due in a project, as its own registry tells: dates of its jobs, and notices to send.


def due_work(engine: Engine, project: ReadProject, now: datetime) -> Iterator[DueWork]:
    """The oldest date of each job that is not at its end, where it can be claimed now."""
    for job, cron in project.jobs.items():
        missing = missing_dates(engine, job, cron, now, project.schedule.catch_up)
        for day in sorted(missing)[:1]:
            run = run_on(engine, job, day)
            if run is None or claimable(run, now, insist=False):
                night = job == nightly_of(project.family)
                waits = night and is_waiting(engine, project.family, day)
                yield DueWork(what=job, date=str(day), retrain=waits)
    if outbox.is_waiting(engine, now, project.family):
        yield DueWork(what="notices")


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
    """Until all that is due was tried. Raises IncumbentError where a project failed."""
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

    nights = {nightly_of(project.family) for project in projects}
    return [
        Job(name, cron, elsewhere, figures if name in nights else lambda _: None)
        for project in projects
        for name, cron in project.jobs.items()
    ]
