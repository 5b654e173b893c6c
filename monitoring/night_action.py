"""What follows from a night's verdict: labels to accept, a queue to label, a retrain."""

import logging
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from threading import Event

from monitoring.drift.reference_rows import began
from monitoring.drift.reference_store import night_references
from monitoring.night_context import NightContext
from monitoring.night_history import in_flight, judged_after, nights_before
from monitoring.scheduling import runs
from monitoring.scheduling.job import NotYetError
from monitoring.scheduling.job_scheduler import held
from monitoring.scheduling.retrain_slots import Retrains, claim_slot, quota_refusal, retrains
from monitoring.scheduling.runs import Claim
from monitoring.trigger.acceptance import accept, accepted_prompts, capped, refusals
from monitoring.trigger.drifted_rows import DriftedRows, after_retrain, new_labels
from monitoring.trigger.labels import (
    LABEL_QUEUE,
    LABELLED,
    correction,
    label_of,
    pseudonym,
    write_queue,
)
from monitoring.trigger.retrain import retrain, what_a_retrain_reads
from monitoring.trigger.state_machine import DriftStep, Facts, step
from monitoring.trigger.waiting_corrections import worth_asking
from project.canonical import moment_of
from project.errors import IncumbentError, StoppedError
from project.records.drift import (
    Action,
    DriftState,
    DriftVerdict,
    Night,
    RetrainOutcome,
    SignalReading,
    ToLabel,
    answers_alone,
)
from project.records.evidence import Verdict
from project.records.traffic import Traffic
from registry.storage.database import writing
from registry.store import Registry

log = logging.getLogger(__name__)


def follow(
    context: NightContext,
    day: date,
    verdict: DriftVerdict,
    confirming: tuple[SignalReading, ...],
    nights: Sequence[Night],
    before: Sequence[Night],
    drifted: DriftedRows,
) -> tuple[DriftStep, ToLabel | None]:
    """Decide what to do, and whose rows are to be labelled for it; changes nothing.

    What users wrote counts once somebody accepted it, or where params.yaml trusts the user.
    """
    since = max(began(nights) or day, after_retrain(before) or date.min)
    rows = drifted.rows(since, day) if verdict is DriftVerdict.DRIFT else []
    trusted = trusted_rows(context, drifted, since, day) if rows else []
    facts = Facts(
        labels=new_labels(drifted, trusted, before) if rows else 0,
        harm=drifted.harm(rows),
        in_flight=in_flight(context.registry.engine, context.registry.family, day),
        waiting=waiting_version(context.registry, nights),
        confirming=confirming,
        where=drifted.where,
        quota=over_quota(context),
        hung=hung_as_before(before),
    )
    taken = step(verdict, day, nights, before, facts, context.trigger)
    if judged_after(context.registry, day):
        return without_action(taken), None
    asks = taken.action in (Action.LABEL, Action.RETRAIN)
    return taken, ToLabel(since=str(since), grown=drifted.grown) if asks else None


def accept_and_queue(context: NightContext, night: Night, work: ToLabel) -> Night:
    """Accept what trusted users wrote for a retrain, and write the queue of what lacks an answer.

    The night's verdict is kept by then. The same again changes nothing.
    """
    assert night.champion is not None, "without a champion nothing is compared"
    champion = context.registry.version(night.champion)
    alone, references = answers_alone(night.readings), night_references(context, night)
    drifted = DriftedRows(context, references, work.grown, champion, alone)
    since, day = date.fromisoformat(work.since), date.fromisoformat(night.date)
    rows, trusted = drifted.rows(since, day), trusted_rows(context, drifted, since, day)
    done = {row.id for row in (*answered_of(rows, trusted), *trusted)}
    told = []
    if night.action is Action.RETRAIN and trusted:
        told += accept_trusted(context, drifted, trusted, since, day)
    missing = [row for row in rows if row.id not in done]
    told += queue_labels(context, drifted, missing, done, since, day)
    return night.model_copy(update={"reasons": (*night.reasons, *told), "to_label": None})


