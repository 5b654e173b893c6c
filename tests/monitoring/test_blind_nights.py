"""Nights that could see no drift say so: from when on, why, and what mends it."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from incumbent.verbs.nightly import check_scheduler
from incumbent.verbs.status import print_all_families, print_status
from monitoring.blindness import with_blindness
from monitoring.drift.reference import LEAST_USERS
from monitoring.night_context import NightContext
from monitoring.night_history import check_of
from monitoring.night_page import page_path
from monitoring.night_text import blind_sentence, duty, line
from monitoring.scheduling.health import pages_of
from monitoring.scheduling.job import ScheduleParams
from monitoring.scheduling.job_scheduler import Scheduler
from monitoring.scheduling.outbox import newest_notices
from project.records.drift import DriftState, DriftVerdict, Hindrance, HindranceKind, Night
from project.records.traffic import Traffic
from tests.monitoring.test_night_report import night
from tests.quick_nights import Make, day, opened, rows_of, run, scheduler_of, site_of

ROWS, TRAFFIC = HindranceKind.ROWS, HindranceKind.TRAFFIC


@pytest.fixture
def empty(make_adapter: Make) -> Iterator[NightContext]:
    """A champion whose traffic is still to come."""
    with opened(make_adapter) as registry:
        yield site_of(registry)


def told(context: NightContext) -> list[tuple[str, str]]:
    """Kind and date of the notices on blindness, the oldest first."""
    sent = [one.notice for one in reversed(newest_notices(context.registry.engine, 90))]
    return [(one.kind, str(one.detail["date"])) for one in sent if one.kind.startswith("blind")]


def newest_text(context: NightContext, kind: str) -> str:
    sent = newest_notices(context.registry.engine, 90)
    return next(one.notice.text for one in sent if one.notice.kind == kind)


def of_regulars(rows: Sequence[Traffic], regulars: int) -> list[Traffic]:
    """The rows as those of users who come each day."""
    return [r.model_copy(update={"user": f"r {i % regulars}"}) for i, r in enumerate(rows)]


def without_zone(number: int, rows: int = 120) -> None:
    lines = [one.model_dump(mode="json") for one in rows_of(number, rows=rows)]
    write(number, [one | {"at": one["at"].removesuffix("Z")} for one in lines])


def write(number: int, lines: Sequence[dict[str, Any]]) -> None:
    path = Path("traffic") / str(day(number)) / "app.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(one) + "\n" for one in lines))


def test_few_regular_users_are_told_how_many_are_needed_each_week(empty: NightContext) -> None:
    context = replace(empty, drift=empty.drift.model_copy(update={"minimum_reference": 100}))
    for number in range(4):
        context.traffic.append(of_regulars(rows_of(number, rows=30), 30))
    drifted = [
        run(context, number, of_regulars(rows_of(number, rows=30, new_share=1.0), 30))
        for number in range(4, 14)
    ]
    assert {one.verdict for one in drifted} == {DriftVerdict.INSUFFICIENT}
    assert {one.state for one in drifted} == {DriftState.OK}
    assert [one.blind for one in drifted] == [None, None, *["2026-03-06"] * 8]
    assert told(context) == [("blind", "2026-03-08"), ("blind", "2026-03-15")]
    assert f"30 users, {LEAST_USERS} needed" in newest_text(context, "blind")
    assert "as `user`" in newest_text(context, "blind")


def test_users_that_are_told_apart_end_blindness_within_a_week(empty: NightContext) -> None:
    """The reference, of 28 days or of a week, would have stayed that of the few."""
    context = replace(empty, drift=empty.drift.model_copy(update={"minimum_reference": 100}))
    for number in range(7):
        context.traffic.append(of_regulars(rows_of(number, rows=30), 30))
    nights = [run(context, number, rows_of(number, rows=60)) for number in range(7, 15)]
    assert {one.verdict for one in nights[:-1]} == {DriftVerdict.INSUFFICIENT}
    assert (nights[-2].blind, nights[-1].verdict) == ("2026-03-09", DriftVerdict.NO_DRIFT)
    assert [kind for kind, _ in told(context)] == ["blind", "blind-over"]


@pytest.mark.parametrize(
    ("users", "verdict"),
    [(LEAST_USERS - 1, DriftVerdict.INSUFFICIENT), (LEAST_USERS, DriftVerdict.NO_DRIFT)],
)
def test_as_many_users_as_a_blind_night_says_are_needed_end_it(
    empty: NightContext, users: int, verdict: DriftVerdict
) -> None:
    context = replace(empty, drift=empty.drift.model_copy(update={"minimum_reference": 100}))
    for number in range(7):
        context.traffic.append(of_regulars(rows_of(number, rows=30), 30))
    nights = [
        run(context, number, of_regulars(rows_of(number, rows=users), users))
        for number in range(7, 15)
    ]
    assert nights[-2].blind
    assert f"{LEAST_USERS} needed" in blind_sentence(nights[-2])
    assert nights[-1].verdict is verdict


def test_12_users_a_day_are_told_when_a_reference_comes_of_them(empty: NightContext) -> None:
    context = replace(empty, drift=empty.drift.model_copy(update={"minimum_reference": 400}))
    nights = [run(context, number, rows_of(number, rows=12)) for number in range(4)]
    assert [one.blind for one in nights] == [None, None, "2026-03-02", "2026-03-02"]
    assert told(context) == [("blind", "2026-03-04")]
    cause = "the reference has 36 of 400 rows: at 12 users a day it is whole in 31 nights"
    assert nights[-1].hindrance and nights[-1].hindrance.cause == cause
    assert duty(nights[-1]).startswith("Wait, or set monitoring.drift.minimum_reference to less")
    assert "reference to dataset" in duty(nights[-1])
    of_dataset = replace(empty, drift=empty.drift.model_copy(update={"reference": "dataset"}))
    other = run(of_dataset, 4, rows_of(4, rows=12)).hindrance
    assert other and other.cause == "the dataset has 0 rows, and a reference needs 200"


def test_a_reference_that_fills_within_days_alarms_nobody(empty: NightContext) -> None:
    context = replace(empty, drift=empty.drift.model_copy(update={"minimum_reference": 400}))
    nights = [run(context, number) for number in range(4)]
    assert [one.verdict for one in nights][-2:] == [
        DriftVerdict.INSUFFICIENT,
        DriftVerdict.NO_DRIFT,
    ]
    assert told(context) == []


def test_times_that_lost_their_zone_are_the_cause_and_drift_goes_on_underneath(
    context: NightContext,
) -> None:
    run(context, 3)
    watched = run(context, 4, rows_of(4, new_share=0.5))
    assert watched.state is DriftState.WATCH
    blind = []
    for number in (5, 6, 7):
        without_zone(number)
        blind.append(run(context, number, []))
    assert [one.blind for one in blind] == [None, "2026-03-07", "2026-03-07"]
    assert {one.state for one in blind} == {DriftState.WATCH}
    assert duty(blind[0]).startswith("Let the log write times with their zone")
    assert blind_sentence(blind[1]) == (
        "Blind since 2026-03-07: times lack a zone: 120 of 120 rows."
    )
    back = run(context, 8)
    assert (back.blind, back.state) == (None, DriftState.WATCH)
    assert told(context) == [("blind", "2026-03-08"), ("blind-over", "2026-03-10")]


def test_one_odd_night_is_not_blind_and_a_third_of_two_nights_is(context: NightContext) -> None:
    """Rows are compared all the same."""
    run(context, 3)
    for number in (4, 6, 7):
        without_zone(number, rows=60)
    nights = [run(context, number) for number in range(4, 8)]
    assert {one.verdict for one in nights} == {DriftVerdict.NO_DRIFT}
    assert [one.blind for one in nights] == [None, None, None, "2026-03-08"]
    repeated = run(context, 8, [*rows_of(8), *rows_of(8)])
    assert (repeated.set_aside, repeated.blind) == ({"repeated id": 150}, None)


def test_blindness_is_in_status_the_pages_for_programs_and_first_on_the_page(
    context: NightContext, capsys: pytest.CaptureFixture[str]
) -> None:
    run(context, 3)
    scheduler = scheduler_of(context)
    scheduler.beat()
    pages = pages_of(scheduler.engine, scheduler.jobs, scheduler.holder, scheduler.clock)
    assert b'incumbent_blind{job="nightly bank"} 0.0' in pages["/metrics"]().body
    assert "blind" not in json.loads(pages["/healthz"]().body)
    for number in (4, 5):
        without_zone(number)
        run(context, number, [])
    told = "Blind since 2026-03-06: times lack a zone: 120 of 120 rows."
    assert b'incumbent_blind{job="nightly bank"} 1.0' in pages["/metrics"]().body
    health = pages["/healthz"]()
    assert (health.status, json.loads(health.body)["blind"]) == (200, {"nightly bank": told})
    shown = page_path("bank", day(5)).read_text()
    assert shown.index(told) < shown.index("To do:") < shown.index("Evidence, night by night")
    newest = check_of(context.registry.engine, "bank", day(5))
    assert newest and told in str(line(newest)).splitlines()[0]
    Path("params.yaml").write_text("registry: {family: bank}\n")
    replace_heartbeat(scheduler)
    check_scheduler()
    print_status(as_json=False)
    print_all_families(as_json=False)
    shown = capsys.readouterr().out
    assert told in shown.splitlines()
    assert f"night     2026-03-07  NOT ENOUGH DATA  {told} To do: Let the log" in shown
    assert f"bank: {told[:-1]}: Let the log write times" in " ".join(shown.split())


def test_logs_that_are_mended_end_blindness_too(context: NightContext) -> None:
    """Their nights are judged again, the newest one last."""
    run(context, 3)
    for number in (4, 5):
        without_zone(number)
        run(context, number, [])
    for number in (4, 5):
        write(number, [one.model_dump(mode="json") for one in rows_of(number)])
    context.traffic.append(rows_of(6))
    scheduler_of(context, at=day(7)).tick()
    assert told(context) == [("blind", "2026-03-07"), ("blind-over", "2026-03-07")]
    assert "drift can be told again on 2026-03-07" in newest_text(context, "blind-over")
    newest = check_of(context.registry.engine, "bank", day(6))
    assert newest and newest.verdict is DriftVerdict.NO_DRIFT


def test_nights_that_a_scheduler_slept_through_are_judged_late_or_told_by_name(
    context: NightContext,
) -> None:
    schedule, engine = ScheduleParams(catch_up_days=2), context.registry.engine
    for number in range(3, 12):
        context.traffic.append(rows_of(number))
    for woken in (5, 12, 13):
        scheduler_of(context, day(woken), schedule).tick()
    judged = {n for n in range(5, 13) if check_of(engine, "bank", day(n))}
    assert judged == {10, 11, 12}
    (told,) = [n.notice for n in newest_notices(engine, 9) if n.notice.kind == "nights-lost"]
    assert f"5 nights, {', '.join(str(day(n)) for n in range(5, 10))}. No" in told.text
    assert told.text.endswith("by `incumbent nightly --date 2026-03-07`")
    assert run(context, 5, []).verdict is DriftVerdict.NO_DRIFT


@pytest.mark.parametrize("hour", [0, 2, 3, 12, 23])
def test_each_night_is_made_up_for_or_told_at_any_hour_at_which_a_scheduler_wakes(
    context: NightContext, hour: int
) -> None:
    """The line fires at 02:30: the oldest night that is made up for is another one before that."""
    schedule, engine = ScheduleParams(catch_up_days=2), context.registry.engine
    run(context, 3)
    woken = datetime(2026, 3, 14, hour, tzinfo=UTC)
    context.registry.clock = lambda: woken
    scheduler = scheduler_of(context, schedule=schedule)
    scheduler.clock = context.registry.clock
    scheduler.tick()
    (notice,) = [n.notice for n in newest_notices(engine, 9) if n.notice.kind == "nights-lost"]
    judged = [n for n in range(4, 13) if check_of(engine, "bank", day(n))]
    told = [n for n in range(4, 13) if str(day(n)) in notice.text]
    assert told + judged == list(range(4, 11 if hour < 3 else 12))


def test_a_night_from_before_the_champion_s_reference_is_none_that_was_never_judged(
    context: NightContext,
) -> None:
    """No command could judge it."""
    run(context, -9, [])
    night = run(context, 3)
    assert night.reference
    assert not [n for n in night.notes if n.startswith("never judged")]
    assert [n for n in run(context, 6).notes if n.startswith("never judged: 2 nights, 2026-03-06")]
    early = run(context, 2, [])
    assert early.reasons == ("the reference was frozen for nights from 2026-03-05",)
    assert duty(early) == "Nothing."


def replace_heartbeat(scheduler: Scheduler) -> None:
    """By one of this moment: `--check` asks the real clock."""
    scheduler.clock = lambda: datetime.now(UTC)
    scheduler.beat()


def test_a_cause_that_comes_later_is_told_with_its_own_date(context: NightContext) -> None:
    """And as a cause of its own, though the nights were blind before."""
    run(context, 3)
    for number in range(4, 9):  # the first two are compared with the days before them
        run(context, number, rows_of(number, rows=5))
    without_zone(9)
    run(context, 9, [])
    blind = "Blind since 2026-03-08; since 2026-03-11: times lack a zone: 120 of 120 rows."
    assert blind in newest_text(context, "blind")
    assert [when for _, when in told(context)] == ["2026-03-10", "2026-03-11"]


def hindered(number: int, kind: HindranceKind | None, **changed: Any) -> Night:
    found = Hindrance(kind=kind, cause="c", mend="m") if kind else None
    verdict = DriftVerdict.INSUFFICIENT if kind else DriftVerdict.NO_DRIFT
    return night(number, verdict, hindrance=found, **changed)


@pytest.mark.parametrize(
    ("kinds", "blind"),
    [
        ([TRAFFIC, TRAFFIC, TRAFFIC], "2026-01-01"),
        ([TRAFFIC, None, TRAFFIC, TRAFFIC], None),
        ([ROWS, ROWS], "2026-01-01"),
        ([ROWS, None, ROWS], None),
        ([TRAFFIC, ROWS, TRAFFIC], "2026-01-01"),
        ([TRAFFIC, TRAFFIC, TRAFFIC, None], None),
    ],
)
def test_when_nights_are_blind(kinds: list[HindranceKind | None], blind: str | None) -> None:
    nights: list[Night] = []
    for number, kind in enumerate(kinds, start=1):
        nights.append(with_blindness(hindered(number, kind), nights, None))
    assert nights[-1].blind == blind


def test_without_a_champion_nothing_is_blind() -> None:
    nights = [hindered(number, TRAFFIC, champion=None) for number in range(1, 6)]
    assert with_blindness(nights[-1], nights[:-1], "no traffic since 2026-01-01").blind is None
