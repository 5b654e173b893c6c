"""What follows from a night's verdict: OK -> WATCH -> CONFIRMED -> ACT, slowly there and back."""

from collections.abc import Sequence
from datetime import date

from monitoring.drift.signal_tests import drift_run, overall
from monitoring.monitoring_settings import TriggerParams
from monitoring.trigger.retrain_waits import waits
from project.records.data import counted
from project.records.drift import Action, DriftState, DriftVerdict, Night, SignalReading
from project.records.record import Record


class Facts(Record):
    """What is known beside the verdict when a retrain is thought of."""

    labels: int  # accepted rows on the drifted topics, new since the last retrain
    harm: str | None  # how it shows that the champion is worse there; None: it does not
    in_flight: str | None  # another retrain that is not at its end
    waiting: int | None = None  # a version that won, and that nobody promoted or rejected yet
    quota: str | None = None  # what the scheduler's quota for the family says against one
    # What alarmed, on the days after that alone; of a night that follows one of drift.
    confirming: tuple[SignalReading, ...] = ()


class DriftStep(Record):
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
) -> DriftStep:
    """Pure: the same nights and facts give the same step.

    own are the nights before this one under the same reference, all_nights those of every
    reference; both oldest first.
    """
    state, why = moved(verdict, facts.confirming, own, params)
    if state is not DriftState.CONFIRMED or verdict is not DriftVerdict.DRIFT:
        return DriftStep(state=state, action=Action.NONE, reasons=(why,))
    if refusals := tuple(against(day, all_nights, facts, params)):
        return DriftStep(state=state, action=Action.REFUSED, reasons=(why, *refusals))
    harm = facts.harm or "nothing shows yet that the champion is worse there"
    if facts.labels < params.minimum_labels:
        few = (
            f"{facts.labels} accepted labels on the drifted topics, {params.minimum_labels} needed"
        )
        return DriftStep(state=state, action=Action.LABEL, reasons=(why, harm, few))
    enough = f"{facts.labels} accepted labels on the drifted topics"
    return DriftStep(state=DriftState.ACT, action=Action.RETRAIN, reasons=(why, harm, enough))


# Nights without drift, in a row, that end it: what drifts on workdays alone rests for two of them.
CALM_NIGHTS = 3


def moved(
    verdict: DriftVerdict,
    confirming: Sequence[SignalReading],
    own: Sequence[Night],
    params: TriggerParams,
) -> tuple[DriftState, str]:
    """The state after a night, and why. A night with too little traffic changes nothing.

    Windows overlap, so one odd day is drift for as many nights as the longest window. A night
    confirms only if the days after the first alarm show by themselves what alarmed.
    """
    before = own[-1].state if own else DriftState.OK
    before = (
        DriftState.CONFIRMED if before is DriftState.ACT else before
    )  # what it led to did not win
    run = streak(verdict, own)
    match verdict:
        case DriftVerdict.INSUFFICIENT:
            return before, "too little traffic to say anything"
        case DriftVerdict.DRIFT if before is DriftState.CONFIRMED:
            return DriftState.CONFIRMED, f"drift, {nights(run)} in a row"
        case DriftVerdict.DRIFT:
            return suspected(confirming, own, params)
        case _ if before is DriftState.OK:
            return DriftState.OK, "nothing that matters has changed"
        case _ if run >= CALM_NIGHTS:
            return DriftState.OK, f"{nights(run)} in a row without drift"
        case _:
            return before, f"{nights(run)} without drift of the {CALM_NIGHTS} that end it"


def suspected(
    confirming: Sequence[SignalReading], own: Sequence[Night], params: TriggerParams
) -> tuple[DriftState, str]:
    """The state after a night of drift that is not confirmed yet."""
    run = drift_run(own)
    seen = [again for night in run if (again := seen_again(night.confirming))]
    tonight = seen_again(confirming)
    enough = len(seen) + bool(tonight) >= params.confirm_nights - 1
    state = DriftState.CONFIRMED if enough else DriftState.WATCH
    if tonight:
        return state, f"drift, seen again on {counted(tonight, 'later day')}"
    if run:
        return state, "drift, not yet seen again on later days alone"
    return state, f"drift for the first of {nights(params.confirm_nights)}"


def seen_again(confirming: Sequence[SignalReading]) -> int:
    """The number of days after the alarm on which a signal says drift again; 0 where none does."""
    if overall(confirming) is not DriftVerdict.DRIFT:
        return 0
    return max(one.nights for one in confirming if one.verdict is DriftVerdict.DRIFT)


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
    day: date, all_nights: Sequence[Night], facts: Facts, params: TriggerParams
) -> list[str]:
    """What speaks against a retrain tonight; nothing when it is empty."""
    found = []
    if facts.waiting is not None:
        found.append(f"version {facts.waiting} won, and waits for a person to promote it")
    if facts.in_flight:
        found.append(f"another retrain is in flight: {facts.in_flight}")
    found += waits(day, all_nights, params)
    return [*found, facts.quota] if facts.quota else found


def nights(count: int) -> str:
    return counted(count, "night")
