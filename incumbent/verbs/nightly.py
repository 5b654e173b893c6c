"""`incumbent nightly` and `incumbent scheduler`: one night, or every night."""

import logging
from datetime import date, timedelta
from pathlib import Path

from incumbent.output import console, print_json
from monitoring.night import late_nights, nightly, why_again
from monitoring.night_context import NightContext, believe, move_traffic, require_place
from monitoring.night_history import anchor_of, check_of, night_of, nightly_of, verify_of
from monitoring.report.night_page import page_path
from monitoring.report.night_text import line
from monitoring.scheduling.anchor_delivery import deliver_anchor
from monitoring.scheduling.cron import Cron
from monitoring.scheduling.job import Figures, Job, JobResult
from monitoring.scheduling.notice_delivery import NoticeParams, deliver
from monitoring.scheduling.retrain_slots import NO_LIMITS, RetrainLimits, ask_turn
from monitoring.scheduling.runs import Claim, Run, RunState, runs_of
from monitoring.scheduling.schedule_settings import ScheduleParams
from monitoring.scheduling.scheduler import Scheduler
from monitoring.scheduling.service import serve, tell_own_progress, terminable
from monitoring.teams.team_project import read_teams
from monitoring.teams.team_service import serve_teams
from project.errors import IncumbentError, InputError
from project.records.drift import Night
from project.settings import load
from project.times import readable, stamp
from registry.anchoring.anchor import newest_anchor
from registry.audit import problems
from registry.registry_settings import RegistryParams
from registry.store import Registry
from review.review_settings import ReviewParams

log = logging.getLogger(__name__)


def run_night(
    day: date | None, *, as_json: bool, traffic_is_here: bool = False, clock_is_right: bool = False
) -> None:
    """Run one night, unless it is done; the same date twice does nothing twice, but a night that
    could compare nothing is judged again where its rows have come since.
    """
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    tell_own_progress()
    schedule = load(ScheduleParams)
    with Registry.here() as registry:
        day = day or registry.clock().date() - timedelta(days=1)
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
        print_json(night.model_dump(mode="json"))
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


def what_stopped(run: Run | None) -> str:
    if run is None:
        return "it was not begun"
    if run.state is RunState.RUNNING:
        return f"{run.holder} is at it; `incumbent status` shows when it is done"
    command = f"`incumbent nightly --date {run.date}` tries again"
    if run.state is RunState.WAITING:
        command += f"; so does a scheduler, where one runs, from {readable(run.until)} on"
    return f"{run.problem}\n{command}"


def run_scheduler(*, once: bool, limits: RetrainLimits = NO_LIMITS) -> None:
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


def nightly_job(context: NightContext, schedule: ScheduleParams) -> Job:
    registry = context.registry
    name = nightly_of(registry.family)
    return Job(
        name,
        Cron(schedule.nightly, schedule.timezone),
        nightly(context),
        figures,
        admit=lambda: require_place(context),
        late=lambda: late_nights(context),
        ask_turn=lambda day: ask_turn(
            registry.engine, registry.family, day, registry.clock(), context.limits
        ),
    )


def figures(run: Run) -> Figures | None:
    """What /metrics shows of a night."""
    if (night := night_of(run)) is None:
        return None
    return Figures(
        verdict=night.verdict.value,
        had_data=night.traffic is not None,
        evidence=night.evidence,
        threshold=1.0,
        retrain=night.outcome.value if night.outcome else None,
    )


def verify_job(registry: Registry, schedule: ScheduleParams) -> Job:
    def work(claim: Claim, stop: object) -> JobResult:
        if found := list(problems(registry)):
            raise IncumbentError(f"the registry is not what its events say: {'; '.join(found)}")
        return JobResult(f"verified at {stamp(registry.clock())}")

    return Job(verify_of(registry.family), Cron(schedule.verify, schedule.timezone), work)


def anchor_jobs(registry: Registry, schedule: ScheduleParams) -> tuple[Job, ...]:
    """One, where the settings name a place for anchors."""
    if (place := load(RegistryParams).anchor_place) is None:
        return ()

    def work(claim: Claim, stop: object) -> JobResult:
        if (anchor := newest_anchor(registry)) is None:
            return JobResult("there was no event to anchor yet")
        deliver_anchor(anchor, place)
        return JobResult(anchor)

    return (Job(anchor_of(registry.family), Cron(schedule.anchor, schedule.timezone), work),)
