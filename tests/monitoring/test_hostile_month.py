"""What a hostile month leaves behind: nothing poisoned, no night lost, one true drift repaired."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from monitoring.carried_labels import QUEUE
from monitoring.night import AGAIN
from monitoring.night_history import nightly_of
from monitoring.scheduling.runs import JobRun, RunState, runs_of
from monitoring.trigger.labels import LABELLED
from monitoring.trigger.waiting_corrections import NAME as CORRECTIONS
from project.records.data import Row
from project.records.drift import Action, DriftState, DriftVerdict, Night, RetrainOutcome
from registry.audit import problems
from tests.monitoring import hostile_traffic as world
from tests.monitoring.hostile_month import Month, curated
from tests.monitoring.hostile_project import FAMILY
from tests.monitoring.hostile_traffic import START, day

pytestmark = pytest.mark.slow

DRIFT = DriftVerdict.DRIFT


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory, warm_bin: Path) -> Iterator[Month]:
    with Month(tmp_path_factory.mktemp("month"), warm_bin).lived() as lived:
        yield lived


@pytest.fixture(scope="module")
def nights(month: Month) -> dict[int, Night]:
    """By the number of their day."""
    return {(date.fromisoformat(night.date) - START).days: night for night in month.nights()}


def runs_by_day(month: Month) -> dict[date, JobRun]:
    with month.registry() as registry:
        return {run.date: run for run in runs_of(registry.engine, nightly_of(FAMILY), 100)}


def test_every_night_of_the_month_is_done_once_by_one_of_two_machines(
    month: Month, nights: dict[int, Night]
) -> None:
    runs = runs_by_day(month)
    assert {number: runs[day(number)].state for number in range(world.DAYS)} == dict.fromkeys(
        range(world.DAYS), RunState.FINISHED
    )
    assert sorted(nights) == [*range(world.DAYS)]
    twice = {number for number in range(world.DAYS) if runs[day(number)].fence > 1}
    assert twice == {world.LATE, world.FULL}
    assert len({runs[day(number)].holder for number in range(world.DAYS)}) == 2


def test_the_day_whose_log_came_late_is_judged_when_it_comes(nights: dict[int, Night]) -> None:
    late = nights[world.LATE]
    assert late.rows > 200
    assert late.verdict is DriftVerdict.NO_DRIFT
    assert any(note.startswith(AGAIN) for note in late.notes)


def test_a_machine_that_does_not_see_the_traffic_is_refused_the_night(
    month: Month, nights: dict[int, Night]
) -> None:
    (refused,) = month.refused
    assert "is it mounted?" in refused
    assert nights[world.UNMOUNTED].rows > 200


def test_neither_weekends_nor_a_job_nor_a_system_prompt_is_drift(
    nights: dict[int, Night],
) -> None:
    before = [nights[number] for number in range(world.DRIFT_FROM)]
    assert {night.verdict for night in before[:2]} == {DriftVerdict.INSUFFICIENT}
    assert {night.verdict for night in before[7:]} == {DriftVerdict.NO_DRIFT}
    assert DRIFT not in {night.verdict for night in before}


def test_the_drift_is_found_and_is_confirmed_by_rows_of_another_day(
    nights: dict[int, Night],
) -> None:
    own = [nights[number] for number in range(world.DRIFT_FROM, world.DAYS)]
    found = next(number for number, night in enumerate(own) if night.verdict is DRIFT)
    assert found <= 2
    confirmed = next(night for night in own if night.state is not DriftState.WATCH)
    assert any(reading.verdict is DRIFT for reading in confirmed.confirming)
    named = " ".join(f"{topic.name} {topic.exemplars}" for topic in confirmed.topics)
    assert any(word in named for word in ("crypto", "wallet"))


def test_a_rejected_challenger_waits_no_more_and_the_next_one_repairs_the_drift(
    month: Month, nights: dict[int, Night]
) -> None:
    retrains = [night for night in nights.values() if night.action is Action.RETRAIN]
    assert [(night.challenger, night.outcome) for night in retrains] == [
        (2, RetrainOutcome.REVIEW),
        (3, RetrainOutcome.REVIEW),
    ]
    assert month.rejected == [2]
    with month.registry() as registry:
        assert [version.number for version in registry.versions()] == [1, 2, 3]
        champion = registry.champion()
        assert champion is not None and champion.number == 3


def test_the_machine_that_takes_over_retrains_on_what_was_accepted_on_the_other(
    month: Month, nights: dict[int, Night]
) -> None:
    runs = runs_by_day(month)
    rejected, promoted = (n for n, night in nights.items() if night.action is Action.RETRAIN)
    assert runs[day(rejected)].holder != runs[day(promoted)].holder
    first, second = (
        {row.id for row in Row.read_lines(site.folder / LABELLED)} for site in month.sites
    )
    assert first and first < second


def test_what_was_accepted_is_learnt_and_asked_and_what_was_asked_before_stays(
    month: Month,
) -> None:
    for site in month.sites:
        for part in ("train", "dev", "sealed"):
            assert b'"source":"labelled.jsonl"' in curated(site, part)
        for part, rows in month.asked.items():
            assert curated(site, part).startswith(rows)


def test_nights_are_quiet_once_the_drift_is_repaired(nights: dict[int, Night]) -> None:
    after = [night for night in nights.values() if night.champion == 3]
    assert len(after) >= 7
    assert any(date.fromisoformat(night.date).weekday() >= 5 for night in after)
    assert DRIFT not in {night.verdict for night in after}
    assert after[-1].verdict is DriftVerdict.NO_DRIFT
    assert after[-1].state is DriftState.OK


def test_nothing_that_the_attacker_wrote_is_learnt_or_asked(month: Month) -> None:
    read = [
        path
        for site in month.sites
        for folder in ("datasets/curated", "datasets/sources", "datasets/preferences")
        for path in (site.folder / folder).rglob("*")
        if path.is_file()
    ]
    assert any(path.name == "labelled.jsonl" for path in read)
    assert [path for path in read if is_poisoned(path.read_bytes())] == []


def test_what_the_registry_keeps_of_the_attacker_is_a_queue_that_waits_for_people(
    month: Month, nights: dict[int, Night]
) -> None:
    with month.registry() as registry:
        waiting = {
            registry.artifacts.get(manifest[name])
            for night in nights.values()
            if night.labels
            for manifest in (registry.artifacts.manifest(night.labels),)
            for name in (QUEUE, CORRECTIONS)
            if name in manifest
        }
        assert list(problems(registry)) == []
    kept = [path.read_bytes() for path in Path(month.artifacts).rglob("*") if path.is_file()]
    poisoned = {data for data in kept if is_poisoned(data)}
    assert poisoned
    assert poisoned <= waiting


def test_corrections_that_nobody_can_learn_from_are_set_aside(month: Month) -> None:
    aside = (month.first.folder / "datasets/queue/set-aside.jsonl").read_text()
    labelled = (month.first.folder / "datasets/sources/labelled.jsonl").read_text()
    assert "mining coins" in aside and "crypto taxes" in aside
    assert "mining coins" not in labelled and "crypto taxes" not in labelled


def is_poisoned(data: bytes) -> bool:
    return world.POISON.encode() in data
