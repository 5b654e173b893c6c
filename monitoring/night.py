"""A night from its beginning to its end, and the jobs that run it."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, timedelta
from threading import Event

from monitoring.blindness import (
    blind_notices,
    lost_notes,
    night_notice,
    of_sight,
    sight_notes,
    with_blindness,
)
from monitoring.carried_labels import (
    bring_folder,
    bring_labels,
    carry_labels,
    labels_waiting,
    let_go,
)
from monitoring.champion_quality import record_change
from monitoring.night_action import accept_and_queue, retrain_slot, run_retrain
from monitoring.night_check import check
from monitoring.night_context import (
    UNDISCLOSED,
    UNSEEN,
    NightContext,
    require_place,
    trusted_day,
    unseen_here,
)
from monitoring.night_history import (
    anchor_of,
    check_of,
    end_of,
    failed_retrain,
    judged_after,
    keep_check,
    night_of,
    nightly_of,
    nights_before,
    unjudged_nights,
    verify_of,
    waits_for_rows,
)
from monitoring.night_page import write_page
from monitoring.night_text import blind_sentence, notice_text, share_moved
from monitoring.retention import forget, forget_carried, forget_queued
from monitoring.scheduling.anchor_delivery import deliver_anchor
from monitoring.scheduling.job import ANCHORING, Cron, Figures, Job, JobResult, ScheduleParams, Work
from monitoring.scheduling.retrain_slots import ask_turn
from monitoring.scheduling.runs import Claim, JobRun
from monitoring.trigger.retrain import HungRetrainError, what_a_retrain_reads
from monitoring.trigger.state_machine import drift_news, is_told
from monitoring.trigger.waiting_corrections import queue_corrections
from project.canonical import stamp
from project.errors import IncumbentError
from project.records.drift import Action, Night, RetrainOutcome, ToLabel
from project.settings import load
from registry.audit import problems
from registry.chain_anchor import newest_anchor
from registry.notices import Notice
from registry.registry_settings import RegistryParams
from registry.store import Registry

# --- night ----------------------------------------------------------------------------------------

# The nightly job: check the day's traffic, do what follows, notify people.


def nightly(context: NightContext, schedule: ScheduleParams) -> Work:

    def work(claim: Claim, stop: Event) -> JobResult:
        live = context.until(stop)
        if claim.date >= live.registry.clock().astimezone(UTC).date():  # as in a time zone ahead
            raise IncumbentError(
                f"{claim.date} is not over yet in UTC: a night looks at a whole day"
            )
        before = nights_before(live.registry.engine, live.registry.family, claim.date)
        if done := done_already(live, claim.date):
            return JobResult(done)
        brought, waiting = bring_labels(live, before), labels_waiting(live.registry)
        brought += lost_notes(live, schedule, claim.date)
        if waiting:
            brought += bring_folder(live.registry.artifacts, waiting, queues=False)
        forget_queued(live, claim.date)
        night = verdict_of(live, claim, before, brought)
        if night.same_model and night.same_model.changed:
            record_change(live.registry, night)
        if night.to_label:
            night = labels_done(live, claim, night, night.to_label)
        if night.action is Action.RETRAIN:
            night = retrain_done(live, claim, night, before, stop)
        any_own = night.tally is None or night.tally.corrected > 0
        queued = queue_corrections(live.traffic, claim.date, live.keep_days, any_own=any_own)
        notes = (*night.notes, *new_notes(queued.notes, night.reasons))
        labels = carry_labels(live, night.labels)
        night = night.model_copy(update={"labels": labels, "notes": notes})
        write_page(night, before)
        forget(live, claim.date)
        forget_carried(live.registry, claim.date)
        let_go(live.registry, waiting)
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
    if known:
        notes = (*notes, *sight_notes(context, known, night))
    # Labels that are still to be accepted are carried with the others, once they are.
    labels = None if night.to_label else carry_labels(context, None)
    night = night.model_copy(update={"notes": notes, "labels": labels})
    missing = next((note for note in notes if note.startswith((NO_TRAFFIC, UNSEEN))), None)
    night = with_blindness(night, before, missing)
    require_place(context)  # a folder that went away meanwhile looks like a day without traffic
    keep_check(registry.engine, claim, night, registry.clock())
    return night


def labels_done(context: NightContext, claim: Claim, night: Night, work: ToLabel) -> Night:
    """The night with labels accepted and its queue written; kept, for it is done once."""
    registry, done = context.registry, accept_and_queue(context, night, work)
    done = done.model_copy(update={"labels": carry_labels(context, None)})
    keep_check(registry.engine, claim, done, registry.clock())
    return done


def retrain_done(
    context: NightContext, claim: Claim, night: Night, before: Sequence[Night], stop: Event
) -> Night:
    """The night with its retrain's outcome. What a hung one read is kept, and not tried again."""
    bring_labels(context, [night], strict=True)
    try:
        with retrain_slot(context, claim, stop):
            return run_retrain(context, night, stop)
    except HungRetrainError as error:
        registry = context.registry
        hung = night.model_copy(update={"hung": what_a_retrain_reads()})
        keep_check(registry.engine, claim, hung, registry.clock())
        write_page(failed_retrain(hung, str(error)), before)
        raise


