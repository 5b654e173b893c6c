"""How the version is watched in use: the plan, as the settings have it, and the nights so far."""

from collections import Counter
from collections.abc import Iterator
from importlib.util import find_spec

from monitoring.monitoring_settings import DriftParams, TrafficParams, TriggerParams
from monitoring.report.night_text import VERDICTS, done
from project.records.data import counted
from project.records.drift import DriftVerdict, Night
from project.settings import Settings, load
from review.dossier.document import Block
from review.dossier.version_records import VersionRecords
from review.dossier.words import listed, settings_of

SHOWN = 30  # nights with an alarm


def monitoring_blocks(records: VersionRecords) -> Iterator[Block]:
    yield plan_block()
    yield Block(title="Settings of the drift check", facts=facts_of(load(DriftParams)))
    yield Block(title="Settings of what follows", facts=facts_of(load(TriggerParams)))
    yield from night_blocks(records)


def plan_block() -> Block:
    """What happens every night, in words."""
    drift, trigger, traffic = load(DriftParams), load(TriggerParams), load(TrafficParams)
    windows = listed(drift.windows)
    return Block(
        title="Plan",
        text=(
            f"Each night the day's traffic is compared with a frozen reference{when()}: ten "
            f"signals of prompts and answers, over windows of {windows} nights, by permutation "
            f"tests that share a budget of {drift.false_alarms_per_year:g} false alarms a year.",
            f"An alarm counts where at least {drift.minimum_effect:.0%} of the traffic moved. "
            f"Drift is confirmed after {trigger.confirm_nights} nights in a row and ends after "
            f"{trigger.calm_nights} calm ones.",
            f"Confirmed drift asks people for labels, and starts a retrain once "
            f"{trigger.minimum_labels} of them are accepted, at most "
            f"{trigger.retrains_per_month} times in 30 days. {promotion(trigger)}",
            f"Traffic is kept for {traffic.keep_days} days"
            f"{', with personal data taken out' if traffic.redact else ', as users wrote it'}.",
        ),
    )


def when() -> str:
    """The cron line of the nightly check; its settings need the library that reads such lines."""
    if find_spec("apscheduler") is None:
        return ""
    from monitoring.scheduling.schedule_settings import ScheduleParams

    schedule = load(ScheduleParams)
    return f" (cron line {schedule.nightly}, {schedule.timezone})"


def promotion(trigger: TriggerParams) -> str:
    if trigger.promote == "review":
        return "A challenger that wins waits for a person."
    return "A challenger that wins by the policy is promoted by itself."


def facts_of(settings: Settings) -> tuple[tuple[str, str], ...]:
    return settings_of(settings.model_dump(mode="json"))


def night_blocks(records: VersionRecords) -> Iterator[Block]:
    """What the nights that watched this version found."""
    nights = records.nights
    if not nights:
        text = "No night has watched this version: it was not champion on a night that was checked."
        yield Block(title="Nights so far", text=(text,))
        return
    counts = Counter(night.verdict for night in nights)
    yield Block(
        title="Nights so far",
        text=(f"{counted(len(nights), 'night')}, from {nights[0].date} to {nights[-1].date}.",),
        facts=tuple((VERDICTS[verdict].lower(), str(counts[verdict])) for verdict in DriftVerdict),
    )
    alarms = [night for night in nights if night.verdict is DriftVerdict.DRIFT]
    if alarms:
        yield alarm_block(alarms)


def alarm_block(alarms: list[Night]) -> Block:
    return Block(
        title=f"The newest nights with drift, at most {SHOWN}",
        columns=("Night", "State", "Topics that moved", "What was done"),
        rows=tuple(
            (night.date, night.state.value, listed(t.name for t in night.topics), done(night))
            for night in reversed(alarms[-SHOWN:])
        ),
    )
