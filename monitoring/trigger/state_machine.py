"""What follows from a night's verdict: OK -> WATCH -> CONFIRMED -> ACT, slowly there and back."""

from collections.abc import Sequence
from datetime import date, timedelta

from monitoring.monitoring_settings import TriggerParams
from project.records.drift import Action, DriftState, DriftVerdict, Night, RetrainOutcome
from project.records.record import Record

MONTH = timedelta(days=30)


class Facts(Record):
    """What is known beside the verdict when a retrain is thought of."""

    labels: int  # accepted rows on the drifted topics, new ones
    harm: str | None  # how it shows that the champion is worse there; None: it does not
    in_flight: str | None  # another retrain that is not at its end


class Step(Record):
    state: DriftState
    action: Action
    reasons: tuple[str, ...]


def step(
    verdict: DriftVerdict,
    day: date,
    own: Sequence[Night],
    all_nights: Sequence[Night],
    facts: Facts,
    params: TriggerParams,
) -> Step:
    """Pure: the same nights and facts give the same step.

    own are the nights before this one under the same reference, all_nights those of every
    reference; both oldest first.
    """
    state, why = moved(verdict, own, params)
    if state is not DriftState.CONFIRMED or verdict is not DriftVerdict.DRIFT:
        return Step(state=state, action=Action.NONE, reasons=(why,))
    if refusals := tuple(against(day, own, all_nights, facts, params)):
        return Step(state=state, action=Action.REFUSED, reasons=(why, *refusals))
    harm = facts.harm or "nothing shows yet that the champion is worse there"
    if facts.labels < params.minimum_labels:
        few = (
            f"{facts.labels} accepted labels on the drifted topics, {params.minimum_labels} needed"
        )
        return Step(state=state, action=Action.LABEL, reasons=(why, harm, few))
    enough = f"{facts.labels} accepted labels on the drifted topics"
    return Step(state=DriftState.ACT, action=Action.RETRAIN, reasons=(why, harm, enough))


def moved(
    verdict: DriftVerdict, own: Sequence[Night], params: TriggerParams
) -> tuple[DriftState, str]:
    """The state after a night, and why. A night with too little traffic changes nothing."""
    before = own[-1].state if own else DriftState.OK
    before = (
        DriftState.CONFIRMED if before is DriftState.ACT else before
    )  # what it led to did not win
    run = streak(verdict, own)
    match verdict:
        case DriftVerdict.INSUFFICIENT:
            return before, "too little traffic to say anything"
        case DriftVerdict.DRIFT if run >= params.confirm_nights or before is DriftState.CONFIRMED:
            return DriftState.CONFIRMED, f"drift, {nights(run)} in a row"
        case DriftVerdict.DRIFT:
            return DriftState.WATCH, f"drift for the first of {nights(params.confirm_nights)}"
        case _ if before is DriftState.OK:
            return DriftState.OK, "nothing that matters has changed"
        case _ if run >= params.calm_nights:
            return DriftState.OK, f"{nights(run)} in a row without drift"
        case _:
            return before, f"{nights(run)} without drift of the {params.calm_nights} that end it"


def streak(verdict: DriftVerdict, own: Sequence[Night]) -> int:
    """Tonight and the nights before it that say the same, those that say nothing left out."""
    count = 1
    for night in reversed(own):
        if night.verdict is verdict:
            count += 1
        elif night.verdict is not DriftVerdict.INSUFFICIENT:
            break
    return count


def against(
    day: date,
    own: Sequence[Night],
    all_nights: Sequence[Night],
    facts: Facts,
    params: TriggerParams,
) -> list[str]:
    """What speaks against a retrain tonight; nothing when it is empty."""
    found = []
    if waiting := [night for night in own if night.outcome is RetrainOutcome.REVIEW]:
        found.append(f"version {waiting[-1].challenger} won, and waits for a person to promote it")
    if facts.in_flight:
        found.append(f"another retrain is in flight: {facts.in_flight}")
    retrains = [n for n in all_nights if n.action is Action.RETRAIN and n.date < str(day)]
    if retrains:
        losses = lost_in_a_row(retrains)
        cooldown = timedelta(days=params.cooldown_days * params.backoff**losses)
        over = date.fromisoformat(retrains[-1].date) + cooldown
        if day < over:
            after = f", longer after {losses} that lost" if losses else ""
            found.append(f"the cooldown after {retrains[-1].date} lasts until {over}{after}")
    recent = [n for n in retrains if day - date.fromisoformat(n.date) < MONTH]
    if len(recent) >= params.retrains_per_month:
        found.append(f"{len(recent)} retrains in 30 days are all that the budget allows")
    return found


def lost_in_a_row(retrains: Sequence[Night]) -> int:
    count = 0
    for night in reversed(retrains):
        if night.outcome not in (RetrainOutcome.LOST, RetrainOutcome.FAILED):
            break
        count += 1
    return count


def nights(count: int) -> str:
    return "1 night" if count == 1 else f"{count} nights"
