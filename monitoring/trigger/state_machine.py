"""From drift to a retrain: the states, and what a retrain waits for."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta

from monitoring.drift.signal_tests import drift_run, overall
from monitoring.monitoring_settings import TriggerParams
from monitoring.signals.vocabulary import name_words, words_of
from project.records.data import counted
from project.records.drift import (
    Action,
    DriftState,
    DriftVerdict,
    Night,
    RetrainOutcome,
    SignalReading,
    Topic,
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
    hung: str | None = None  # that the last one hung, and that nothing has changed since
    # What alarmed, on the days after that alone; of a night that follows one of drift.
    confirming: tuple[SignalReading, ...] = ()


class DriftStep(Record):
    state: DriftState
    action: Action
    reasons: tuple[str, ...]


def step(
    verdict: DriftVerdict,
    day: date,
    nights: Sequence[Night],
    all_nights: Sequence[Night],
    facts: Facts,
    params: TriggerParams,
) -> DriftStep:
    """Pure: the same nights and facts give the same step.

    own are the nights before this one under the same reference, all_nights those of every
    reference; both oldest first.
    """
    state, why = moved(verdict, facts.confirming, nights, params)
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
    return max(reading.nights for reading in confirming if reading.verdict is DriftVerdict.DRIFT)


def streak(verdict: DriftVerdict, nights: Sequence[Night]) -> int:
    """Tonight and the nights before it that say the same, those that say nothing left out."""
    count = 1
    for night in reversed(nights):
        if night.verdict is verdict:
            count += 1
        elif night.verdict is not DriftVerdict.INSUFFICIENT:
            break
    return count


def against(
    day: date, all_nights: Sequence[Night], facts: Facts, params: TriggerParams
) -> list[str]:
    """What speaks against a retrain tonight; nothing when it is empty."""
    objections = []
    if facts.waiting is not None:
        objections.append(f"version {facts.waiting} won, and waits for a person to promote it")
    if facts.in_flight:
        objections.append(f"another retrain is in flight: {facts.in_flight}")
    objections += waits(day, all_nights, params, facts.hung)
    return [*objections, facts.quota] if facts.quota else objections


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


def waits(
    day: date, nights: Sequence[Night], params: TriggerParams, hung: str | None = None
) -> list[str]:
    """What the retrains before a day have to say against one on it; nothing when it is empty.
    `hung` says that the last one must not be tried again as it is.
    """
    tried = [n for n in nights if n.action is Action.RETRAIN and n.date < str(day)]
    ended = [n for n in tried if n.outcome is not RetrainOutcome.FAILED]
    recent = [n for n in ended if day - date.fromisoformat(n.date) < MONTH]
    objections = [*after_ended(day, ended, params), *([hung] if hung else after_failed(day, tried))]
    if len(recent) >= params.retrains_per_month:
        objections.append(f"{len(recent)} retrains in 30 days are all that the budget allows")
    return objections


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
    objection = f"the run of {tried[-1].date} failed{more}: the next may be on {over}"
    return [objection] if day < over else []


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


# --- drift news -----------------------------------------------------------------------------------

# What a night says of a drift that the nights of the same drift before it did not.
#
# People are told of a drift as it begins, when it changes, and else once a week: 39 equal notices
# in 39 nights hide a second drift in the first.

REMINDED = timedelta(days=7)
MORE = 0.02  # of the traffic: less is not worth a notice, as monitoring.drift.minimum_effect has it


def drift_news(night: Night, before: Sequence[Night]) -> str | None:
    """What is to be said of a night of drift, beside what it found; "" where all of it is new, None
    where people know it. before are the nights before it, oldest first.

    Pure: which nights people were told of follows from the nights.
    """
    run = [*same_drift(night, before), night]
    told, words = run[:1], ""
    for later in run[1:]:
        news = [*changes(later, told)]
        is_due = date.fromisoformat(later.date) - date.fromisoformat(told[-1].date) >= REMINDED
        words = f"the drift since {run[0].date} goes on as it was"
        if news:
            words = f"new in the drift since {run[0].date}: {'; '.join(news)}"
        if news or is_due:
            told.append(later)
    return words if told[-1] is night else None


def same_drift(night: Night, before: Sequence[Night]) -> list[Night]:
    """The nights before it of which people may have been told, under the same reference."""
    told = []
    for earlier in reversed(before):
        if earlier.state is DriftState.OK or earlier.reference not in (night.reference, None):
            break
        told += [earlier] if is_told(earlier) else []
    return told[::-1]


def is_told(night: Night) -> bool:
    """Whether it is of a kind that people are told of, where it says anything new."""
    return night.action is not Action.NONE or night.verdict is DriftVerdict.DRIFT


def changes(night: Night, told: Sequence[Night]) -> Iterator[str]:
    """What a night has that none had of those that people were told of in the same drift."""
    yield from (f"topic {topic_name(topic)}" for topic in new_topics(night, told))
    signals = alarming(night).difference(*map(alarming, told))
    yield from (f"signal {name}" for name in sorted(signals))
    if night.outcome:
        yield f"a retrain: {night.outcome.value}"
    elif night.state is not told[-1].state:
        yield f"state {night.state.value}"
    elif night.action is not told[-1].action:
        yield f"done: {night.action.value}"


def alarming(night: Night) -> set[str]:
    return {reading.signal for reading in night.readings if reading.verdict is DriftVerdict.DRIFT}


def new_topics(night: Night, told: Sequence[Night]) -> list[Topic]:
    """The topics of a night that people were not told of, where there is more that is new than they
    were told, or most of it is other than that.

    Each night cuts what is new into other parts, and calls these by other words: few other words
    alone are no change.
    """
    heard = {
        word
        for earlier in told
        for topic in grown_topics(earlier)
        for text in (topic.name, *topic.exemplars)
        for word in words_of(text)
    }
    topics = grown_topics(night)
    fresh = [topic for topic in topics if is_unheard(topic, heard)]
    more = growth(topics) >= MORE + max(growth(grown_topics(earlier)) for earlier in told)
    return fresh if more or 2 * growth(fresh) > growth(topics) else []


def grown_topics(night: Night) -> list[Topic]:
    return [topic for topic in night.topics if topic.now > topic.before]


def growth(topics: Sequence[Topic]) -> float:
    """By how much of the traffic they grew together."""
    return sum(topic.now - topic.before for topic in topics)


def is_unheard(topic: Topic, heard: set[str]) -> bool:
    """Whether most of the words of its name are new."""
    words = {*words_of(topic.name)}
    return 2 * len(words - heard) > len(words)


def topic_name(topic: Topic) -> str:
    """Its words. A prompt that a topic is named by stays on the night's page."""
    return ", ".join(name_words(topic.name)) or "without typical words"
