"""Which retrain may start next: a fair order, under a limit for all and a quota for each."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring.scheduling.retrain_slots import WEEK, Retrains, quota_refusal
from project.canonical import stamp

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
WAITING = {"bank": NOON, "shop": NOON + HOUR, "tram": NOON + 2 * HOUR}
QUOTAS = {"bank": 4, "shop": 4, "tram": 2}


def order(
    waiting: Mapping[str, datetime],
    running: Collection[str],
    used: Mapping[str, int],
    quotas: Mapping[str, int],
    at_once: int | None,
) -> tuple[str, ...]:
    """Who may start next."""
    known = Retrains(
        waiting={family: stamp(since) for family, since in waiting.items()},
        running=dict.fromkeys(running, stamp(NOON)),
        started={family: (stamp(NOON),) * count for family, count in used.items()},
        quotas=dict(quotas),
    )
    return known.may_start(at_once)


@pytest.mark.parametrize(
    ("running", "used", "at_once", "expected"),
    [
        pytest.param((), {}, 1, ("bank",), id="who-waited-longest-is-first"),
        pytest.param((), {"bank": 3}, 1, ("bank",), id="what-is-left-of-a-quota-is-no-matter"),
        pytest.param((), {}, 2, ("bank", "shop"), id="all-free-places-are-given"),
        pytest.param(("zoo",), {}, 2, ("bank",), id="who-runs-has-a-place"),
        pytest.param(("zoo", "inn"), {}, 2, (), id="no-place-is-free"),
        pytest.param(("zoo", "inn"), {}, 1, (), id="a-limit-that-was-lowered-stops-nobody"),
        pytest.param(("bank",), {}, 2, ("shop",), id="a-family-runs-one-at-a-time"),
        pytest.param((), {"tram": 2}, None, ("bank", "shop"), id="a-quota-that-is-used-up"),
        pytest.param(("bank",), {}, None, ("shop", "tram"), id="no-limit-for-all"),
    ],
)
def test_the_order_is_fair(
    running: tuple[str, ...], used: dict[str, int], at_once: int | None, expected: tuple[str, ...]
) -> None:
    assert order(WAITING, running, used, QUOTAS, at_once) == expected


def test_a_quota_of_0_lets_nobody_start_and_none_lets_everybody() -> None:
    assert order({"a": NOON, "b": NOON}, (), {"b": 99}, {"a": 0}, None) == ("b",)


@given(
    teams=st.lists(st.tuples(st.integers(1, 7), st.integers(1, 60)), min_size=1, max_size=5),
    at_once=st.integers(1, 3),
)
@settings(deadline=None, max_examples=25)
def test_nobody_starves_where_all_want_to_retrain_all_the_time(
    teams: list[tuple[int, int]], at_once: int
) -> None:
    """Five weeks by the hour, with teams of a quota and of hours that a retrain takes."""
    quotas = {str(name): quota for name, (quota, _) in enumerate(teams)}
    hours = {str(name): takes * HOUR for name, (_, takes) in enumerate(teams)}
    bound = WEEK + (len(teams) + 1) * max(hours.values())
    waiting = dict.fromkeys(quotas, NOON)
    ends: dict[str, datetime] = {}
    starts: dict[str, list[datetime]] = {name: [] for name in quotas}
    for hour in range(5 * 7 * 24):
        now = NOON + hour * HOUR
        for name in [name for name, end in ends.items() if end <= now]:
            del ends[name]
            waiting[name] = now
        used = {name: sum(at > now - WEEK for at in own) for name, own in starts.items()}
        for name in order(waiting, ends, used, quotas, at_once):
            assert name not in ends
            ends[name] = now + hours[name]
            starts[name].append(now)
            assert now - waiting.pop(name) <= bound
        assert len(ends) <= at_once
        assert all(now - since <= bound for since in waiting.values())
        assert all(used[name] <= quotas[name] for name in quotas)


@pytest.mark.parametrize(
    ("days_ago", "quota", "expected"),
    [
        pytest.param((), 1, None, id="nothing-used"),
        pytest.param((3, 5), 3, None, id="some-left"),
        pytest.param((8,), 1, None, id="a-week-is-over"),
        pytest.param((1, 3, 5), None, None, id="no-quota"),
        pytest.param((1, 5, 3), 3, "2026-03-04 12:00 UTC", id="the-oldest-leaves-first"),
        pytest.param((1, 3, 5, 6), 3, "2026-03-04 12:00 UTC", id="a-quota-that-was-lowered"),
    ],
)
def test_a_quota_says_when_it_is_free_again(
    days_ago: tuple[int, ...], quota: int | None, expected: str | None
) -> None:
    said = quota_refusal([NOON - days * DAY for days in days_ago], quota, NOON)
    until = f"the quota of {quota} retrains a week is used up until {expected}"
    assert said == (until if expected else None)


def test_a_quota_of_0_is_told_in_other_words() -> None:
    assert quota_refusal([], 0, NOON) == "the quota of this family is 0 retrains a week"
