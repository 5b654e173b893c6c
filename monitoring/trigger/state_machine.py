"""From drift to a retrain: the states, and what a retrain waits for."""

from collections.abc import Sequence
from datetime import date, timedelta

from monitoring.drift.signal_tests import drift_run, overall
from monitoring.monitoring_settings import TriggerParams
from project.records.data import counted
from project.records.drift import (
    Action,
    DriftState,
    DriftVerdict,
    Night,
    RetrainOutcome,
    SignalReading,
)
from project.records.record import Record

# --- state machine --------------------------------------------------------------------------------

# What follows from a night's verdict: OK -> WATCH -> CONFIRMED -> ACT, slowly there and back.


class Facts(Record):
    """What is known beside the verdict when a retrain is thought of."""

    labels: int  # accepted rows on what drifted, new since the last retrain
    harm: str | None  # what shows whether the champion is worse there; None: nothing does
    in_flight: str | None  # another retrain that is not at its end
    waiting: int | None = None  # a version that won, and that nobody promoted or rejected yet
    where: str = "on the drifted topics"  # labels are needed
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
        few = f"{facts.labels} accepted labels {facts.where}, {params.minimum_labels} needed"
        return DriftStep(state=state, action=Action.LABEL, reasons=(why, harm, few))
    enough = f"{facts.labels} accepted labels {facts.where}"
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


# --- retrain waits --------------------------------------------------------------------------------

# How long the next retrain has to wait, after those that ended and those that failed.

MONTH = timedelta(days=30)
# The cooldown doubles with each challenger that lost, up to eight weeks: by then the traffic is
# another one, and so may be what a retrain makes of it.
BACKOFF, LONGEST_COOLDOWN = 2, 56  # times; days
FAILED = 1  # days that the first run which failed waits: tomorrow's night tries again
# A machine that is mended is to retrain within a week; one that is not costs a run a week.
LONGEST_FAILED = 7


def waits(day: date, nights: Sequence[Night], params: TriggerParams) -> list[str]:
    """What the retrains before a day have to say against one on it; nothing when it is empty."""
    tried = [n for n in nights if n.action is Action.RETRAIN and n.date < str(day)]
    ended = [n for n in tried if n.outcome is not RetrainOutcome.FAILED]
    recent = [n for n in ended if day - date.fromisoformat(n.date) < MONTH]
    found = [*after_ended(day, ended, params), *after_failed(day, tried)]
    if len(recent) >= params.retrains_per_month:
        found.append(f"{len(recent)} retrains in 30 days are all that the budget allows")
    return found


def after_ended(day: date, ended: Sequence[Night], params: TriggerParams) -> list[str]:
    """The cooldown, longer after each challenger that lost."""
    if not ended:
        return []
    losses = in_a_row(ended, RetrainOutcome.LOST)
    longest = max(LONGEST_COOLDOWN, params.cooldown_days)
    days = grown(params.cooldown_days, BACKOFF, losses, longest)
    over = date.fromisoformat(ended[-1].date) + timedelta(days=days)
    after = f", longer after {losses} that lost" if losses else ""
    lasts = f"the cooldown after {ended[-1].date} lasts until {over}{after}"
    return [lasts] if day < over else []


def after_failed(day: date, tried: Sequence[Night]) -> list[str]:
    """A run that failed made no challenger: its wait is its own, and a week at most."""
    failures = in_a_row(tried, RetrainOutcome.FAILED)
    if not failures:
        return []
    days = grown(FAILED, BACKOFF, failures - 1, LONGEST_FAILED)
    over = date.fromisoformat(tried[-1].date) + timedelta(days=days)
    more = f", and {failures - 1} before it" if failures > 1 else ""
    said = f"the run of {tried[-1].date} failed{more}: the next may be on {over}"
    return [said] if day < over else []


def in_a_row(retrains: Sequence[Night], outcome: RetrainOutcome) -> int:
    """How many of the last ones came to one outcome."""
    count = 0
    for night in reversed(retrains):
        if night.outcome is not outcome:
            break
        count += 1
    return count


def grown(days: float, factor: float, times: int, longest: float) -> float:
    """Days that grow by a factor so many times, up to the longest."""
    for _ in range(times):
        if days >= longest:
            break
        days *= factor
    return min(days, longest)
