"""What the keys of traffic and drift do to what is logged, kept and found by a night."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

from monitoring.retention import forget
from project import paths
from project.records.data import Row, Split
from project.records.drift import Night
from project.records.record import write_records
from tests.incumbent.setting_effects.effect import Effect, Output, ShownBy
from tests.incumbent.setting_effects.nights import OLD, START, WATCHED, day_of, night_after, watched

ANNA = "write to anna@some-bank.com about it"


def logged() -> dict[str, str]:
    """The log of a day's traffic, by its files."""
    with watched(days=1) as context:
        row = day_of(0)[0].model_copy(update={"id": "a", "prompt": ANNA})
        context.traffic.append([row])
    return {str(path): path.read_text() for path in sorted(Path().rglob("traffic.jsonl"))}


def kept() -> list[date]:
    """The days whose traffic is there after a night."""
    with watched(days=5) as context:
        forget(context, START + timedelta(days=4))
        return context.traffic.days()


def night(new_share: float) -> Output:
    """What a night says, but for the digests by which it names what it saw."""

    def said() -> dict[str, Any]:
        write_records(paths.rows_of(Split.TRAIN), asked_before())
        found: Night = night_after(new_share)
        return found.model_dump(exclude={"reference", "answers", "traffic"})

    return said


def asked_before() -> list[Row]:
    return [Row.of(f"{p} {i}", "a", group="g", source="s") for p in OLD for i in range(9)]


def row(a: object, b: object, output: Output, shown: str | None = None) -> Effect:
    return Effect((a, b), output, shown, WATCHED, models="words")


NIGHT = night(new_share=0.3)
TRAFFIC = {
    "folder": row("datasets/traffic", "log", logged),
    "redact": row(False, True, logged),
    "keep_days": row(90, 2, kept),
}
DRIFT: dict[str, Effect | ShownBy] = {
    "false_alarms_per_year": row(0.5, 50, night(new_share=0.08), "verdict"),
    "windows": row([1, 2, 7, 28], [1], NIGHT, "readings"),
    "minimum_effect": row(0.02, 0.9, NIGHT, "verdict"),
    "reference": row("auto", "dataset", NIGHT, "readings"),
    "reference_rows": row(10_000, 200, NIGHT, "readings"),
    "minimum_reference": row(200, 1_000, NIGHT, "reasons"),
    "weekend": row(["sat", "sun"], ["thu"], NIGHT, "verdict"),
    "special_days": row([], [str(day_of(0)[0].time.date())], NIGHT, "readings"),
    "perplexity_rows": row(0, 50, NIGHT, "readings"),
    "ask_again": ShownBy(
        "tests/incumbent/test_add_contestant.py::"
        "test_a_night_finds_that_the_model_behind_the_name_changed"
    ),
}

EFFECTS: dict[str, Effect | ShownBy] = {
    **{f"monitoring.traffic.{name}": effect for name, effect in TRAFFIC.items()},
    **{f"monitoring.drift.{name}": effect for name, effect in DRIFT.items()},
}
