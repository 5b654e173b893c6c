"""The nightly job: check the day's traffic, do what follows, notify people."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from threading import Event

from monitoring.carried_labels import bring_folder, bring_labels, carry_labels
from monitoring.clock_check import trusted_day
from monitoring.labels_between_nights import labels_waiting, let_go
from monitoring.late_nights import why_again
from monitoring.night_action import run_retrain
from monitoring.night_check import check
from monitoring.night_context import NightContext
from monitoring.night_history import check_of, end_of, judged_after, keep_check, nights_before
from monitoring.night_notice import AGAIN, DOUBT, NO_TRAFFIC, missing_since, notices
from monitoring.report.night_page import write_page
from monitoring.retention import forget, forget_carried, forget_queued
from monitoring.same_place import require_place
from monitoring.scheduling.job import JobResult, Work
from monitoring.trigger.retrain_slot import retrain_slot
from monitoring.trigger.waiting_corrections import queue_corrections
from project.errors import IncumbentError
from project.records.drift import Action, Night
from registry.jobs.runs import Claim


def nightly(context: NightContext) -> Work:
    """The work of the nightly job."""

    def work(claim: Claim, stop: Event) -> JobResult:
        own = context.until(stop)
        refuse_unfinished(claim.date, own.registry.clock())
        before = nights_before(own.registry.engine, own.registry.family, claim.date)
        if done := done_already(own, claim.date):
            return JobResult(done)
        brought, waiting = bring_labels(own, before), labels_waiting(own.registry)
        if waiting:
            brought += bring_folder(own.registry.artifacts, waiting, own.trigger, queues=False)
        forget_queued(own, claim.date)
        night = verdict_of(own, claim, before, brought)
        if night.action is Action.RETRAIN:
            bring_labels(own, [night], strict=True)
            with retrain_slot(own, claim, stop):
                night = run_retrain(own, night, stop)
        any_own = night.tally is None or night.tally.corrected > 0
        queued = queue_corrections(
            own.traffic, claim.date, own.trigger, own.keep_days, any_own=any_own
        )
        notes = (*night.notes, *unsaid(queued.notes, night.reasons))
        labels = carry_labels(own, night.labels)
        night = night.model_copy(update={"labels": labels, "notes": notes})
        write_page(night, before)
        forget(own, claim.date)
        forget_carried(own.registry, claim.date)
        let_go(own.registry, waiting)
        return JobResult(night, tuple(notices(night, before)))

    return work


def done_already(context: NightContext, day: date) -> Night | None:
    """A night that another machine did again, while this one had the same in mind."""
    engine = context.registry.engine
    known = check_of(engine, context.registry.family, day)
    return end_of(engine, known) if known and not why_again(context, known) else None


def verdict_of(
    context: NightContext, claim: Claim, before: Sequence[Night], notes: Sequence[str]
) -> Night:
    """The verdict that the night has come to, or comes to now; kept before anything follows."""
    registry = context.registry
    known = check_of(registry.engine, registry.family, claim.date)
    again = why_again(context, known) if known else None
    if known and not again:
        return known
    night = check(context, claim.date)
    notes = (*night.notes, *notes, *notes_of(context, night, before, again))
    update = {"notes": notes, "labels": carry_labels(context, None)}
    night = night.model_copy(update=update)
    require_place(context)  # a folder that went away meanwhile looks like a day without traffic
    keep_check(registry.engine, claim, night, registry.clock(), again)
    return night


def notes_of(
    context: NightContext, night: Night, before: Sequence[Night], again: str | None
) -> list[str]:
    """What people should know beside the verdict."""
    registry, day = context.registry, date.fromisoformat(night.date)
    there, notes = context.traffic.days(), []
    if again:
        notes.append(f"{AGAIN}: {again}")
    elif night.traffic is None and not judged_after(registry, day):
        since = missing_since(day, there, before)
        notes += [f"{NO_TRAFFIC} {since}"] if since else []
    trusted = trusted_day(registry, context.traffic, day)
    if trusted < day and any((day - one).days > context.keep_days for one in there):
        notes.append(
            f"{DOUBT} {trusted} to {day}, and the clock may be wrong: traffic that seems due is "
            "not deleted until nights have run on four days, or somebody runs `incumbent nightly "
            "--clock-is-right`"
        )
    return notes


def unsaid(notes: Sequence[str], said: Sequence[str]) -> list[str]:
    """The notes whose words were not said with another number: the rows of a night's queue are
    among those that users corrected.
    """
    known = {words_after_number(one) for one in said}
    return [note for note in notes if words_after_number(note) not in known]


def words_after_number(sentence: str) -> str:
    first, _, rest = sentence.partition(" ")
    return rest if first.isdecimal() else sentence


def refuse_unfinished(day: date, now: datetime) -> None:
    """Raise IncumbentError for a UTC day that is not over, as in a time zone that is ahead."""
    if day >= now.astimezone(UTC).date():
        raise IncumbentError(f"{day} is not over yet in UTC: a night looks at a whole day")
