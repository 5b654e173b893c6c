"""What the nightly check promises, on embeddings of which the truth is known."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binom, hypergeom, norm

from monitoring.drift.alarm_budget import NIGHTS, night_tests
from monitoring.drift.compare_sets import MINIMUM_EFFECT, Neighbours, always, compare
from monitoring.drift.matched_sets import MatchedPool
from monitoring.drift.permutation import p_value
from monitoring.drift.reference import ALWAYS, Cut, Reference, Season
from monitoring.drift.signal_tests import SignalTest, overall
from monitoring.drift.topic_attribution import attribute
from monitoring.drift.user_days import UserDays
from monitoring.monitoring_settings import DriftParams
from monitoring.signals.answer_signals import Ratings
from monitoring.signals.signal import Batch, Floats, Ints
from project.records.drift import DriftVerdict

TOPICS, WIDTH = 12, 24
CENTRES = np.random.default_rng(99).normal(size=(TOPICS, WIDTH))
EVEN = np.full(TOPICS, 1 / TOPICS)
WEEKEND = np.repeat([1.7 / TOPICS, 0.3 / TOPICS], TOPICS // 2)
FEEDBACK = Ratings(np.zeros(1, np.float32))


def prompts(n: int, rng: np.random.Generator, mix: NDArray[np.float64] = EVEN) -> Floats:
    """Unit vectors about the topics' centres, as sentence embeddings are [n, d]."""
    topics = rng.choice(TOPICS, n, p=mix)
    vectors = CENTRES[topics] + rng.normal(size=(n, WIDTH)) / 2
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def skewed(n: int, rng: np.random.Generator) -> Floats:
    return rng.lognormal(size=(n, 3)).astype(np.float32)


def one(count: int) -> Ints:
    return np.zeros(count, np.int64)


def own(count: int) -> list[str]:
    return [str(i) for i in range(count)]


@pytest.mark.parametrize("direction", ["up", "any"])
@pytest.mark.parametrize("alpha", [0.05, 0.2])
def test_p_values_of_unchanged_skewed_units_are_as_small_as_chance_makes_them(
    direction: str, alpha: float
) -> None:
    rng, times = np.random.default_rng(1), 400
    pools = [
        MatchedPool.of(skewed(30, rng), skewed(70, rng), one(30), one(70)) for _ in range(times)
    ]
    found = [p_value(pool, direction, level=0.05, matters=True, rng=rng) for pool in pools]
    expected = binom(times, alpha)
    assert expected.ppf(0.001) <= sum(p <= alpha for p in found) <= expected.ppf(0.999)


def test_a_value_counted_to_its_end_is_never_zero() -> None:
    rng = np.random.default_rng(2)
    far = MatchedPool.of(skewed(50, rng) + 100, skewed(50, rng), one(50), one(50))
    assert p_value(far, "up", level=0.01, matters=True, rng=rng) == 1 / 401


@pytest.mark.parametrize(("n", "rare"), [(300, 4), (700, 14)])
def test_choices_as_extreme_as_tonight_count_whichever_side_is_the_smaller(
    n: int, rare: int
) -> None:
    """All rows of a rare kind came tonight: nothing is more extreme, so all of p are ties."""
    columns = np.zeros((1000, 1), np.float32)
    columns[:rare] = 1
    pool = MatchedPool.of(columns[:n], columns[n:], one(n), one(1000 - n))
    found = p_value(pool, "up", level=0.001, matters=True, rng=np.random.default_rng(3))
    assert found == pytest.approx(hypergeom(1000, rare, n).sf(rare - 1), rel=0.5)


def frozen(rows: Floats, times: Floats | None = None, season: Season = ALWAYS) -> Reference:
    rng, times = np.random.default_rng(4), always(len(rows)) if times is None else times
    return Reference.freeze(Batch(vectors=rows), own(len(rows)), times, rng=rng, season=season)


def night(reference: Reference, rows: Floats, *, day: int = 0, hours: float = 0) -> UserDays:
    """Units of users who come once, all at one time: so many hours since Monday."""
    users = [f"{day} {i}" for i in range(len(rows))]
    return reference.units_of(Batch(vectors=rows), users, np.full(len(rows), hours))


