"""Families at once on PostgreSQL and an object store: none is in another's way."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from monitoring.scheduling.retrain_slots import retrains
from project.records.events import Event, LookTaken
from registry.audit import problems
from registry.store import Registry
from tests.conftest import ROOT

pytest_plugins = ["tests.servers"]

FAMILIES, AT_ONCE = 4, 2
STORY = ["submit", "open", "decide", "promote"]  # of the first version, and of the night's


def run_families(folder: Path, database: str, artifacts: str) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.eight_families", "--folder", str(folder)]
    places = ["--database", database, "--artifacts", artifacts]
    numbers = ["--families", str(FAMILIES), "--nights", "1", "--at-once", str(AT_ONCE)]
    done = subprocess.run(
        [*command, *places, *numbers],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.slow  # a process for each
def test_families_at_once_do_not_disturb_each_other(
    tmp_path: Path, postgresql: str, object_store: str
) -> None:
    """Each submits, looks, decides and promotes, and does it again in a night's retrain."""
    told = run_families(tmp_path, postgresql, object_store)
    assert told["versions"] == 2 * FAMILIES
    with Registry(tmp_path, "family-0", database=postgresql, artifacts=object_store) as registry:
        assert list(problems(registry)) == []
        events = {one.family: one.history() for one in registry.families()}
        known = retrains(registry.engine, registry.clock())
    assert len(events) == FAMILIES
    for family, own in events.items():
        kinds = [event.kind for event in own if event.kind in STORY]
        assert kinds == STORY * 2, family
        assert [event.version for event in own if event.kind in STORY] == [1] * 4 + [2] * 4
        looks = [event.told(LookTaken) for event in own if event.kind == "open"]
        assert [look.opening for look in looks] == [1, 1], "another family's look was counted"
    assert Counter(map(len, known.started.values())) == {1: FAMILIES}
    assert (known.running, known.waiting) == ({}, {})
    assert most_at_once([slot(own) for own in events.values()]) == AT_ONCE


def slot(events: list[Event]) -> tuple[int, int]:
    """From the first to the last event that a retrain wrote: all of them while it held its slot."""
    own = [event.seq for event in events if event.version == 2]
    return min(own), max(own)


def most_at_once(slots: list[tuple[int, int]]) -> int:
    """How many slots were held at a time at most, in the chain's own order."""
    return max(sum(begin <= at <= end for begin, end in slots) for at, _ in slots)