def notes_of(
    context: NightContext, night: Night, before: Sequence[Night], again: str | None
) -> list[str]:
    """What people should know beside the verdict."""
    registry, day = context.registry, date.fromisoformat(night.date)
    there, notes = context.traffic.days(), []
    if again:
        notes.append(f"{AGAIN}: {again}")
    elif night.traffic is None and not judged_after(registry, day):
        # Traffic may have been deleted for its age: a night that had rows counts too.
        seen = [earlier for earlier in there if earlier < day]
        seen += [date.fromisoformat(night.date) for night in before if night.rows]
        since = max(seen) + DAY if seen else None
        unseen = unseen_here(context, day, there, before)
        notes += [unseen] if unseen else [f"{NO_TRAFFIC} {since}"] if since else []
    if context.disclosure.text and night.tally and night.tally.undisclosed:
        notes.append(
            f"{UNDISCLOSED} {night.tally.undisclosed:,} of {night.tally.begun:,} conversations "
            "began without serving.disclosure.text. See which program answered them, or since when "
            "the gateway has the setting"
        )
    trusted = trusted_day(registry, context.traffic, day)
    if trusted < day and any((day - earlier).days > context.keep_days for earlier in there):
        notes.append(
            f"{DOUBT} {trusted} to {day}, and the clock may be wrong: traffic that seems due is "
            "not deleted until nights have run on four days, or somebody runs `incumbent nightly "
            "--clock-is-right`"
        )
    return notes


def new_notes(notes: Sequence[str], reasons: Sequence[str]) -> list[str]:
    """The notes that the reasons do not give already with another number."""
    known = {words_after_number(reason) for reason in reasons}
    return [note for note in notes if words_after_number(note) not in known]


def words_after_number(sentence: str) -> str:
    first, _, rest = sentence.partition(" ")
    return rest if first.isdecimal() else sentence


# --- night notice ---------------------------------------------------------------------------------

# What people are notified of about a night.

NO_TRAFFIC = "no traffic since"  # what a night's note begins with, behind it the first day
AGAIN = "judged again"  # what a note begins with of a night whose rows came late
DOUBT = "nothing is known of the days from"  # begins a note on a clock that may be wrong
REMINDED = 7  # days between two notices of one gap
DAY = timedelta(days=1)


def notices(night: Night, before: Sequence[Night] = ()) -> Iterator[Notice]:
    """The notices to people: that drift was found or is another one, or what was done about it;
    that no traffic comes, or that it comes again. before are the nights before it, oldest first.
    """
    yield from of_traffic(night, before)
    # A clock that may be wrong keeps traffic that seems due: a person knows which is right.
    for note in night.notes:
        if note.startswith(DOUBT):
            yield night_notice(night, "clock", night.date, f"{night.family}: {note}")
    if night.same_model and night.same_model.changed:
        text = f"{night.family}: v{night.champion} {night.same_model}"
        yield night_notice(night, "hosted-changed", f"v{night.champion}", text)
    yield from of_sight(night) if is_late(night) else blind_notices(night, before)
    if not is_told(night) or (news := drift_news(night, before)) is None:
        return
    what = night.outcome or night.action
    yield Notice(
        key=f"nightly {night.family} {night.date}",
        kind="drift" if night.action is Action.NONE else what.value,
        text=notice_text(night, news),
        detail={
            "date": night.date,
            "verdict": night.verdict,
            "state": night.state,
            "share": share_moved(night),
        },
        path=path_of(night),
        family=night.family,
        prompts=night.exemplars[:PROMPTS] or None,
    )


