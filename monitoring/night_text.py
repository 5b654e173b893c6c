"""A night in words: what it found, what followed from it, and what a person must do."""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from rich.text import Text

from monitoring.monitoring_settings import quarantine_folder
from project.records.data import counted
from project.records.drift import (
    OF_ANSWERS,
    Action,
    AnswerChange,
    AnswerCounts,
    ChampionQuality,
    DriftVerdict,
    HindranceKind,
    Night,
    RetrainOutcome,
    SignalReading,
    Topic,
    alarmed,
    answers_alone,
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
    """A few lines for the terminal: what changed, what speaks for it, what was done."""
    verdict = (VERDICTS[night.verdict], COLOURS[night.verdict])
    head = Text.assemble(f"{night.date}  ", verdict, f"  {what_and_todo(night)}")
    return Text("\n").join([head, *(Text(f"  {detail}") for detail in details(night))])


def details(night: Night) -> Iterator[str]:
    state = f"state {night.state}, blind" if night.blind else f"state {night.state}"
    yield f"{watched(night)}, {state}"
    yield from whys(night)
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
    if night.answer_change:
        yield f"answers   {counts_text(night.answer_change)}"
    yield f"done      {done(night)}"


# --- headline -------------------------------------------------------------------------------------

# What a night comes to in one line: what changed, by how much and where, and what to do.

NAMED = 3  # topics
GONE = 0.25  # of its share before: a topic with no more is called gone
MARKED = 0.02  # more of the answers are plainly wrong than before: worth the first line
# How prompts changed where no topic stands out, by the signal that says so.
HOW = {
    "novelty": "are like none before",
    "topics": "are about other topics",
    "embeddings": "are about other things",
    "vocabulary": "are in other words",
    "perplexity": "surprise the champion more",
    "length": "are longer or shorter",
    "script": "are in another script",
}
# What the signals of answers say, of at least a share of them.
SAID = {
    "response": "of answers are unlike those before",
    "judge": "of answers are worse to the reward model",
    "feedback": "of ratings are worse",
    "escalated": "of cases more go to a person",
    "unresolved": "of cases more end without a solution",
    "satisfaction": "of users are less satisfied",
    "abstaining": "of answers on passages more say that they do not know",
    "ungrounded": "of answers on passages stand on these less",
    "calling": "of answers more call a tool, or fewer",
    "failed_calls": "of calls of tools more fail",
    "asking_back": "of answers more ask back, or fewer",
}
USED_TOOLS = ("calling", "failed_calls", "asking_back")
OF_WHAT_IS_SAID = frozenset(("response", "judge", "abstaining", "ungrounded", *USED_TOOLS))
WRONG = {"refused": "are refusals", "empty": "are empty", "cut": "are cut off"}


def what_and_todo(night: Night) -> str:
    return f"{headline(night)} To do: {duty(night)}"


def notice_text(night: Night, news: str) -> str:
    """What changed and what to do in the first line, then what is new in a drift, and why."""
    told = [f"answers: {counts_text(night.answer_change)}"] if night.answer_change else []
    head = f"{night.family}, {night.date}: {what_and_todo(night)}"
    return "\n".join([head, *[news] * bool(news), *night.reasons, *told])


def headline(night: Night) -> str:
    """What changed, by how much and where, in a sentence; no prompt is quoted."""
    signals, blind = alarmed(night.readings), blind_sentence(night)
    if not signals:
        return blind or as_sentence(night.reasons[0])
    prompts, answers = signals - OF_ANSWERS, signals & OF_ANSWERS
    told = list(prompt_changes(night, prompts))
    if answers:
        told.append(
            f"{usual_or_not(prompts, answers)}: {', '.join(answer_changes(night, answers))}"
        )
    return " ".join([*filter(None, [blind]), as_sentence("; ".join(told))])


def usual_or_not(prompts: frozenset[str], answers: frozenset[str]) -> str:
    """What changed beside what did not, where answers did or what users make of them."""
    what = "answers changed" if answers & OF_WHAT_IS_SAID else "users are less content"
    return what if prompts else f"prompts are as usual, {what}"


def whys(night: Night) -> tuple[str, ...]:
    """The reasons that its headline does not say."""
    in_headline = alarmed(night.readings) or night.blind
    return night.reasons if in_headline else night.reasons[1:]


def share_moved(night: Night) -> float | None:
    """The share of the traffic that the headline speaks of; None where nothing moved."""
    drifting = [reading for reading in night.readings if reading.verdict is DriftVerdict.DRIFT]
    new = [topic for topic in night.topics if topic.new]
    if new and alarmed(drifting) - OF_ANSWERS:
        return round(grown_by(new), 3)
    return round(max(reading.effect for reading in drifting), 3) if drifting else None


def prompt_changes(night: Night, names: frozenset[str]) -> Iterator[str]:
    """By the topics; where none stands out, by the strongest of the signals that alarm."""
    if not names:
        return
    new = [topic for topic in night.topics if topic.new]
    grew = [topic for topic in night.topics if not topic.new and topic.now > topic.before]
    gone = [topic for topic in night.topics if topic.now <= GONE * topic.before]
    script = f" and in {script_of(new)} script" if new and "script" in names else ""
    if new:
        yield f"about {percent(grown_by(new))} of prompts are new{script}{names_of(new)}"
    if grew:
        yield f"about {percent(grown_by(grew))} of prompts moved to{names_of(grew)}"
    if gone:
        yield f"about {percent(-grown_by(gone))} of prompts are gone{names_of(gone)}"
    if not (new or grew or gone):
        reading = strongest(r for r in night.readings if r.signal in names)[0]
        how = HOW.get(reading.signal, f"changed ({reading.signal})")
        yield f"at least {percent(reading.effect)} of prompts {how}"


def grown_by(topics: Iterable[Topic]) -> float:
    return sum(topic.now - topic.before for topic in topics)


def names_of(topics: Sequence[Topic]) -> str:
    """The largest ones by their words; a topic that no words tell is only counted."""
    ordered = sorted(topics, key=lambda topic: -abs(topic.now - topic.before))
    named = [topic.name for topic in ordered if topic.is_told_by_words][:NAMED]
    others = len(topics) - len(named)
    more = [f"{others} more topics" if others > 1 else "another topic"] * (others > 0)
    return f": {'; '.join([*named, *more])}" if named else ""


def script_of(topics: Iterable[Topic]) -> str:
    """The script of most letters of the topics' prompts, as Unicode names it."""
    letters = [c for topic in topics for text in topic.exemplars for c in text if c.isalpha()]
    scripts = Counter(unicodedata.name(letter, "another").split()[0] for letter in letters)
    return scripts.most_common(1)[0][0].capitalize() if scripts else "another"


def answer_changes(night: Night, names: frozenset[str]) -> Iterator[str]:
    """What is plainly wrong more often than before; what users say; else what the signals say."""
    change = night.answer_change
    wrong = list(wrong_shares(change.now, change.before)) if change and change.before else []
    yield from wrong
    for reading in strongest(r for r in night.readings if r.signal in names):
        if reading.signal == "feedback" and change and change.ratings:
            yield str(change.ratings)
        elif not (wrong and reading.signal in ("response", "judge")):
            yield f"at least {percent(reading.effect)} {SAID[reading.signal]}"


def wrong_shares(now: AnswerCounts, before: AnswerCounts) -> Iterator[str]:
    for kind, words in WRONG.items():
        here, there = (getattr(side, kind) / max(side.n, 1) for side in (now, before))
        if here - there >= MARKED:
            yield f"{percent(here)} {words} (before: {percent(there)})"


def counts_text(change: AnswerChange) -> str:
    """How many answers are plainly wrong, beside those before."""
    before = f"; before, {change.before}" if change.before else ""
    return f"{change.now}{before}"


def percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.01 or not share else "under 1 %"


def as_sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:].rstrip('.')}."


