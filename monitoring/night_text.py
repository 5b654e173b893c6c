"""A night in words: what it found, what followed from it, and what a person must do."""

from collections.abc import Iterable, Iterator

from rich.text import Text

from monitoring.monitoring_settings import quarantine_folder
from project.records.data import counted
from project.records.drift import (
    Action,
    ChampionQuality,
    DriftVerdict,
    HindranceKind,
    Night,
    RetrainOutcome,
    SignalReading,
    Topic,
)
from project.records.traffic import DayTally

VERDICTS = {
    DriftVerdict.DRIFT: "DRIFT",
    DriftVerdict.NO_DRIFT: "NO DRIFT",
    DriftVerdict.INSUFFICIENT: "NOT ENOUGH DATA",
}
COLOURS = {
    DriftVerdict.DRIFT: "bold red",
    DriftVerdict.NO_DRIFT: "bold green",
    DriftVerdict.INSUFFICIENT: "bold yellow",
}
SHOWN = 3  # signals, and topics


def line(night: Night) -> Text:
    """A few lines for the terminal: the verdict and why, what speaks for it, what was done."""
    verdict = (VERDICTS[night.verdict], COLOURS[night.verdict])
    state = f"state {night.state}, blind" if night.blind else f"state {night.state}"
    head = Text.assemble(f"{night.date}  ", verdict, f"  {watched(night)}, {state}")
    return Text("\n").join([head, *(Text(f"  {detail}") for detail in details(night))])


def details(night: Night) -> Iterator[str]:
    yield from filter(None, [blind_sentence(night)])
    yield from night.reasons
    for reading in strongest(night.readings)[:SHOWN]:
        yield f"evidence  {reading_text(reading)}"
    for reading in strongest(night.confirming)[:SHOWN]:
        yield f"again     {reading_text(reading)}"
    for topic in night.topics[:SHOWN]:
        yield f"topic     {topic_text(topic)}"
    if night.quality:
        yield f"quality   {quality_text(night.quality)}"
    for remark in remarks(night):
        yield f"note      {remark}"
    if night.set_aside:
        yield f"set aside {set_aside_text(night)}"
    yield f"done      {done(night)}"
    yield f"to do     {duty(night)}"


def blind_sentence(night: Night) -> str | None:
    """Since when nights are blind and why; None of a night that is not. `duty` says what to do."""
    if night.blind is None or night.hindrance is None:
        return None
    since = night.hindrance.since or night.blind
    later = f"; since {since}" if since != night.blind else ""
    return f"Blind since {night.blind}{later}: {night.hindrance.cause}."


def watched(night: Night) -> str:
    """Whose traffic it is."""
    return f"{night.family} {f'v{night.champion}' if night.champion else '(the bare base)'}"


def done(night: Night) -> str:
    """What was done about it, in one phrase."""
    challenger = f", v{night.challenger}" if night.challenger else ""
    became = f": {night.outcome}{challenger}" if night.outcome else challenger
    return {
        Action.NONE: "nothing",
        Action.LABEL: "a queue of prompts to label was written",
        Action.RETRAIN: "a retrain",
        Action.REFUSED: "a retrain was refused",
    }[night.action] + became


def duty(night: Night) -> str:
    """What a person must do, or that there is nothing to do."""
    number, again = night.challenger or "V", f"incumbent nightly --date {night.date}"
    if night.outcome is not None:
        return {
            RetrainOutcome.PROMOTED: "Nothing: the challenger won, and is the champion now.",
            RetrainOutcome.REVIEW: "The challenger won and waits for a person: "
            f"`incumbent promote {number}` or `incumbent registry reject {number}`.",
            RetrainOutcome.LOST: "Nothing: the champion stays; "
            f"`incumbent registry why {number}` says why.",
            RetrainOutcome.FAILED: f"The retrain hung: see why, then `{again}` tries it again."
            if night.hung
            else "Mend what made the retrain fail; the reasons name it.",
        }[night.outcome]
    if night.action is not Action.NONE:
        return {
            Action.LABEL: "Label the prompts of the queue: a retrain has too few without them.",
            Action.RETRAIN: "Nothing: a retrain was started.",
            Action.REFUSED: "See the reasons: they say what stands in the way of a retrain.",
        }[night.action]
    if (lacks := night.hindrance) and (night.blind or lacks.kind is HindranceKind.ROWS):
        return lacks.mend
    if not night.rows:
        return "See whether the gateway logs traffic: there is none of this day."
    return {
        DriftVerdict.DRIFT: "Nothing yet: drift must last before something is done about it.",
        DriftVerdict.NO_DRIFT: "Nothing.",
        DriftVerdict.INSUFFICIENT: too_little(night),
    }[night.verdict]


