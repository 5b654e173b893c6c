"""A day whose file comes after its night is judged when it comes, once, and takes no action."""

import dataclasses
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from incumbent.verbs.nightly import done_again
from monitoring.monitoring_settings import TriggerParams
from monitoring.night import late_nights
from monitoring.night_context import NightContext
from monitoring.night_history import check_of, nightly_of, nights_before
from monitoring.night_page import page_path
from monitoring.night_text import blind_sentence
from monitoring.scheduling.health import pages_of
from monitoring.scheduling.outbox import newest_notices
from monitoring.scheduling.runs import runs_of
from monitoring.signals.signal import Floats
from monitoring.traffic import traffic_store
from monitoring.trigger.labels import LABEL_QUEUE
from project.canonical import digest_file
from project.errors import IncumbentError
from project.records.drift import Action, DriftState, DriftVerdict, Night
from registry.notices import Notice
from tests.quick_nights import (
    NOW,
    Make,
    WordEmbeddings,
    day,
    opened,
    rows_of,
    run,
    scheduler_of,
    site_of,
)

DRIFT, QUIET = DriftVerdict.DRIFT, DriftVerdict.NO_DRIFT
SILENT = DriftVerdict.INSUFFICIENT


def night_of(context: NightContext, number: int) -> Night:
    night = check_of(context.registry.engine, "bank", day(number))
    assert night is not None
    return night


def sent(context: NightContext) -> list[Notice]:
    return [one.notice for one in reversed(newest_notices(context.registry.engine, 50))]


def test_a_night_whose_file_came_after_it_is_judged_when_it_is_asked_for_again(
    context: NightContext,
) -> None:
    run(context, 3)
    assert run(context, 4, []).verdict is SILENT
    run(context, 5)
    late = run(context, 4)
    assert late.verdict is QUIET
    assert "judged again: its traffic came after its night" in late.notes
    assert nights_before(context.registry.engine, "bank", day(5))[-1].verdict is QUIET


