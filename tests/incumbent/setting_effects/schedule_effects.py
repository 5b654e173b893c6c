"""What the keys of the schedule and of notices do."""

from datetime import date
from pathlib import Path
from typing import Any

from monitoring.night import anchor_jobs, nightly_job, verify_job
from monitoring.night_context import NightContext
from monitoring.scheduling.job import ScheduleParams
from monitoring.scheduling.job_scheduler import Scheduler
from monitoring.scheduling.notice_delivery import NoticeParams, deliver
from monitoring.scheduling.outbox import depth
from project.settings import load
from registry.notices import Notice, put
from registry.storage.database import writing
from registry.store import Registry
from tests.incumbent.setting_effects.effect import Effect, Output, ShownBy
from tests.scheduling import Clock, diary, job

NOW = "2026-03-12T12:00:00Z"  # a Thursday
NOTICE = Notice(key="night 2026-03-09 drift", kind="drift", text="it drifts", detail={})


# --- schedule -------------------------------------------------------------------------------------


def coming() -> dict[str, str]:
    """When each job of the scheduler comes next."""
    schedule, clock = load(ScheduleParams), Clock(NOW)
    with Registry.here() as registry:
        night = nightly_job(NightContext.here(registry), schedule)
        jobs = (night, *anchor_jobs(registry, schedule), verify_job(registry, schedule))
    return {job.name: str(next(job.cron.after(clock()))) for job in jobs}


def caught_up() -> list[date]:
    """The dates that a scheduler does when it is started."""
    dates: list[date] = []
    with Registry.here() as registry:
        schedule = load(ScheduleParams)
        Scheduler(schedule, [job(diary(dates))], registry.engine, clock=Clock(NOW)).tick()
    return dates


SCHEDULED = {"embedder.model": "models/words", "registry.anchor": "anchors.jsonl"}


def scheduled(a: object, b: object, output: Output = coming) -> Effect:
    return Effect((a, b), output, beside=SCHEDULED, models="words")


SCHEDULE: dict[str, Effect | ShownBy] = {
    "nightly": scheduled("30 2 * * *", "30 5 * * *"),
    "verify": scheduled("0 4 * * 0", "0 4 * * 1"),
    "timezone": scheduled("UTC", "Europe/Berlin"),
    "catch_up_days": scheduled(7, 2, caught_up),
    "health": ShownBy(
        "tests/monitoring/test_scheduler.py"
        "::test_a_service_whose_log_is_full_does_its_nights_and_shows_its_health_until_it_ends"
    ),
}


# --- notices --------------------------------------------------------------------------------------


def delivered() -> dict[str, Any]:
    """What came of a notice: how many went out, wait and were given up, and what was received."""
    with Registry.here() as registry:
        with writing(registry.engine) as connection:
            put(connection, NOTICE, Clock(NOW)())
        sent = deliver(registry.engine, load(NoticeParams), Clock(NOW))
        told = Path("told").read_text() if Path("told").exists() else ""
        return {"sent": sent, "left": depth(registry.engine), "told": told}


def addressed() -> str:
    """Where notices would go."""
    return str(load(NoticeParams).url())


def notified(a: object, b: object, output: Output = delivered, **beside: Any) -> Effect:
    others = {f"monitoring.notices.{name}": value for name, value in beside.items()}
    return Effect((a, b), output, beside=others, refused=output is addressed)


NOTICES: dict[str, Effect | ShownBy] = {
    "webhook": ShownBy(
        "tests/monitoring/test_notice_delivery.py"
        "::test_a_webhook_gets_slacks_json_our_fields_and_a_key"
    ),
    "command": notified([], ["sh", "-c", "cat > told"]),
    "allowed_hosts": notified(["b.example.com"], [], addressed, webhook="https://a.example.com/x"),
    "allow_private": notified(False, True, addressed, webhook="http://127.0.0.1:9/x"),
}


EFFECTS: dict[str, Effect | ShownBy] = {
    f"monitoring.{section}.{name}": row
    for section, rows in (("schedule", SCHEDULE), ("notices", NOTICES))
    for name, row in rows.items()
}