PROMPTS = 3  # of a night, for a destination that may have them


def path_of(night: Night) -> str:
    """The page where a person goes on: the challenger that waits for one, else the night."""
    if night.outcome is RetrainOutcome.REVIEW and night.challenger:
        return f"/review/{night.challenger}"
    return f"/nights/{night.date}"


def of_traffic(night: Night, before: Sequence[Night]) -> Iterator[Notice]:
    """One notice as a gap begins, one more each week that it lasts, and one when it is over."""
    if is_late(night):
        return
    since, was = gap_of(night), gap_of(before[-1]) if before else None
    if since:
        days = (date.fromisoformat(night.date) - since).days
        text = f"{night.family}: {NO_TRAFFIC} {since} ({days + 1} days): is it still logged?"
        key = f"{since} {days // REMINDED}"
        yield night_notice(night, "no-traffic", key, text, since=str(since))
    elif was and night.traffic:
        text = f"{night.family}: traffic is back on {night.date}; there was none since {was}"
        yield night_notice(night, "traffic-back", str(was), text, since=str(was))


def is_late(night: Night) -> bool:
    """Whether it was judged again: what it says of its day is no news."""
    return any(note.startswith(AGAIN) for note in night.notes)


def gap_of(night: Night) -> date | None:
    """The first day without traffic, of a night that says so."""
    gaps = [note for note in night.notes if note.startswith(NO_TRAFFIC)]
    return date.fromisoformat(gaps[0].removeprefix(NO_TRAFFIC).split()[0]) if gaps else None


# --- late nights ----------------------------------------------------------------------------------

# Nights that could compare nothing, and whose rows have come since: they are judged again.
#
# A test, of one signal over one window of nights, is made once, whenever its rows come. So a night
# that compared nothing may be judged again as a whole: it has spent nothing of the false-alarm
# budget yet. The late rows of all other nights count in the windows of the nights that follow.


def late_nights(context: NightContext, every: bool = True) -> Mapping[date, str]:
    """The finished nights of the last four weeks that are to be judged again, each with why; of
    every night, or of those that had no traffic: files are read to find out about the others.
    """
    registry = context.registry
    nights = unjudged_nights(registry.engine, registry.family, registry.clock().date())
    looked_at = {day: night for day, night in nights.items() if every or night.traffic is None}
    return {day: why for day, night in looked_at.items() if (why := why_again(context, night))}


def why_again(context: NightContext, night: Night) -> str | None:
    """Why a night that has a verdict is to be judged again; None: it stands."""
    if not waits_for_rows(night):
        return None
    seen = context.traffic.seen(date.fromisoformat(night.date))
    if seen is None or seen == night.traffic:
        return None
    return "rows came after its night" if night.traffic else "its traffic came after its night"


# --- night jobs -----------------------------------------------------------------------------------

# The jobs of a family: its night, its registry's anchor, and the registry verified.


def nightly_job(context: NightContext, schedule: ScheduleParams) -> Job:
    registry = context.registry
    name = nightly_of(registry.family)
    return Job(
        name,
        Cron(schedule.nightly, schedule.timezone),
        nightly(context, schedule),
        figures,
        admit=lambda: require_place(context),
        late=lambda every: late_nights(context, every),
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
        blind=blind_sentence(night),
    )


def verify_job(registry: Registry, schedule: ScheduleParams) -> Job:
    def work(claim: Claim, stop: object) -> JobResult:
        if faults := list(problems(registry)):
            raise IncumbentError(f"the registry is not what its events say: {'; '.join(faults)}")
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

    return (Job(anchor_of(registry.family), Cron(ANCHORING, schedule.timezone), work),)
