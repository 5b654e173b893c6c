"""What the keys of section `monitoring.trigger` do to what follows from a drift."""

import json
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from incumbent.verbs.data_rows import accept_labels
from monitoring.monitoring_settings import TriggerParams
from monitoring.night_action import accept_and_queue, run_retrain
from monitoring.night_check import check
from project.errors import IncumbentError
from project.records.drift import Action, DriftVerdict
from project.records.evidence import Verdict
from project.settings import load
from tests.conftest import decision_on, evidence_of
from tests.incumbent.setting_effects.effect import Effect, Output, write
from tests.incumbent.setting_effects.nights import START, WATCHED, day_of, watched
from tests.monitoring.test_drift_state import ENOUGH, D, story
from tests.monitoring.test_labels import asked, queued, written

NOTHING: Mapping[str, Any] = {}


def nights(*verdicts: DriftVerdict, labels: int = 50) -> Output:
    """The state and the action of each night of a story."""
    facts = ENOUGH.model_copy(update={"labels": labels})

    def told() -> list[tuple[str, str]]:
        found = story(verdicts, facts=facts, params=load(TriggerParams))
        return [(night.state, night.action) for night in found]

    return told


def followed(days: int) -> Output:
    """What a night of drift after so many days does: its reasons and its action."""

    def done() -> dict[str, Any]:
        with watched(days) as context:
            context.traffic.append(day_of(days, new_share=0.3))
            night = check(context, START + timedelta(days=days))
            if night.to_label:
                night = accept_and_queue(context, night, night.to_label)
        queues = [str(path) for path in sorted(Path().rglob("*labels*.json"))]
        return {"reasons": night.reasons, "action": night.action, "queues": queues}

    return done


def accepted() -> str:
    """What of an export of two users' corrections is accepted."""
    tasks = queued([asked(f"n{i}", f"a {i}", f"user {i % 2}") for i in range(20)])
    for i, task in enumerate(tasks):
        task["annotations"] = [{"result": [written(f"a {i}")]}]
    accept_labels(write("export.json", json.dumps(tasks)), "checked")
    return Path("datasets/sources/labelled.jsonl").read_text()


def retrained() -> str:
    """How a retrain asks for the submission of its challenger, or why it did not come to that.

    The pipeline takes a second, and the submission only notes how it was called.
    """
    with watched(days=1) as context, pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "executable", str(lay_out_programs() / "python"))
        context.traffic.append(day_of(1))
        night = check(context, START + timedelta(days=1))
        try:
            run_retrain(context, night.model_copy(update={"action": Action.RETRAIN}), Event())
        except IncumbentError as error:
            return str(error).partition(":")[0]
    return Path("called").read_text()


def lay_out_programs() -> Path:
    """A `dvc` and an `incumbent` that retrain nothing."""
    decision = decision_on(evidence_of("1" * 64, None), Verdict.HOLD).model_dump(mode="json")
    answer = json.dumps({"version": {"number": 2}, "decision": decision, "provenance": None})
    write("bin/dvc", "#!/bin/sh", "sleep 1")
    compared = """case "$*" in run*--quick*) echo '{"stops": true}'; exit;; esac"""
    write(
        "bin/incumbent", "#!/bin/sh", compared, 'echo "$@" > called', f"cat <<'END'\n{answer}\nEND"
    )
    for program in Path("bin").iterdir():
        program.chmod(0o755)
    return Path("bin").resolve()


def row(
    a: object,
    b: object,
    output: Output,
    shown: str | None = None,
    beside: Mapping[str, Any] = NOTHING,
) -> Effect:
    return Effect((a, b), output, shown, {**WATCHED, **beside}, models="words")


DRIFTED = followed(days=8)  # a week tells how days differ
FEW = {"monitoring.trigger.minimum_labels": 5}
USERS = [f"user {i}" for i in range(120)]

ROWS = {
    "confirm_nights": row(1, 2, nights(D, D, D)),
    "cooldown_days": row(7, 0, nights(D, D, D, D)),
    "retrains_per_month": row(4, 0, nights(D, D)),
    "minimum_labels": row(50, 60, nights(D, D)),
    "trusted": row([], USERS, DRIFTED, "action", FEW),
    "retrain_hours": row(12, 0.00001, retrained),
    "promote": row("policy", "review", retrained),
    "quick": row(False, True, retrained),
}

EFFECTS = {f"monitoring.trigger.{name}": effect for name, effect in ROWS.items()}
