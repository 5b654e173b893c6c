"""`incumbent nightly`, `drift scheduler` and `drift accept`: a night now, every night, and what a
person says of the drift that they found.
"""

import logging
import socket
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from incumbent.options import Json, Reason, day_option
from incumbent.output import console, print_json
from monitoring.drift.accepted_drift import accept_drift, accepted_words
from monitoring.monitoring_settings import DriftParams, first_and_last
from monitoring.night import anchor_jobs, figures, nightly_job, verify_job, why_again
from monitoring.night_context import NightContext, believe, move_traffic
from monitoring.night_history import check_of, last_nights, night_of
from monitoring.night_page import page_path
from monitoring.night_text import blind_sentence, line
from monitoring.scheduling.heartbeats import Heartbeat, living
from monitoring.scheduling.job import Job, ScheduleParams
from monitoring.scheduling.job_scheduler import Scheduler
from monitoring.scheduling.notice_delivery import NoticeParams, deliver
from monitoring.scheduling.retrain_slots import RetrainLimits
from monitoring.scheduling.runs import JobRun, RunState, runs_of
from monitoring.scheduling.service import serve, tell_own_progress, terminable
from monitoring.teams.team_project import read_teams, registry_of
from monitoring.teams.team_service import serve_teams
from project.canonical import readable
from project.errors import IncumbentError, InputError
from project.records.drift import Night
from project.settings import load
from registry.reader import RegistryReader
from registry.storage.database import connect
from registry.store import Registry
from review.review_settings import ReviewParams

# --- nightly --------------------------------------------------------------------------------------

# `nightly`: one night.

log = logging.getLogger(__name__)