def too_little(night: Night) -> str:
    most = max((reading.n for reading in night.readings), default=0)
    seen = f": {counted(most, 'user')} in its longest window" if most else ""
    return f"Nothing: there was too little traffic to tell{seen}."


def strongest(readings: Iterable[SignalReading]) -> list[SignalReading]:
    """Of each signal that could say something its strongest reading, the strongest first.

    Two alarms are ranked by their effect alone: the draws behind a p-value stop soon after
    it is clear that it is below the level, so how far below means little.
    """
    found: dict[str, SignalReading] = {}
    tested = [r for r in readings if r.verdict is not DriftVerdict.INSUFFICIENT]
    for reading in sorted(tested, key=strength, reverse=True):
        found.setdefault(reading.signal, reading)
    return list(found.values())


def strength(reading: SignalReading) -> tuple[bool, float, float]:
    drifted = reading.verdict is DriftVerdict.DRIFT
    return drifted, min(reading.evidence, 1.0), reading.effect


def reading_text(reading: SignalReading) -> str:
    return (
        f"{reading.signal} over {counted(reading.nights, 'night')}: {reading.evidence:.2g} "
        f"(1 is an alarm), {reading.effect:.1%} of traffic moved"
    )


def topic_text(topic: Topic) -> str:
    return f"{topic.name}{' (new)' if topic.new else ''}: {topic.before:.1%} -> {topic.now:.1%}"


def quality_text(quality: ChampionQuality) -> str:
    """How the champion answered fresh labels, beside what it scored on dev."""
    return f"on {counted(quality.n, 'fresh label')}: " + ", ".join(
        f"{metric} {mean:.3f}"
        + (f" ± {quality.errors[metric]:.3f}" if metric in quality.errors else "")
        + (f" (dev: {quality.dev[metric]:.3f})" if metric in quality.dev else "")
        for metric, mean in quality.scores.items()
    )


def remarks(night: Night) -> list[str]:
    """What people should know beside the verdict, in plain sentences."""
    cut = f"of {counted(night.cut, 'prompt')} only a part was read: the rest is too long"
    return [*night.notes, *[cut] * bool(night.cut)]


def set_aside_text(night: Night) -> str:
    """Rows that count for nothing, by what is wrong with them, and where they are listed."""
    counts = ", ".join(f"{count:,} {reason}" for reason, count in night.set_aside.items())
    return f"{counts}; see {quarantine_folder() / night.date}.jsonl"


def day_text(tally: DayTally) -> str:
    """What its users thought of the answers, and how long they took."""
    ratings = {"up": tally.better, "neutral": tally.neutral, "down": tally.worse}
    rated = ", ".join(f"{count:,} {kind}" for kind, count in ratings.items() if count)
    parts = [f"ratings: {rated}"] * bool(rated)
    parts += [f"{tally.corrected:,} corrected"] * bool(tally.corrected)
    parts += [counted(tally.empty, "empty answer")] * bool(tally.empty)
    parts += outcome_parts(tally)
    if tally.median_ms is not None:
        parts.append(f"latency {tally.median_ms:,.0f} ms, for 95 % at most {tally.p95_ms:,.0f} ms")
    return "; ".join(parts) or "Nobody rated an answer."


def outcome_parts(tally: DayTally) -> Iterator[str]:
    """What became of the cases, as far as anybody told."""
    if not tally.outcomes:
        return
    cases = counted(tally.outcomes, "case")
    yield f"of {cases} {tally.escalated or 0:,} escalated, {tally.resolved or 0:,} resolved"
    if tally.satisfaction is not None:
        yield f"satisfaction {tally.satisfaction:.2f} of 1"