def verdict(reference: Reference, nights: list[UserDays], params: DriftParams) -> DriftVerdict:
    rng = np.random.default_rng(5)
    tests = night_tests(reference.signals, nights, reference.units, params, rng)
    return overall(test.reading for test in tests)


@pytest.mark.parametrize("cut", ["weekday", "none"])
def test_a_weekend_like_other_weekends_is_no_drift(cut: Cut) -> None:
    """Without the week, days differ as much as a weekend does from the other days."""
    rng = np.random.default_rng(6)
    times = 24 * (np.arange(7 * 300, dtype=np.float32) // 300)
    week = [prompts(300, rng, WEEKEND if day >= 5 else EVEN) for day in range(7)]
    reference = frozen(np.concatenate(week), times, Season.fit(times, cut, 50))
    saturday = night(reference, prompts(300, rng, WEEKEND), hours=5 * 24)
    assert verdict(reference, [saturday], DriftParams()) is DriftVerdict.NO_DRIFT


def test_topics_of_a_saturday_are_held_against_those_of_saturdays() -> None:
    rng = np.random.default_rng(18)
    times = 24 * (np.arange(7 * 600, dtype=np.float32) // 600)
    week = [prompts(600, rng, WEEKEND if day >= 5 else WEEKEND[::-1]) for day in range(7)]
    saturday = Batch(vectors=prompts(600, rng, WEEKEND))
    told = {
        cut: attribute(frozen(np.concatenate(week), times, season), saturday, times[-1200:-600])
        for cut, season in (("weekday", Season(weekly=True)), ("none", ALWAYS))
    }
    assert len(told["weekday"].topics) <= 1  # one in hundreds differs by three standard errors
    assert len(told["none"].topics) > 3


@pytest.mark.parametrize(
    ("cut", "expected"), [("hour", DriftVerdict.NO_DRIFT), ("none", DriftVerdict.DRIFT)]
)
def test_a_day_whose_morning_is_missing_is_drift_only_to_one_who_does_not_know_the_hours(
    cut: Cut, expected: DriftVerdict
) -> None:
    """In the evening other things are asked than in the morning, every day."""
    rng = np.random.default_rng(17)
    times = np.arange(2400, dtype=np.float32) % 24
    evening = times >= 12
    mornings = prompts(2400, rng, WEEKEND[::-1])
    asked = np.where(evening[:, None], prompts(2400, rng, WEEKEND), mornings)
    reference = frozen(asked, times, Season.fit(times, cut, 50))
    half = night(reference, prompts(600, rng, WEEKEND), hours=20)
    assert verdict(reference, [half], DriftParams()) is expected


def test_a_user_who_repeats_a_query_has_one_voice() -> None:
    rng = np.random.default_rng(7)
    reference, current = prompts(2000, rng), prompts(450, rng)
    repeated = np.concatenate([current, np.repeat(prompts(1, rng), 50, axis=0)])
    users = [*own(450), *["the same"] * 50]
    assert compare(reference, repeated, blocks=users).verdict is DriftVerdict.NO_DRIFT
    assert compare(reference, repeated).verdict is DriftVerdict.DRIFT


def test_a_shift_that_matters_to_nobody_is_no_drift_however_sure_it_is() -> None:
    """AUC 0.51: in 51 of 100 pairs the row of tonight is the larger one."""
    rng, count = np.random.default_rng(8), 50_000
    shift = np.sqrt(2) * norm.ppf(0.51)
    before, now = rng.normal(size=(count, 1)), rng.normal(size=(count, 1)) + shift
    reading = SignalTest(
        FEEDBACK,
        UserDays({FEEDBACK.name: now.astype(np.float32)}, one(count)),
        UserDays({FEEDBACK.name: before.astype(np.float32)}, one(count)),
        level=0.01,
        nights=1,
        minimum_effect=MINIMUM_EFFECT,
        rng=rng,
    ).reading
    assert reading.p < 0.01
    assert 0 < reading.effect < MINIMUM_EFFECT
    assert reading.verdict is DriftVerdict.NO_DRIFT


def test_identical_data_are_no_drift() -> None:
    rows = prompts(2000, np.random.default_rng(9))
    assert compare(rows, rows).verdict is DriftVerdict.NO_DRIFT


def test_ten_rows_are_not_enough_to_say_anything() -> None:
    rows = prompts(2010, np.random.default_rng(10))
    found = compare(rows[:2000], rows[2000:])
    assert (found.verdict, found.signals) == (DriftVerdict.INSUFFICIENT, {})


def test_a_tenth_of_new_prompts_is_drift() -> None:
    rng = np.random.default_rng(11)
    new = rng.normal(size=(50, WIDTH))
    new /= np.linalg.norm(new, axis=1, keepdims=True)
    current = np.concatenate([prompts(450, rng), new.astype(np.float32)])
    found = compare(prompts(2000, rng), current)
    assert found.verdict is DriftVerdict.DRIFT
    assert found.signals["novelty"].verdict is DriftVerdict.DRIFT


def many_topics(n: int, rng: np.random.Generator, first: int = 0) -> Floats:
    """Of so many topics that a small reference has each but a few times [n, d]."""
    centres = np.random.default_rng(98).normal(size=(100, 3 * WIDTH))
    rows = centres[first + rng.integers(50, size=n)]
    vectors = rows + rng.normal(size=rows.shape) / 2
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def test_few_rows_are_enough_to_find_a_tenth_of_new_prompts() -> None:
    found = []
    for seed in range(6):
        rng = np.random.default_rng([19, seed])
        now = np.concatenate([many_topics(135, rng), many_topics(15, rng, first=50)])
        found.append(compare(many_topics(300, rng), now).verdict is DriftVerdict.DRIFT)
    assert sum(found) >= 5


def test_few_unchanged_rows_are_as_new_as_chance_makes_them() -> None:
    """The whole reference is the index, and each choice of rows has its own."""
    rng, times, there = np.random.default_rng(20), 300, np.arange(160) < 100
    found = [
        Neighbours.of(many_topics(160, rng), 100).p_value(there, 200, rng) for _ in range(times)
    ]
    for alpha in (0.05, 0.2):
        expected = binom(times, alpha)
        assert expected.ppf(0.001) <= sum(p <= alpha for p in found) <= expected.ppf(0.999)


def test_unchanged_pairs_of_few_rows_are_drift_as_often_as_asked() -> None:
    drifted = []
    for seed in range(60):
        rng = np.random.default_rng([21, seed])
        found = compare(many_topics(120, rng), many_topics(60, rng), alpha=0.2)
        drifted.append(found.verdict is DriftVerdict.DRIFT)
    assert sum(drifted) <= binom(60, 0.2).ppf(0.999)


def test_the_same_seed_gives_the_same_comparison() -> None:
    rng = np.random.default_rng(12)
    sides = prompts(800, rng), prompts(300, rng)
    assert compare(*sides, seed=1) == compare(*sides, seed=1)
    assert compare(*sides, seed=1) != compare(*sides, seed=2)


def test_fifty_users_who_come_back_are_enough_for_a_change_of_half_of_the_topics() -> None:
    rng = np.random.default_rng(22)

    def asked(day: int, new: bool = False) -> tuple[Batch, list[str], Floats]:
        who = np.flatnonzero(rng.random(50) < 0.8)
        other = new & (rng.random(len(who)) < 0.5)
        rows = np.where(other[:, None], many_topics(len(who), rng, 50), many_topics(len(who), rng))
        times = np.full(len(who), 24.0 * day, np.float32)
        return Batch(vectors=rows), [str(user) for user in who], times

    month = [asked(day) for day in range(28)]
    batch = Batch(vectors=np.concatenate([own.vectors for own, _, _ in month]))
    users = [user for _, own, _ in month for user in own]
    times = np.concatenate([own for _, _, own in month])
    reference = Reference.freeze(batch, users, times, rng=np.random.default_rng(4))
    usual = [reference.units_of(*asked(day)) for day in range(28, 35)]
    assert verdict(reference, usual, DriftParams()) is DriftVerdict.NO_DRIFT
    changed = [reference.units_of(*asked(day, new=True)) for day in range(35, 42)]
    assert verdict(reference, usual + changed, DriftParams()) is DriftVerdict.DRIFT


def test_news_of_one_day_are_as_new_in_the_reference_as_in_a_night() -> None:
    """Each day a tenth asks about one thing that is new, in words of its own, and gets other
    answers; half of those who ask are in the index.
    """
    rng, rows = np.random.default_rng(23), 200

    def asked(day: int) -> Batch:
        news = rng.normal(size=(2, 3 * WIDTH))
        told = rng.normal(size=(2, 20, 3 * WIDTH)) / 4 + news[:, None]
        told /= np.linalg.norm(told, axis=2, keepdims=True)
        usual = many_topics(180, rng)
        words = [f"about {word}" for word in rng.integers(40, size=180)] + [f"about d{day}"] * 20
        return Batch(
            prompts=[text.translate(str.maketrans("0123456789", "abcdefghij")) for text in words],
            vectors=np.concatenate([usual, told[0]]).astype(np.float32),
            responses=["yes"] * rows,
            response_vectors=np.concatenate([usual, told[1]]).astype(np.float32),
        )

    def of(days: range) -> tuple[Batch, list[str], Floats]:
        parts = [vars(asked(day)) for day in days]
        joined: dict[str, Any] = {
            name: np.concatenate([part[name] for part in parts])
            for name, column in parts[0].items()
            if column is not None
        }
        numbers = rows * days.start + np.arange(rows * len(days))
        return Batch(**joined), [str(i) for i in numbers], 24.0 * (numbers // rows)

    reference = Reference.freeze(*of(range(14)), rng=np.random.default_rng(4))
    nights = [reference.units_of(*of(range(day, day + 1))) for day in range(14, 21)]
    now = UserDays.joined(nights)
    for name, first in {"novelty": 0, "topics": -1, "vocabulary": 0, "response": 0}.items():
        sides = (units.columns[name][:, first:].astype(float) for units in (reference.units, now))
        known, tonight = ((side**2).sum(1).mean() for side in sides)
        assert tonight == pytest.approx(known, rel=0.2), name
    assert verdict(reference, nights, DriftParams()) is DriftVerdict.NO_DRIFT


def test_users_of_the_index_are_left_out_of_nights() -> None:
    """Their rows would lie near their own, which those of the other half do not."""
    reference = frozen(prompts(400, np.random.default_rng(13)))
    rows = prompts(400, np.random.default_rng(16))
    again = reference.units_of(Batch(vectors=rows), own(400), always(400))
    assert len(again) == 200
    assert set(again.users) == set(reference.units.users)


def test_nights_can_be_joined_in_any_order() -> None:
    rng = np.random.default_rng(14)
    reference = frozen(prompts(400, rng))
    nights = [night(reference, prompts(80, rng), day=day) for day in range(3)]
    for signal in reference.signals:
        pools = [
            pool_of(UserDays.joined(ordered), reference, signal.name)
            for ordered in (nights, nights[::-1])
        ]
        assert pools[0].sums == pytest.approx(pools[1].sums, abs=1e-3)


def pool_of(units: UserDays, reference: Reference, signal: str) -> MatchedPool:
    now, before = units.having(signal), reference.units.having(signal)
    return MatchedPool.of(
        now.columns, before.columns, now.strata, before.strata, (now.users, before.users)
    )


def test_false_alarms_stay_within_their_budget_over_many_references() -> None:
    """One false alarm in ten nights is asked for, of any effect, so that they can be counted."""
    params = DriftParams(false_alarms_per_year=NIGHTS / 10, minimum_effect=0, windows=(1, 2, 7))
    drifted = [
        verdict(reference, nights, params) is DriftVerdict.DRIFT
        for seed in range(40)
        for reference, nights in unchanged_nights(np.random.default_rng([15, seed]), 8)
    ]
    assert len(drifted) / 50 < sum(drifted) <= len(drifted) / 10


def unchanged_nights(
    rng: np.random.Generator, count: int
) -> Iterator[tuple[Reference, list[UserDays]]]:
    """One reference, and the nights up to each one."""
    reference = frozen(prompts(400, rng))
    nights = []
    for day in range(count):
        nights.append(night(reference, prompts(100, rng), day=day))
        yield reference, nights
