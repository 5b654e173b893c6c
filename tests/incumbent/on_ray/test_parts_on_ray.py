"""What two workers of a real Ray cluster make of rows and of traffic is what this process makes."""

import os
import signal
from functools import partial
from pathlib import Path

import pytest

from curation import many_rows, token_lengths
from curation.sifting import faulty
from curation.token_lengths import TokenLengths
from monitoring.traffic import day_parts
from monitoring.traffic.day_parts import PartReader, sample_parts
from monitoring.traffic.traffic_store import TrafficStore
from project.records.data import Row
from project.records.traffic import Traffic
from tests.incumbent.setting_effects.models import save_base
from tests.monitoring.test_day_parts import DAY, line

pytestmark = pytest.mark.slow

ON_RAY = "engine: ray\nray: {workers: 2}\n"


def dying_once(mark: Path, rows: list[Traffic]) -> list[Traffic]:
    """All rows; the first worker that meets a certain one is killed, with half its part read."""
    if not mark.exists() and any(row.id == "r45" for row in rows):
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return rows


def test_a_days_state_is_the_same_where_a_worker_was_killed_amid_a_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(day_parts, "PART", 2_000)
    mark = tmp_path / "killed"
    store = TrafficStore(tmp_path / "traffic", redact=False, quarantine=tmp_path / "quarantine")
    (store.root / str(DAY)).mkdir(parents=True)
    lines = [line(number % 70, f"u{number % 9}") for number in range(80)]
    (store.root / str(DAY) / "log.jsonl").write_bytes(
        b"".join([*lines[:50], b"torn\n", *lines[50:]])
    )

    def state() -> object:
        reader = PartReader([store.read(DAY)], 5, 0, partial(dying_once, mark))
        sample, set_aside = sample_parts(reader)
        listed = (tmp_path / "quarantine" / f"{DAY}.jsonl").read_bytes()
        return (
            sample.users,
            sample.bound,
            sample.heavy.rows,
            sample.tally.finish(),
            set_aside,
            listed,
        )

    mark.touch()
    here = state()
    mark.unlink()
    Path("params.yaml").write_text(ON_RAY)
    assert state() == here
    assert mark.exists()


def test_rows_are_looked_at_and_counted_on_the_cluster_as_here(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(many_rows, "MANY", 4)
    monkeypatch.setattr(many_rows, "AT_ONCE", 3)
    monkeypatch.setattr(token_lengths, "AT_ONCE", 3)
    answers = ["It is 5 pm.", "N/A", "", "ha " * 90, "Yes.", "In the menu.", "No."]
    rows = [Row.of(f"What is {i}?", text, group="g", source="s") for i, text in enumerate(answers)]
    save_base(Path("tiny"), ["What", "is", "It", "Yes", "."], seed=0)
    here = faulty(rows), TokenLengths(Path("tiny")).count(rows)
    Path("params.yaml").write_text(ON_RAY)
    assert (faulty(rows), TokenLengths(Path("tiny")).count(rows)) == here
    assert len(here[0]) > 1
