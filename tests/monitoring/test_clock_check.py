"""A clock that is far ahead deletes nothing; after a real outage things are deleted again."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from monitoring.night_context import NightContext, believe, newest_gap, trusted_day
from monitoring.night_history import check_of, judged_after
from monitoring.scheduling.outbox import newest_notices
from monitoring.scheduling.runs import settled
from project.records.drift import DriftVerdict
from tests.quick_nights import Make, day, opened, rows_of, scheduler_of, site_of
from tests.scheduling import Clock

AHEAD = 200  # days


@pytest.fixture
def clock() -> Clock:
    return Clock(f"{day(5)}T03:00:00+00:00")


@pytest.fixture
def context(make_adapter: Make, clock: Clock) -> Iterator[NightContext]:
    """Five days of traffic, and a night for each."""
    with opened(make_adapter, clock) as registry:
        made = site_of(registry)
        for number in range(5):
            made.traffic.append(rows_of(number, rows=60))
        tick(made, clock)
        yield made


def tick(context: NightContext, clock: Clock) -> None:
    scheduler_of(context, at=clock().date()).tick()


def kept(context: NightContext) -> int:
    return len(context.traffic.days())


def test_a_clock_that_is_200_days_ahead_deletes_no_traffic_and_says_so(
    context: NightContext, clock: Clock
) -> None:
    clock.forward(days=AHEAD)
    tick(context, clock)
    assert kept(context) == 5
    night = check_of(context.registry.engine, "bank", day(5 + AHEAD - 1))
    assert night is not None
    assert any("the clock may be wrong: traffic that seems due is not" in n for n in night.notes)
    assert {"clock", "no-traffic"} <= {
        one.notice.kind for one in newest_notices(context.registry.engine, 50)
    }


def test_nights_that_a_wrong_clock_settled_are_judged_when_their_time_comes(
    context: NightContext, clock: Clock
) -> None:
    clock.forward(days=AHEAD)
    tick(context, clock)
    settled_wrongly = day(5 + AHEAD - 1)
    assert settled_wrongly in settled(context.registry.engine, "nightly bank", day(5))
    clock.forward(days=1)  # the real one has come to it
    context.traffic.append(rows_of(5 + AHEAD - 1))
    tick(context, clock)
    night = check_of(context.registry.engine, "bank", settled_wrongly)
    assert night is not None and night.verdict is DriftVerdict.NO_DRIFT


def test_traffic_that_a_wrong_clock_dated_ahead_makes_no_later_night_a_late_one(
    context: NightContext, clock: Clock
) -> None:
    clock.forward(days=AHEAD)
    context.traffic.append(rows_of(5 + AHEAD - 1))
    tick(context, clock)
    clock.forward(days=1 - AHEAD)
    assert not judged_after(context.registry, day(5))
    clock.forward(days=AHEAD)
    assert judged_after(context.registry, day(5))


def test_after_an_outage_of_100_days_the_retention_resumes_within_four_days(
    context: NightContext, clock: Clock
) -> None:
    clock.forward(days=100)
    days = []
    for _ in range(4):
        tick(context, clock)
        days.append(kept(context))
        clock.forward(days=1)
    assert days == [5, 5, 5, 0]


def test_a_person_may_say_that_the_clock_is_right(context: NightContext, clock: Clock) -> None:
    clock.forward(days=100)
    yesterday = clock().date() - timedelta(days=1)
    assert trusted_day(context.registry, context.traffic, yesterday) == day(5)
    believe(context.registry)
    assert trusted_day(context.registry, context.traffic, yesterday) == yesterday


def test_a_scheduler_that_was_down_while_traffic_was_logged_is_believed_at_once(
    context: NightContext, clock: Clock
) -> None:
    for number in range(10, 100, 20):
        context.traffic.append(rows_of(number, rows=1))
    clock.forward(days=100)
    assert trusted_day(context.registry, context.traffic, day(104)) == day(104)


def test_a_gap_is_a_month_or_more_without_a_sign() -> None:
    assert newest_gap([day(0), day(30)], day(60)) is None
    assert newest_gap([day(0), day(31)], day(60)) == (day(0), day(31))
    assert newest_gap([day(300)], day(60)) is None  # what is yet to come is no sign


def test_a_link_to_a_day_is_taken_away_and_what_it_leads_to_stays(context: NightContext) -> None:
    """Every night failed at a day folder that is a link."""
    far = Path("elsewhere")
    far.mkdir()
    (far / "6").mkdir()
    (far / "6" / "a.jsonl").write_text(rows_of(6, rows=1)[0].model_dump_json() + "\n")
    Path("traffic", str(day(6))).symlink_to((far / "6").resolve())
    Path("traffic", str(day(7))).symlink_to("nowhere")
    Path("traffic", str(day(8))).mkdir()
    (far / "b.jsonl").write_text(rows_of(8, rows=1)[0].model_dump_json() + "\n")
    Path("traffic", str(day(8)), "a.jsonl").symlink_to((far / "b.jsonl").resolve())
    Path("traffic", str(day(8)), "c.jsonl").symlink_to("nowhere")
    assert [len(rows) for rows in context.traffic.read(day(6))] == [1]
    assert [len(rows) for rows in context.traffic.read(day(8))] == [1]
    assert day(7) not in context.traffic.days()
    context.traffic.expire(10, day(30))
    assert not any(Path("traffic").glob("2026-*"))
    assert sorted(path.name for path in far.rglob("*.jsonl")) == ["a.jsonl", "b.jsonl"]
