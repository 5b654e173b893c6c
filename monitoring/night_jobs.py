"""The jobs of a family: its night, its registry's anchor, and the registry verified."""

from monitoring.night import late_nights, nightly
from monitoring.night_context import NightContext, require_place
from monitoring.night_history import anchor_of, night_of, nightly_of, verify_of
from monitoring.scheduling.anchor_delivery import deliver_anchor
from monitoring.scheduling.cron import Cron
from monitoring.scheduling.job import Figures, Job, JobResult
from monitoring.scheduling.retrain_slots import ask_turn
from monitoring.scheduling.runs import Claim, JobRun
from monitoring.scheduling.schedule_settings import ScheduleParams
from project.canonical import stamp
from project.errors import IncumbentError
from project.settings import load
from registry.audit import problems
from registry.chain_anchor import newest_anchor
from registry.registry_settings import RegistryParams
from registry.store import Registry


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


def figures(run: JobRun) -> Figures | None:
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
