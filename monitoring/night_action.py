"""What a night does about its verdict: labels to accept, a queue to label, a retrain."""

from collections.abc import Collection, Sequence
from datetime import date, timedelta
from threading import Event

from monitoring.drift.reference_rows import began
from monitoring.night_context import NightContext
from monitoring.night_history import in_flight, judged_after, nights_before
from monitoring.trigger.acceptance import accept, accepted_prompts, capped
from monitoring.trigger.door import refusals
from monitoring.trigger.drifted_rows import DriftedRows, is_ended_retrain, new_labels
from monitoring.trigger.labels import (
    LABEL_QUEUE,
    LABELLED,
    correction,
    label_of,
    pseudonym,
    write_queue,
)
from monitoring.trigger.retrain import retrain
from monitoring.trigger.retrain_slot import over_quota
from monitoring.trigger.state_machine import Facts, Step, step
from monitoring.trigger.waiting_corrections import worth_asking
from project.records.drift import (
    Action,
    DriftState,
    DriftVerdict,
    Night,
    RetrainOutcome,
    SignalReading,
)
from project.records.evidence import Verdict
from project.records.traffic import Traffic
from registry.store import Registry


def follow(
    context: NightContext,
    day: date,
    verdict: DriftVerdict,
    confirming: tuple[SignalReading, ...],
    own: Sequence[Night],
    before: Sequence[Night],
    drifted: DriftedRows,
) -> Step:
    """Decide what to do, and lay out what it needs: rows to train on, a queue to label.

    What users wrote counts once somebody accepted it, or where params.yaml trusts the user.
    """
    since = max(began(own) or day, after_retrain(before) or date.min)
    rows = drifted.rows(since, day) if verdict is DriftVerdict.DRIFT else []
    trusted = trusted_rows(context, drifted, since, day) if rows else []
    answered = answered_of(rows, trusted)
    facts = Facts(
        labels=new_labels(drifted, trusted, before) if rows else 0,
        harm=drifted.harm(rows),
        in_flight=in_flight(context.registry.engine, context.registry.family, day),
        waiting=waiting_version(context.registry, own),
        confirming=confirming,
        quota=over_quota(context),
    )
    taken = step(verdict, day, own, before, facts, context.trigger)
    if judged_after(context.registry, day):
        return without_action(taken)
    if taken.action is Action.RETRAIN and trusted:
        taken = said(taken, *accept_trusted(context, drifted, trusted, since, day))
    if taken.action in (Action.LABEL, Action.RETRAIN):
        done = {row.id for row in (*answered, *trusted)}
        missing = [row for row in rows if row.id not in done]
        taken = said(taken, *queue_labels(context, drifted, missing, done, since, day))
    return taken


def trusted_rows(
    context: NightContext, drifted: DriftedRows, since: date, day: date
) -> list[Traffic]:
    """What trusted users wrote since then, as far as the limits go."""
    names = context.trigger.trusted
    if not names:
        return []
    written = (row for row in drifted.corrected(since, day) if row.user in names)
    rows = capped(written, pseudonym, context.trigger)[0]
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
    accepted = accept(labels, context.registry, reason, context.trigger)
    return [f"{accepted}, {reason.partition(': ')[2]}", *accepted.left_out]


def queue_labels(
    context: NightContext,
    drifted: DriftedRows,
    missing: Sequence[Traffic],
    done: Collection[str],
    since: date,
    day: date,
) -> list[str]:
    """Write the queue: drifted prompts that lack an answer, the strangest first, then all else that
    users corrected. Returns what there is to say of it.
    """
    known = accepted_prompts()
    first = {row.id: row for row in drifted.strangest_first(missing)}
    others = (
        row
        for row in drifted.corrected(since, day)
        if not (row.id in first or row.id in done or row.prompt_text in known)
    )
    rows, left_out = capped((*first.values(), *others), pseudonym, context.trigger)
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


def waiting_version(registry: Registry, own: Sequence[Night]) -> int | None:
    """The newest version that won in this reign, if it still waits for a person to promote it."""
    won = [night.challenger for night in own if night.outcome is RetrainOutcome.REVIEW]
    newest = next((number for number in reversed(won) if number is not None), None)
    if newest is None or registry.newest_event(newest, "promote"):
        return None
    state = registry.state()
    return None if newest in state.rejected | state.deleted else newest


def after_retrain(before: Sequence[Night]) -> date | None:
    """The day after the last retrain that ended: what was labelled until then, it has seen."""
    retrains = [night for night in before if is_ended_retrain(night)]
    return date.fromisoformat(retrains[-1].date) + timedelta(days=1) if retrains else None


def without_action(taken: Step) -> Step:
    """What a night comes to whose rows came late: later nights have been judged without it."""
    state = DriftState.CONFIRMED if taken.state is DriftState.ACT else taken.state
    why = "judged after later nights, for its rows came late: the next night decides what follows"
    step = taken.model_copy(update={"state": state, "action": Action.NONE})
    return said(step, why) if taken.action is not Action.NONE else step


def said(taken: Step, *more: str) -> Step:
    return taken.model_copy(update={"reasons": (*taken.reasons, *more)})


def run_retrain(context: NightContext, night: Night, stop: Event) -> Night:
    """Train a challenger, and let the decision say what becomes of it."""
    promote = context.trigger.promote == "policy"
    limit = timedelta(hours=context.trigger.retrain_hours)
    made = retrain(stop, limit=limit, promote=promote, family=night.family, day=night.date)
    champion = context.registry.champion()
    is_champion = champion is not None and champion.number == made.version
    outcome = RetrainOutcome.LOST
    reason = f"version {made.version}: {made.decision}"
    if made.version in {night.champion, *challengers_before(context, night)}:
        outcome = RetrainOutcome.FAILED  # there is no challenger that could have lost
        reason = f"nothing new was trained, and version {made.version} was there before: "
        reason += f"is {LABELLED} among curation.collect.sources?"
    elif made.verdict is Verdict.PROMOTE:
        outcome = RetrainOutcome.PROMOTED if is_champion else RetrainOutcome.REVIEW
    where = [f"trained at commit {made.commit}"] if made.commit else []
    reasons = (*night.reasons, reason, *where)
    return night.model_copy(
        update={"outcome": outcome, "challenger": made.version, "reasons": reasons}
    )


def challengers_before(context: NightContext, night: Night) -> set[int | None]:
    """The versions that the retrains of earlier nights made."""
    day = date.fromisoformat(night.date)
    before = nights_before(context.registry.engine, context.registry.family, day)
    return {one.challenger for one in before}