def trusted_rows(
    context: NightContext, drifted: DriftedRows, since: date, day: date
) -> list[Traffic]:
    """What trusted users wrote since then, as far as the limits go."""
    names = context.trigger.trusted
    if not names:
        return []
    written = (row for row in drifted.corrected(since, day) if row.user in names)
    rows = capped(written, pseudonym)[0]
    made = {row.id: label_of(row, answer, None).row for row in rows if (answer := correction(row))}
    refused = refusals(made.values())
    return [row for row in rows if row.id in made and made[row.id].id not in refused]


def answered_of(rows: Sequence[Traffic], trusted: Sequence[Traffic]) -> list[Traffic]:
    """Those whose right answer is known: somebody accepted it, or a trusted user wrote it."""
    known, ids = accepted_prompts(), {row.id for row in trusted}
    return [row for row in rows if row.id in ids or row.prompt_text in known]


def accept_trusted(
    context: NightContext,
    drifted: DriftedRows,
    trusted: Sequence[Traffic],
    since: date,
    day: date,
) -> list[str]:
    """Accept what trusted users wrote; returns what there is to say of it."""
    there = {row.id for row in drifted.on_topic(trusted)}
    labels = [
        label_of(row, answer, str(since) if row.id in there else None)
        for row in trusted
        if (answer := correction(row))
    ]
    reason = f"the night of {day}: written by users in monitoring.trigger.trusted"
    accepted = accept(labels, context.registry, reason)
    return [f"{accepted}, {reason.partition(': ')[2]}", *accepted.left_out]


def queue_labels(
    context: NightContext,
    drifted: DriftedRows,
    missing: Sequence[Traffic],
    done: Collection[str],
    since: date,
    day: date,
) -> list[str]:
    """Write the queue: drifted rows without an answer, then what users corrected; returns notes."""
    known = accepted_prompts()
    first = {row.id: row for row in drifted.strangest_first(missing)}
    others = (
        row
        for row in drifted.corrected(since, day)
        if not (row.id in first or row.id in done or row.prompt_text in known)
    )
    rows, left_out = capped((*first.values(), *others), pseudonym)
    rows, aside = worth_asking(rows, LABEL_QUEUE, f"{day}T23:59:59Z")
    there = {row.id for row in drifted.on_topic([row for row in rows if row.id not in first])}
    wait = sum(correction(row) is not None for row in rows)
    write_queue(rows, LABEL_QUEUE, drifted={*first, *there}, since=str(since))
    return [
        f"what to label is in {LABEL_QUEUE}; then run `incumbent data labels EXPORT`",
        f"{wait} corrections of users wait in it until a person accepts them",
        *left_out,
        *aside,
    ]


def waiting_version(registry: Registry, nights: Sequence[Night]) -> int | None:
    """The newest version that won in this reign, if it still waits for a person to promote it."""
    won = [night.challenger for night in nights if night.outcome is RetrainOutcome.REVIEW]
    newest = next((number for number in reversed(won) if number is not None), None)
    if newest is None or registry.newest_event(newest, "promote"):
        return None
    state = registry.state()
    return None if newest in state.rejected | state.deleted else newest


def hung_as_before(before: Sequence[Night]) -> str | None:
    """That the last retrain hung, where another one would be the same; None: nothing does."""
    last = next((night for night in reversed(before) if night.action is Action.RETRAIN), None)
    if last is None or last.hung is None or last.outcome is not RetrainOutcome.FAILED:
        return None
    if last.hung != what_a_retrain_reads():
        return None
    again = f"`incumbent nightly --date {last.date}` tries it again"
    return (
        f"the retrain of {last.date} ran over its time, and settings, pipeline and rows are still "
        f"the same: {again}"
    )


