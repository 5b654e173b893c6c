"""The reference of a champion: which rows it is made of, and when it is frozen anew."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest

from monitoring.blindness import special_hindrance
from monitoring.drift.reference import Reference, Season
from monitoring.drift.reference_rows import (
    began,
    is_due,
    lacking_days,
    prompt_rows,
    traffic_rows,
)
from monitoring.drift.reference_store import PROMPTS, find_reference
from monitoring.night_context import NightContext
from monitoring.signals.signal import Batch
from project.records.drift import DriftState, DriftVerdict
from project.records.events import Event, PromptReference
from tests.monitoring.test_drift_state import D, N, story
from tests.quick_nights import Make, WordEmbeddings, day, opened, rows_of, run, site_of
from tests.scheduling import Clock


def reference(seasonal: bool = False) -> Reference:
    rng = np.random.default_rng(0)
    words = ["how", "much", "is", "my", "loan", "card", "fee", "today"]
    prompts = [" ".join(rng.choice(words, 5)) for _ in range(300)]
    vectors = rng.normal(size=(300, 8)).astype(np.float32)
    batch = Batch(prompts=prompts, vectors=vectors, ratings=np.ones(300, np.float32))
    users, times = [str(i) for i in range(300)], np.arange(300, dtype=np.float32) % 7 * 24
    return Reference.freeze(batch, users, times, rng=rng, season=Season(weekly=seasonal))


def test_a_reference_reads_back_as_it_was_and_equal_ones_have_equal_bytes() -> None:
    data = reference(seasonal=True).to_bytes()
    assert data == reference(seasonal=True).to_bytes()
    again = Reference.from_bytes(data)
    assert again.to_bytes() == data
    assert again.season == Season(weekly=True)
    plain = reference()
    assert [s.name for s in again.signals] == [s.name for s in plain.signals]
    assert len(plain.units) == 150, "no row is in both halves"
    assert (set(plain.units.strata), set(again.units.strata)) == ({0}, set(range(7)))
    assert list(lacking_days(again, date(2026, 3, 7))) == []


def test_after_a_drift_the_reference_begins_where_the_drift_began() -> None:
    assert began(story([N, N])) is None
    assert began(story([N, D, D])) == date(2026, 3, 2)
    assert began(story([D, N, N, N, D, D])) == date(2026, 3, 5)
    assert story([D, D])[-1].state is DriftState.ACT


MONDAY = date(2026, 3, 2)


@pytest.mark.parametrize(
    ("known", "first", "count", "due"),
    [
        (3, 2, 6, False),  # Wednesday to Monday
        (3, 2, 7, True),
        (7, 0, 14, False),
        (7, 0, 28, True),
        (20, 0, 28, True),
        (28, 0, 28, False),
        (28, 0, 40, False),
    ],
)
def test_a_reference_is_due_anew_at_a_whole_week_and_at_four(
    known: int, first: int, count: int, due: bool
) -> None:
    days = [MONDAY + timedelta(days=first + number) for number in range(count)]
    assert is_due(known, days) is due


def test_days_without_one_weekday_are_no_whole_week() -> None:
    office = [
        MONDAY + timedelta(days=7 * week + number) for week in range(3) for number in range(5)
    ]
    assert not is_due(5, office)


@pytest.fixture
def context(make_adapter: Make) -> Iterator[NightContext]:
    """A champion, and traffic from Wednesday to Friday before its first night; day 0 is Monday."""
    with opened(make_adapter) as registry:
        made = site_of(registry)
        asked(made, range(-5, -2))
        yield made


def asked(context: NightContext, days: Iterable[int]) -> None:
    for number in days:
        context.traffic.append(rows_of(number))


def kept(context: NightContext) -> list[PromptReference]:
    return [e.told(PromptReference) for e in context.registry.history(kind=PROMPTS)]


def test_a_weekend_without_a_weekend_before_it_says_so_and_is_no_drift(
    context: NightContext,
) -> None:
    """Other things are asked at weekends."""
    saturday = run(context, -2, rows_of(-2, new_share=0.6))
    assert saturday.verdict is DriftVerdict.INSUFFICIENT
    assert "the reference has no Saturday or Sunday yet: " in saturday.notes[0]
    assert run(context, 0).verdict is DriftVerdict.NO_DRIFT


def test_a_special_day_is_compared_with_nothing_and_is_in_no_window_and_no_reference(
    context: NightContext,
) -> None:
    """On two days in a row other things are asked, and it is a holiday."""
    asked(context, (-2, -1))
    special = f"{day(4)}..{day(5)}"
    drift = context.drift.model_copy(update={"special_days": (special,)})
    context = replace(context, drift=drift)
    nights = {
        number: run(context, number, rows_of(number, new_share=0.6 * (number in (4, 5))))
        for number in range(8)
    }
    odd = [nights.pop(number) for number in (4, 5)]
    assert {(one.verdict, one.reasons) for one in odd} == {
        (DriftVerdict.INSUFFICIENT, (special_hindrance(special).cause,))
    }
    assert {one.verdict for one in nights.values()} == {DriftVerdict.NO_DRIFT}
    assert not any(one.blind for one in (*odd, *nights.values()))
    rows = prompt_rows(context, day(8), list(nights.values())).rows
    assert {row.at[:10] for row in rows}.isdisjoint({str(day(4)), str(day(5))})


def test_a_reference_of_three_days_is_frozen_anew_at_a_week_and_at_four(
    context: NightContext,
) -> None:
    early = [run(context, number) for number in (-2, -1, 0, 1)]
    week = [run(context, number) for number in (2, 3)]
    asked(context, range(4, 23))
    month = run(context, 23)
    found = [(one.first, one.since, one.days) for one in kept(context)]
    since = str(day(-5))
    assert found == [(str(day(-2)), since, 3), (str(day(2)), since, 7), (str(day(23)), since, 28)]
    digests = [{night.reference for night in nights} for nights in (early, week, [month])]
    assert digests == [{one.reference} for one in kept(context)]


def test_thin_traffic_makes_a_reference_of_more_than_four_weeks(make_adapter: Make) -> None:
    with opened(make_adapter) as registry:
        context = site_of(registry)
        a_day = context.drift.minimum_reference // 28 - 1
        for number in range(-60, 0):
            context.traffic.append(rows_of(number)[:a_day])
        days = context.traffic.days()
        chosen = traffic_rows(context, days, days[0])
        assert chosen.days == 56 and len(chosen.rows) >= context.drift.minimum_reference
        few = traffic_rows(context, days[-20:], days[-20])
        assert few.days == 20


def test_while_a_drift_is_in_progress_the_reference_stays(context: NightContext) -> None:
    asked(context, (-2, -1))
    run(context, 0)
    drifted = [run(context, number, rows_of(number, new_share=0.5)) for number in (1, 2, 3)]
    assert {night.verdict for night in drifted} == {DriftVerdict.DRIFT}
    assert len(kept(context)) == 1


def test_the_reference_is_kept_in_the_registry_beside_its_champion(context: NightContext) -> None:
    night = run(context, 0)
    event = context.registry.newest_event(1, "watch")
    assert event is not None and event.told(PromptReference).reference == night.reference
    assert "450 rows of traffic" in event.reason
    assert run(context, 1).reference == night.reference
    context.traffic.append(rows_of(-1))
    assert f"the reference was frozen for nights from {day(0)}" in run(context, -1).reasons[0]


def test_another_embedder_freezes_the_reference_anew(context: NightContext) -> None:
    first, other = run(context, 0), WordEmbeddings()
    other.pin = other.pin.model_copy(update={"revision": "another"})
    second = run(replace(context, embeddings=other), 1)
    assert second.verdict is DriftVerdict.NO_DRIFT
    assert len(kept(context)) == 2
    assert first.reference != second.reference


def test_days_of_a_drift_that_went_away_are_not_in_the_new_reference(
    context: NightContext,
) -> None:
    asked(context, (-2, -1))
    run(context, 0)
    nights = [run(context, 1, rows_of(1, new_share=0.6))]
    nights += [run(context, number) for number in range(2, 10)]
    drifted = [night for night in nights if night.verdict is DriftVerdict.DRIFT]
    known = kept(context)[1]
    assert drifted
    assert known.days == (date.fromisoformat(known.first) - day(-5)).days - len(drifted)


def test_two_schedulers_freeze_one_new_reference(context: NightContext) -> None:
    run(context, -2)
    champion = context.registry.champion()
    assert champion is not None

    def frozen(data: bytes, days: int | None) -> Event:
        return context.registry.watch(
            champion.number,
            PROMPTS,
            data,
            first=str(day(2)),
            embedder=context.embeddings.pin.digest,
            judge=None,
            reason="test",
            since=str(day(-5)) if days else None,
            days=days,
        )

    first = frozen(b"one", 7)
    assert [frozen(b"another", days) for days in (7, 3, None)] == [first] * 3
    assert len(kept(context)) == 2
    assert frozen(b"of four weeks", 28) != first


def test_a_late_night_is_compared_with_the_reference_of_its_time(context: NightContext) -> None:
    asked(context, (-2, -1, 0))
    nights = {number: run(context, number) for number in (1, 2)}
    champion = context.registry.champion()
    assert champion is not None
    for number in (1, 2):
        known = find_reference(context, champion, PROMPTS, day(number))
        assert known is not None
        assert known.digest == nights[number].reference
    assert nights[1].reference != nights[2].reference


def test_a_reference_that_a_clock_ahead_left_does_not_blind_the_nights(
    make_adapter: Make,
) -> None:
    clock = Clock(f"{day(200)}T12:00:00+00:00")
    with opened(make_adapter, clock) as registry:
        context = site_of(registry)
        for number in range(196, 200):
            context.traffic.append(rows_of(number))
        run(context, 199)
        assert [one.first for one in kept(context)] == [str(day(199))]
        clock.forward(days=-195)
        asked(context, (-2, -1, 0))
        night = run(context, 1)
        assert night.verdict is DriftVerdict.NO_DRIFT
        assert [one.first for one in kept(context)] == [str(day(199)), str(day(1))]
        assert run(context, 2).reference == night.reference
