"""What a night does about its verdict: rows to train on, a queue to label, a retrain."""

from collections.abc import Sequence
from datetime import date, timedelta
from threading import Event

from monitoring.drift.reference_rows import began
from monitoring.night_context import NightContext
from monitoring.night_history import in_flight
from monitoring.trigger.drifted_rows import DriftedRows
from monitoring.trigger.labels import LABELLED, add_labelled, labelled, write_queue
from monitoring.trigger.retrain import retrain
from monitoring.trigger.state_machine import Facts, Step, step
from project.records.data import Row
from project.records.drift import Action, DriftVerdict, Night, RetrainOutcome
from project.records.scores import Verdict
from project.records.traffic import Traffic


def follow(
    context: NightContext,
    day: date,
    verdict: DriftVerdict,
    own: Sequence[Night],
    before: Sequence[Night],
    drifted: DriftedRows,
) -> Step:
    """Decide what to do, and lay out what it needs: rows to train on, or a queue to label."""
    since = max(began(own) or day, after_retrain(before) or date.min)
    rows = drifted.rows(since, day) if verdict is DriftVerdict.DRIFT else []
    answered = answered_of(rows)
    facts = Facts(
        labels=len(answered),
        harm=drifted.harm(rows),
        in_flight=in_flight(context.registry.engine, context.registry.family, day),
    )
    taken = step(verdict, day, own, before, facts, context.trigger)
    ids = frozenset(row.id for row in answered)
    if taken.action is Action.RETRAIN:
        added = add_labelled(drifted.labelled(since, day), ids, since.isoformat(), LABELLED)
        taken = said(taken, f"{added} rows are new in {LABELLED}")
    if taken.action is Action.LABEL:
        missing = [row for row in rows if row.id not in ids]
        write_queue(drifted.strangest_first(missing), context.trigger.queue)
        taken = said(taken, f"what to label is in {context.trigger.queue}")
    return taken


def answered_of(rows: Sequence[Traffic]) -> list[Traffic]:
    """Those whose right answer is known: the user wrote it, or somebody did for the queue."""
    known = {row.prompt_text for row in Row.read_lines(LABELLED)} if LABELLED.exists() else set()
    return [row for row in rows if labelled([row]) or row.prompt_text in known]


def after_retrain(before: Sequence[Night]) -> date | None:
    """The day after the last retrain: what was labelled until then, it has seen."""
    retrains = [night for night in before if night.action is Action.RETRAIN]
    return date.fromisoformat(retrains[-1].date) + timedelta(days=1) if retrains else None


def said(taken: Step, more: str) -> Step:
    return taken.model_copy(update={"reasons": (*taken.reasons, more)})


def run_retrain(context: NightContext, night: Night, stop: Event) -> Night:
    """Train a challenger, and let the decision say what becomes of it."""
    promote = context.trigger.promote == "policy"
    limit = timedelta(hours=context.trigger.retrain_hours)
    made = retrain(stop, limit=limit, promote=promote, family=night.family, day=night.date)
    champion = context.registry.champion()
    is_champion = champion is not None and champion.number == made.version
    outcome = RetrainOutcome.LOST
    reason = f"version {made.version}: {made.decision}"
    if made.version == night.champion:
        reason = f"nothing new was trained: is {LABELLED} among curation.collect.sources?"
    elif made.verdict is Verdict.PROMOTE:
        outcome = RetrainOutcome.PROMOTED if is_champion else RetrainOutcome.REVIEW
    return night.model_copy(
        update={"outcome": outcome, "challenger": made.version, "reasons": (*night.reasons, reason)}
    )
