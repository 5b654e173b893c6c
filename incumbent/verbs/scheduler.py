"""`drift scheduler`: every night at its time; or whether this machine's scheduler lives."""

import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from incumbent.output import console
from monitoring.scheduling.heartbeats import Heartbeat, living
from monitoring.scheduling.retrain_slots import RetrainLimits
from project.errors import IncumbentError, InputError
from project.settings import load
from registry.reader import RegistryReader
from registry.storage.database import connect
from registry.store import Registry


def scheduler(
    once: Annotated[bool, typer.Option("--once", help="Do what is due now, and end.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Only say whether a scheduler lives on this machine.")
    ] = False,
    teams: Annotated[
        Path | None,
        typer.Option(help="teams.yaml: the projects that it is for, instead of this one."),
    ] = None,
    at_once: Annotated[
        int | None,
        typer.Option(
            min=1, help="How many retrains may run at once, of all families in the registry."
        ),
    ] = None,
    quota: Annotated[
        int | None,
        typer.Option(min=0, help="How many retrains of this family may start in 7 days."),
    ] = None,
) -> None:
    """Run every night at its time, catch up on missed ones; anchor and verify the registry."""
    if check:
        check_scheduler(teams)
        return
    if teams is None:
        run_scheduler(once=once, limits=RetrainLimits(at_once=at_once, quota=quota))
    elif at_once is None and quota is None:
        run_team_scheduler(teams, once=once)
    else:
        raise InputError(f"--at-once and --quota are for one project: {teams} has them for all")


def run_scheduler(*, once: bool, limits: RetrainLimits) -> None:
    """Run every night, anchor and verify the registry, until it is asked to end."""
    # Imported here because a probe asks with --check every few seconds, and these take a while.
    from monitoring.night_context import NightContext
    from monitoring.night_jobs import anchor_jobs, nightly_job, verify_job
    from monitoring.scheduling.notice_delivery import NoticeParams
    from monitoring.scheduling.schedule_settings import ScheduleParams
    from monitoring.scheduling.service import serve
    from review.review_settings import ReviewParams

    schedule = load(ScheduleParams)
    with Registry.here() as registry:
        jobs = (
            nightly_job(NightContext.here(registry, limits), schedule),
            *anchor_jobs(registry, schedule),
            verify_job(registry, schedule),
        )
        serve(
            schedule,
            jobs,
            registry.engine,
            load(NoticeParams),
            clock=registry.clock,
            once=once,
            page=load(ReviewParams).url,
            family=registry.family,
        )


def run_team_scheduler(file: Path, *, once: bool) -> None:
    """The same for the projects of many teams, each in processes of its own."""
    from monitoring.night_jobs import figures  # as above
    from monitoring.teams.team_project import read_teams
    from monitoring.teams.team_service import serve_teams

    serve_teams(read_teams(file), figures, once=once)


def check_scheduler(teams: Path | None = None) -> None:
    """Print the newest sign of life of a scheduler on this host.

    Raises IncumbentError where there is no fresh one, and InputError outside of a project, where
    looking would make a registry.
    """
    host, now = socket.gethostname(), datetime.now(UTC)
    own = [one for one in (of_teams(teams) if teams else here()) if one.machine == host]
    newest = min(own, key=lambda one: one.age(now), default=None)
    if newest is None:
        raise IncumbentError(
            f"no scheduler runs on {host}: start one by `incumbent drift scheduler`"
        )
    if not newest.is_fresh(now):
        raise IncumbentError(f"no heartbeat for {newest.age(now).total_seconds():.0f} s: {newest}")
    console.print(str(newest), soft_wrap=True)


def here() -> tuple[Heartbeat, ...]:
    with RegistryReader.here() as registry:
        return living(registry.engine)


def of_teams(file: Path) -> tuple[Heartbeat, ...]:
    # Imported here because it brings what times are read by, which is in an extra.
    from monitoring.teams.team_project import read_teams, registry_of

    engine = connect(registry_of(read_teams(file)))
    try:
        return living(engine)
    finally:
        engine.dispose()