def without_action(taken: DriftStep) -> DriftStep:
    """What a night comes to whose rows came late: later nights have been judged without it."""
    state = DriftState.CONFIRMED if taken.state is DriftState.ACT else taken.state
    why = "judged after later nights, for its rows came late: the next night decides what follows"
    step = taken.model_copy(update={"state": state, "action": Action.NONE})
    if taken.action is Action.NONE:
        return step
    return step.model_copy(update={"reasons": (*step.reasons, why)})


def run_retrain(context: NightContext, night: Night, stop: Event) -> Night:
    """Train a challenger, and let the decision say what becomes of it."""
    made = retrain(stop, context.trigger, family=night.family, day=night.date)
    champion = context.registry.champion()
    is_champion = champion is not None and champion.number == made.version
    outcome = RetrainOutcome.LOST
    reason = f"version {made.version}: {made.decision}"
    day = date.fromisoformat(night.date)
    before = nights_before(context.registry.engine, context.registry.family, day)
    if made.version in {night.champion, *{earlier.challenger for earlier in before}}:
        outcome = RetrainOutcome.FAILED  # there is no challenger that could have lost
        reason = f"nothing new was trained, and version {made.version} was there before: "
        reason += f"is {LABELLED} among curation.collect.sources?"
    elif made.verdict is Verdict.PROMOTE:
        outcome = RetrainOutcome.PROMOTED if is_champion else RetrainOutcome.REVIEW
    where = [f"trained at commit {made.commit}"] if made.commit else []
    reasons = (*night.reasons, reason, *where)
    return night.model_copy(
        update={
            "outcome": outcome,
            "challenger": made.version,
            "reasons": reasons,
            "hung": None,
        }
    )


# --- retrain slot ---------------------------------------------------------------------------------

# How many retrains may run at once, over all machines, and how many a week.


def over_quota(context: NightContext) -> str | None:
    """What the family's quota says against a retrain now; None: nothing."""
    registry, now = context.registry, context.registry.clock()
    known = retrains(registry.engine, now)
    started = [moment_of(start) for start in known.started.get(registry.family, ())]
    return quota_refusal(started, context.limits.quota, now)


@contextmanager
def retrain_slot(context: NightContext, claim: Claim, stop: Event) -> Iterator[None]:
    """Hold a slot for the retrain of a night until the block ends; set `stop` where it is lost.

    Raises NotYetError where it is not the family's turn: it waits, and keeps its place.
    """
    engine, clock, lease = context.registry.engine, context.registry.clock, context.lease
    family, limits = context.registry.family, context.limits
    slot = claim_slot(engine, family, claim, clock(), lease, limits)
    if slot is None:
        raise NotYetError(waits(retrains(engine, clock()), limits.at_once))
    try:
        with held(engine, slot, clock, lease, stop):
            yield
    except BaseException as error:
        end_slot(context, slot, error)
        raise
    end_slot(context, slot, None)


def end_slot(context: NightContext, slot: Claim, error: BaseException | None) -> None:
    """Give a slot back. What fails here harms no retrain: a lease ends by itself too."""
    now = context.registry.clock()
    try:
        with writing(context.registry.engine) as connection:
            if error is None:
                runs.finish(connection, slot, now, "ended")
            elif isinstance(error, StoppedError | KeyboardInterrupt):
                runs.release(connection, slot, now, str(error))
            else:
                runs.fail(connection, slot, now, str(error), None)
    except IncumbentError as problem:
        log.warning("%s: its slot is free once its lease is over: %s", slot, problem)


def waits(known: Retrains, at_once: int | None) -> str:
    """Why a retrain does not begin yet."""
    if at_once is None:
        return "another retrain of this family runs"
    running = ", ".join(sorted(known.running)) or "none"
    others = len(known.waiting) - 1
    queue = f"; {others} more in the queue" if others > 0 else ""
    return f"the retrain waits for its turn: {at_once} at once, running now: {running}{queue}"
