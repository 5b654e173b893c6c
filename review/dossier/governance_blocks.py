"""Who may do what, who did it, which rules hold, and what else is in the inventory."""

from collections import Counter
from collections.abc import Iterator
from importlib.util import find_spec

from monitoring.monitoring_settings import DriftParams, TrafficParams, TriggerParams
from monitoring.report.night_text import VERDICTS, done
from monitoring.trigger.state_machine import CALM_NIGHTS
from project.records.data import counted
from project.records.drift import DriftVerdict, Night
from project.records.events import Event, EventKind, ExperimentEnded, Promotion, Signing
from project.records.evidence import Decision, Evidence
from project.settings import Settings, load
from registry.lineage import Lineage, name_of
from registry.registry_settings import RegistryParams
from registry.roles import Duty
from review.dossier.data_blocks import VersionRecords
from review.dossier.document import Block, event_row, listed, settings_of, yes_no

DUTIES: tuple[Duty, ...] = ("submit", "vote", "promote", "delete", "administer")
SIGN_OFFS: tuple[EventKind, ...] = (
    "submit",
    "sign",
    "decide",
    "promote",
    "rollback",
    "reject",
    "delete",
    "alias",
    "experiment",
    "experiment-end",
)


def role_block(records: VersionRecords) -> Block:
    """The duties, kept apart or not."""
    roles = records.reader.roles
    return Block(
        title="Who may do what",
        columns=("Duty", "Who"),
        rows=tuple((duty, roles.names(duty)) for duty in DUTIES),
    )


def sign_off_block(records: VersionRecords) -> Block:
    """Every act on this version by a named person or program, with its reason."""
    events = [event for event in records.lineage.history if event.kind in SIGN_OFFS]
    return Block(
        title="Sign-offs on record",
        columns=("At", "What", "Who", "Why"),
        rows=tuple(event_row(event) for event in events),
    )


def approval_text(records: VersionRecords) -> str:
    """In a sentence, who approved the version, or that nobody has."""
    gained, lost = records.tenure
    if gained is None:
        return "It was never promoted."
    until = f", until {lost.at}" if lost else " and still is"
    return f"It became champion on {gained.at}, {approved(gained)}{until}."


def approved(gained: Event) -> str:
    if not isinstance(gained.detail, Promotion):
        return f"when {gained.actor} rolled back to it ({gained.reason})"
    promotion = gained.detail
    how = "by force and without a verdict, " if promotion.forced else ""
    by = "by the policy in a run of" if promotion.by == "policy" else "approved by"
    return f"{how}{by} {gained.actor} ({gained.reason})"


def policy_block(records: VersionRecords) -> Block:
    """The policy that the newest decision was made under."""
    if not records.policy:
        return Block(title="Policy of promotion", text=("No decision was made yet.",))
    return Block(
        title="Policy of promotion",
        text=("As it was stored with the newest decision.",),
        facts=settings_of(records.policy),
    )


def control_block(records: VersionRecords) -> Block:
    """What the registry itself enforces."""
    params, reader = load(RegistryParams), records.reader
    return Block(
        title="Controls that the registry enforces",
        text=(
            "A promotion is one transaction that compares the champion with the one that the "
            "evidence is about. The history is append-only: each event names the digest of the "
            "one before it.",
            "Only who may promote may open an experiment on users. Its verdict is an event of the "
            "history: what comes in later does not change it.",
        ),
        facts=(
            ("a second person must promote (four eyes)", yes_no(reader.four_eyes)),
            ("a signature is required", yes_no(reader.keys.required)),
            ("keys whose signatures count", listed(key.name for key in reader.keys.public)),
            ("the history is anchored outside", yes_no(params.anchor_place is not None)),
        ),
    )


def check_block(records: VersionRecords) -> Block:
    return Block(title="Check of the records", text=tuple(records.findings))


def inventory_block(records: VersionRecords) -> Block:
    """The family's versions, the newest first."""
    return Block(
        title=f"The {len(records.inventory)} newest versions of {records.reader.family}",
        columns=(">Version", "Base model", "Verdict", "Standing", "Submitted", "By"),
        rows=tuple(
            (
                str(entry.version.number),
                entry.version.adapter.base.name,
                entry.verdict.value if entry.verdict else "none",
                "champion" if entry.champion else "",
                entry.version.at,
                entry.version.actor,
            )
            for entry in reversed(records.inventory)
        ),
    )


def digest_block(records: VersionRecords) -> Block:
    """Where each record is that this dossier was written from."""
    lineage = records.lineage
    decision: Decision | None = lineage.decision
    evidence: Evidence | None = lineage.evidence
    signed = [e.told(Signing) for e in lineage.history if isinstance(e.detail, Signing)]
    facts = [
        ("version", records.reader.submitted(records.number)),
        ("adapter", lineage.version.adapter.files),
        ("dataset", lineage.version.adapter.dataset),
        ("recipe", lineage.version.adapter.recipe),
    ]
    if decision and evidence:
        facts += [
            ("decision", str(lineage.decision_digest)),
            ("evidence", decision.evidence),
            ("policy", decision.policy),
        ]
    if lineage.history:
        newest = lineage.history[-1]
        facts.append((f"newest event of it, number {newest.seq}", newest.digest))
    facts += [("signed statement", signing.statement) for signing in signed[-1:]]
    facts += [
        (f"figures of experiment {ended.experiment}", ended.result)
        for ended in (e.detail for e in lineage.history)
        if isinstance(ended, ExperimentEnded)
    ]
    return Block(title="Records, by SHA-256", facts=tuple(facts))


def change_blocks(records: VersionRecords) -> Iterator[Block]:
    """What is different from the version that it was compared with, and what happened since."""
    lineage, before = records.lineage, records.before
    against = name_of(lineage.opponent) if lineage.opponent else "nobody yet"
    if before is None:
        yield Block(title="Changes", text=(f"It was compared with {against}.",))
    else:
        rows = tuple(changed_facts(records))
        text = f"Against {before.version.label}. What is not listed is the same in both."
        columns = ("What", before.version.label, lineage.version.label)
        yield Block(title="Changes", text=(text,), columns=columns, rows=rows)
    yield Block(
        title="What happened to it",
        text=(approval_text(records),),
        columns=("At", "What", "Who", "Why"),
        rows=tuple(event_row(event) for event in lineage.history),
    )


def changed_facts(records: VersionRecords) -> Iterator[tuple[str, str, str]]:
    old, new = records.before, records.lineage
    assert old is not None, "there is a version to compare with"
    sides = [plain_facts(old), plain_facts(new)]
    for name in dict.fromkeys([*sides[0], *sides[1]]):
        one, other = (side.get(name, "not there") for side in sides)
        if one != other:
            yield (name, one, other)


def plain_facts(lineage: Lineage) -> dict[str, str]:
    """What may differ between two versions, by name."""
    adapter, data = lineage.version.adapter, lineage.dataset
    facts = {
        "base model": f"{adapter.base.name}, weights {adapter.base.weights[:12]}",
        "system prompt": adapter.system_prompt or "none",
        "trained in": str(adapter.numerics or "not recorded"),
        "trained from": lineage.parent or "the base",
    }
    if data:
        rows = {f"rows, {split.value}": f"{count:,}" for split, count in data.splits.items()}
        facts |= {"dataset": data.rows[:12], "sources": listed(data.sources)} | rows
    return facts | {f"recipe, {name}": value for name, value in lineage.recipe.items()}


# --- monitoring blocks ----------------------------------------------------------------------------

# How the version is watched in use: the plan, as the settings have it, and the nights so far.

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
            f"{CALM_NIGHTS} calm ones.",
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