def test_the_traffic_of_a_night_that_is_judged_again_is_digested_once(
    context: NightContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(context, 3), run(context, 4, [])
    context.traffic.append(rows_of(4))
    digested = Counter[str]()

    def counted(path: Path) -> str:
        digested[path.parent.name] += 1
        return digest_file(path)

    monkeypatch.setattr(traffic_store, "digest_file", counted)
    assert run(context, 4, []).verdict is QUIET
    assert digested == {str(day(4)): 1}


def test_a_file_that_is_written_to_gets_another_digest(context: NightContext) -> None:
    context.traffic.append(rows_of(4))
    before = context.traffic.digest(day(4))
    assert context.traffic.digest(day(4)) == before
    context.traffic.append(rows_of(40, on=4, rows=1))
    assert context.traffic.digest(day(4)) != before


def test_a_night_that_compared_something_stands_however_many_rows_come_after_it(
    context: NightContext, caplog: pytest.LogCaptureFixture
) -> None:
    before = run(context, 3)
    with caplog.at_level("INFO"):
        again = run(context, 3, rows_of(30, on=3, new_share=1.0))
    assert again == before
    assert (
        "2026-03-05 has been judged and stays so: its new rows count in the nights" in caplog.text
    )


def test_ten_rows_that_become_a_hundred_are_judged_again(context: NightContext) -> None:
    assert run(context, 3, rows_of(3, rows=10)).verdict is SILENT
    late = run(context, 3, rows_of(3)[10:])
    assert (late.verdict, late.rows) == (QUIET, 150)
    assert "judged again: rows came after its night" in late.notes


def test_the_scheduler_judges_late_days_before_tonight(context: NightContext) -> None:
    run(context, 3), run(context, 4, []), run(context, 5, [])
    for number in (4, 5, 6):
        context.traffic.append(rows_of(number))
    scheduler = scheduler_of(context, at=day(7))
    scheduler.tick()
    assert [night_of(context, number).verdict for number in (4, 5, 6)] == [QUIET] * 3
    ran = runs_of(context.registry.engine, nightly_of("bank"))
    tonight = sorted((r.started, r.date) for r in ran if r.started.startswith("2026-03-09"))
    assert [one for _, one in tonight if one > day(3)] == [day(4), day(5), day(6)]


def test_a_late_day_is_in_the_windows_of_the_nights_after_it(context: NightContext) -> None:
    run(context, 3), run(context, 4, []), run(context, 5)
    late = run(context, 4, rows_of(4, rows=400))
    assert users(run(context, 6), 3) == sum(users(night_of(context, n), 1) for n in (4, 5, 6))
    assert users(late, 1) > 200


def test_rows_of_a_silent_day_count_in_later_windows_though_nobody_judged_it_again(
    context: NightContext,
) -> None:
    run(context, 3), run(context, 4, [])
    context.traffic.append(rows_of(4, rows=400))
    night = run(context, 5)
    assert night_of(context, 4).verdict is SILENT
    assert users(night, 2) > users(night, 1) + 200


def users(night: Night, nights: int) -> int:
    return max(reading.n for reading in night.readings if reading.nights == nights)


def test_rows_that_come_after_their_night_count_in_the_windows_of_later_ones(
    context: NightContext,
) -> None:
    in_time = run(context, 3).units
    context.traffic.append(rows_of(40, on=3))
    night = run(context, 4)
    assert users(night, 2) == in_time + night.units + 150


def test_rows_that_come_while_their_night_is_at_work_are_not_lost(context: NightContext) -> None:
    before = run(context, 3).units
    meanwhile = WordEmbeddings()

    def once() -> None:
        meanwhile.meanwhile = lambda: None
        context.traffic.append(rows_of(40, on=4))

    meanwhile.meanwhile = once
    night = run(dataclasses.replace(context, embeddings=meanwhile), 4)
    assert users(night, 2) == before + night.units + 150


def test_a_night_that_is_done_late_is_not_held_against_answers_of_its_own_day(
    context: NightContext,
) -> None:
    for number in (3, 4):
        run(context, number)
    context.traffic.append(rows_of(5))
    in_time = [run(context, number) for number in (6, 7)]
    late = run(context, 5, [])
    assert [bool(night.answers) for night in (*in_time, late)] == [False, True, False]
    assert late.verdict is QUIET


def test_a_late_night_of_drift_takes_no_action_and_later_states_stay(
    context: NightContext,
) -> None:
    trigger = TriggerParams(confirm_nights=1, minimum_labels=1)
    context = dataclasses.replace(context, trigger=trigger)
    run(context, 3), run(context, 4, [])
    after = run(context, 5)
    late = run(context, 4, rows_of(4, new_share=0.5))
    assert (late.verdict, late.action) == (DRIFT, Action.NONE)
    assert night_of(context, 5) == after
    assert not LABEL_QUEUE.exists()
    following = run(context, 6)
    assert following.state is not DriftState.ACT
    assert nights_before(context.registry.engine, "bank", day(7))[-3].verdict is DRIFT


def test_a_late_night_that_fails_goes_back_to_what_it_was_and_is_tried_again(
    context: NightContext,
) -> None:
    run(context, 3), run(context, 4, [])
    context.traffic.append(rows_of(4))
    broken = dataclasses.replace(context, embeddings=Broken())
    scheduler = scheduler_of(broken)
    (job,) = scheduler.jobs
    assert not scheduler.run(job, day(4), again=done_again(context, day(4)))
    assert night_of(context, 4).verdict is SILENT
    assert run(context, 4, []).verdict is QUIET


class Broken(WordEmbeddings):
    """The disk of the cache is full."""

    def encode(self, texts: Sequence[str]) -> Floats:
        raise IncumbentError("the cache of embeddings cannot be used: disk is full")


def test_a_missing_day_is_told_once_and_each_week_until_traffic_is_back(
    context: NightContext,
) -> None:
    run(context, 3)
    missing = [run(context, number, []) for number in range(4, 13)]
    assert {night.notes for night in missing} == {("no traffic since 2026-03-06",)}
    assert blind_sentence(missing[-1]) == "Blind since 2026-03-06: no traffic."
    back = run(context, 13)
    assert not any("no traffic" in note for note in back.notes)
    kinds = [(n.kind, n.detail["date"]) for n in sent(context) if "traffic" in n.kind]
    assert kinds == [
        ("no-traffic", "2026-03-06"),
        ("no-traffic", "2026-03-13"),
        ("traffic-back", "2026-03-15"),
    ]


def test_a_family_that_never_had_traffic_alarms_nobody(make_adapter: Make) -> None:
    with opened(make_adapter) as registry:
        context = site_of(registry)
        assert run(context, 3, []).notes == ()
        assert sent(context) == []


def test_the_metrics_say_for_how_long_there_has_been_no_traffic(context: NightContext) -> None:
    run(context, 3), run(context, 4, [])
    scheduler = scheduler_of(context)
    page = pages_of(context.registry.engine, scheduler.jobs, "x", clock=lambda: NOW.replace(day=7))[
        "/metrics"
    ]()
    assert b'incumbent_days_without_traffic{job="nightly bank"} 1.0' in page.body


def test_of_two_schedulers_that_see_a_late_day_one_judges_it(context: NightContext) -> None:
    """The second one had it in mind before the first one was done."""
    run(context, 3), run(context, 4, [])
    context.traffic.append(rows_of(4))
    why = late_nights(context)
    assert why == {day(4): "its traffic came after its night"}
    first = run(context, 4, [])
    second = scheduler_of(dataclasses.replace(context, embeddings=Broken()))
    assert second.run(second.jobs[0], day(4), again=why[day(4)])
    assert night_of(context, 4) == first
    assert late_nights(context) == {}


def test_another_machine_makes_the_units_of_earlier_days_again(
    context: NightContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(context, 3), run(context, 4)
    with monkeypatch.context() as machine:
        machine.setenv("INCUMBENT_HOME", "another-machine")
        night = run(context, 5)
        assert page_path("bank", day(5)).exists()
    assert users(night, 3) == sum(users(night_of(context, n), 1) for n in (3, 4, 5))