# --- duty -----------------------------------------------------------------------------------------

# What was done, and what is left for a person.


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
    alone = answers_alone(night.readings)
    return {
        Action.NONE: "nothing",
        Action.LABEL: f"a queue of {'answers' if alone else 'prompts'} to label was written",
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
    if night.action is Action.RETRAIN:
        return "Nothing: a retrain was started."
    if answers_alone(night.readings):
        return LOOK_AT_ANSWERS
    if is_less_asked(night):
        return "See why it is no longer asked: a client, a page, the log. Labels change nothing."
    also = " Read its answers too." if alarmed(night.readings) & OF_ANSWERS else ""
    if night.action is not Action.NONE:
        return {
            Action.LABEL: "Label the prompts of the queue: a retrain has too few without them."
            + also,
            Action.REFUSED: "See the reasons: they say what stands in the way of a retrain.",
        }[night.action]
    if (lacks := night.hindrance) and (night.blind or lacks.kind in TOLD_AT_ONCE):
        return lacks.mend
    if not night.rows:
        return "See whether the gateway logs traffic: there is none of this day."
    return {
        DriftVerdict.DRIFT: "Nothing yet: drift must last before something is done about it."
        + also,
        DriftVerdict.NO_DRIFT: "Nothing.",
        DriftVerdict.INSUFFICIENT: too_little(night),
    }[night.verdict]


def is_less_asked(night: Night) -> bool:
    """Whether all that changed of the prompts is that some are gone."""
    shrank = all(topic.now < topic.before for topic in night.topics)
    return bool(alarmed(night.readings) and night.topics) and shrank


# What a single night lacks is told of these; of others once nights are blind.
TOLD_AT_ONCE = {HindranceKind.ROWS, HindranceKind.SPECIAL}
# What was deployed is looked at before what was learnt: no label mends a gateway.
LOOK_AT_ANSWERS = (
    "Read the answers on the night's page. `incumbent status` says how the gateway is, `incumbent "
    "gateway deployments` what was deployed since; `incumbent rollback` brings the version before "
    "back."
)


def too_little(night: Night) -> str:
    if not (night.reference or night.hindrance):  # the champion's reference is of later nights
        return "Nothing."
    most = max((reading.n for reading in night.readings), default=0)
    seen = f": {counted(most, 'user')} in its longest window" if most else ""
    return f"Nothing: there was too little traffic to tell{seen}."


# --- figures --------------------------------------------------------------------------------------

# What it rests on.


def strongest(readings: Iterable[SignalReading]) -> list[SignalReading]:
    """Of each signal that could say something its strongest reading, the strongest first.

    Two alarms are ranked by their effect alone: the draws behind a p-value stop soon after
    it is clear that it is below the level, so how far below means little.
    """
    by_signal: dict[str, SignalReading] = {}
    tested = [r for r in readings if r.verdict is not DriftVerdict.INSUFFICIENT]
    for reading in sorted(tested, key=strength, reverse=True):
        by_signal.setdefault(reading.signal, reading)
    return list(by_signal.values())


def strength(reading: SignalReading) -> tuple[bool, float, float]:
    drifted = reading.verdict is DriftVerdict.DRIFT
    return drifted, min(reading.evidence, 1.0), reading.effect


def reading_text(reading: SignalReading) -> str:
    return (
        f"{reading.signal} over {counted(reading.nights, 'night')}: {reading.evidence:.2g} "
        f"(1 is an alarm), {reading.effect:.1%} of traffic moved"
    )


def topic_text(topic: Topic) -> str:
    """Of a new one `before` is its part of what belonged to no topic, and not its own share."""
    if topic.new:
        return f"{topic.name} (new): {topic.now:.1%}"
    return f"{topic.name}: {topic.before:.1%} -> {topic.now:.1%}"


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
    asked = [str(night.same_model)] if night.same_model else []
    return [*night.notes, *asked, *[cut] * bool(night.cut)]


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