def run_night(
    date: Annotated[
        date | None, day_option("The day whose traffic is looked at; if left out, yesterday.")
    ] = None,
    traffic_is_here: Annotated[
        bool,
        typer.Option(
            "--traffic-is-here",
            help="The traffic was moved to this machine's folder; that is kept on record.",
        ),
    ] = False,
    clock_is_right: Annotated[
        bool,
        typer.Option(
            "--clock-is-right",
            help="The clock is right, though nothing is known of a month or more before today.",
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Run one night: check the day's traffic for drift, and do what follows; once for each date.

    The same date twice does nothing twice, but a night that could compare nothing is judged again
    where its rows have come since.

    $ incumbent nightly --date 2026-11-30
    """
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    tell_own_progress()
    schedule = load(ScheduleParams)
    with Registry.here() as registry:
        day = date or registry.clock().date() - timedelta(days=1)
        if day >= registry.clock().date():
            raise InputError(f"{day} is not over yet (in UTC): a night looks at a whole day")
        context = NightContext.here(registry)
        if traffic_is_here:
            log.info(
                "the traffic of %s is at %s from now on", registry.family, move_traffic(context)
            )
        if clock_is_right:
            log.info("the clock is believed from %s on", believe(registry).mark)
        job = nightly_job(context, schedule)
        again, scheduler = done_again(context, day), scheduler_of(schedule, job, registry)
        with terminable(scheduler):
            scheduler.run(job, day, insist=True, again=again)
        night = finished(registry, job.name, day)
        url, family = load(ReviewParams).url, registry.family
        deliver(registry.engine, load(NoticeParams), registry.clock, url, family)
    if as_json:
        print_json(night)
    else:
        console.print(line(night), soft_wrap=True)
        console.print(f"report: {page_path(night.family, day)}", soft_wrap=True)


def scheduler_of(schedule: ScheduleParams, job: Job, registry: Registry) -> Scheduler:
    return Scheduler(schedule, [job], registry.engine, clock=registry.clock)


def done_again(context: NightContext, day: date) -> str | None:
    """Why the night of a day that is finished is run again; None: it stands, and is shown."""
    night = check_of(context.registry.engine, context.registry.family, day)
    if night is None or (why := why_again(context, night)):
        return why if night else None
    if night.traffic and context.traffic.seen(day) not in (night.traffic, None):
        log.info("%s has been judged and stays so: its new rows count in the nights after it", day)
    return None


def finished(registry: Registry, job: str, day: date) -> Night:
    """Raises IncumbentError for a night that did not come to its end, with its problem, and with
    what a person can do.
    """
    run = next((run for run in runs_of(registry.engine, job) if run.date == day), None)
    if run and (night := night_of(run)):
        return night
    raise IncumbentError(f"the night of {day} is not done: {what_stopped(run)}")


def what_stopped(run: JobRun | None) -> str:
    if run is None:
        return "it was not begun"
    command = f"`incumbent nightly --date {run.date}`"
    if run.state is RunState.RUNNING:
        return f"{run.holder} is at it; {command} shows it once it is done"
    command += " tries again"
    if run.state is RunState.WAITING:
        command += f"; so does a scheduler, where one runs, from {readable(run.until)} on"
    return f"{run.problem}\n{command}"


# --- drift accept ---------------------------------------------------------------------------------

# `drift accept`: what a drift brought is normal now.


def accept(
    reason: Reason,
    topic: Annotated[
        list[str] | None,
        typer.Option(help="A topic of the drift, by its words or its number; again for others."),
    ] = None,
    signal: Annotated[
        list[str] | None, typer.Option(help="A signal that alarms; again for others.")
    ] = None,
    days: Annotated[
        str | None,
        typer.Option(
            metavar="FROM..TO",
            help="What is normal is as on these days; by default the drift's last seven.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Accept a drift: some topics or signals of it, or all of it, are normal from now on.

    The next night freezes the reference anew. What is not accepted is compared as before.

    $ incumbent drift accept --topic "coin, token" --reason "we sell coins since March"
    """
    try:
        span = first_and_last(days) if days else None
    except ValueError as error:
        raise InputError(str(error), field="--days") from None
    with Registry.here() as registry:
        params = load(DriftParams)
        event = accept_drift(
            registry, params, reason, topics=topic or (), signals=signal or (), days=span
        )
        words = accepted_words(event)
    if as_json:
        print_json(event)
    else:
        console.print(words, soft_wrap=True)


# --- scheduler ------------------------------------------------------------------------------------

# `drift scheduler`: every night at its time; or whether this machine's scheduler lives.


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
    """Run every night at its time, catch up on missed ones; anchor and verify the registry.

    $ incumbent drift scheduler --once
    """
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
    serve_teams(read_teams(file), figures, once=once)


def check_scheduler(teams: Path | None = None) -> None:
    """Print the newest sign of life of a scheduler on this host, and whether its nights are blind.

    Raises IncumbentError where there is no fresh one, and InputError outside of a project, where
    looking would make a registry.
    """
    host, now = socket.gethostname(), datetime.now(UTC)
    beats = [beat for beat in (of_teams(teams) if teams else here()) if beat.machine == host]
    newest = min(beats, key=lambda beat: beat.age(now), default=None)
    if newest is None:
        raise IncumbentError(
            f"no scheduler runs on {host}: start one by `incumbent drift scheduler`"
        )
    if not newest.is_fresh(now):
        raise IncumbentError(f"no heartbeat for {newest.age(now).total_seconds():.0f} s: {newest}")
    console.print(str(newest), soft_wrap=True)
    if teams is None and (told := blind_here()):
        console.print(told, soft_wrap=True)


def blind_here() -> str | None:
    """Why the newest night of this project is blind; None: it is not."""
    with RegistryReader.here() as reader:
        nights = last_nights(reader.engine, reader.family, limit=2)  # one may be without verdict
    newest = next((night for kept in nights if (night := kept.verdict)), None)
    return blind_sentence(newest) if newest else None


def here() -> tuple[Heartbeat, ...]:
    with RegistryReader.here() as registry:
        return living(registry.engine)


def of_teams(file: Path) -> tuple[Heartbeat, ...]:
    engine = connect(registry_of(read_teams(file)))
    try:
        return living(engine)
    finally:
        engine.dispose()
