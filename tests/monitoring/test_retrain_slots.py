"""Slots of retrains in one registry: a limit over all machines, and a queue that outlives them."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from monitoring.scheduling import runs
from monitoring.scheduling.retrain_slots import RetrainLimits, ask_turn, claim_slot, retrains
from monitoring.scheduling.runs import Claim, LostLeaseError
from registry.storage.database import connect, writing

DAY = date(2026, 3, 1)
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
LEASE, MINUTE = timedelta(minutes=10), timedelta(minutes=1)
ONE = RetrainLimits(at_once=1, quota=7)


def want(
    engine: Engine, family: str, now: datetime = NOON, limits: RetrainLimits = ONE, day: date = DAY
) -> Claim | None:
    night = Claim(job=f"nightly {family}", date=day, holder=f"{family}'s", fence=1, attempt=1)
    return claim_slot(engine, family, night, now, LEASE, limits)


def got(engine: Engine, family: str, now: datetime = NOON) -> Claim:
    slot = want(engine, family, now)
    assert slot is not None
    return slot


def end(engine: Engine, slot: Claim, now: datetime = NOON) -> None:
    with writing(engine) as connection:
        runs.finish(connection, slot, now, "ended")


def asks(engine: Engine, family: str, now: datetime, limits: RetrainLimits = ONE) -> bool:
    return ask_turn(engine, family, DAY, now, limits)


def test_a_second_family_waits_until_the_first_is_at_its_end(engine: Engine) -> None:
    slot = got(engine, "bank")
    assert want(engine, "shop") is None
    known = retrains(engine, NOON)
    assert (set(known.running), set(known.waiting)) == ({"bank"}, {"shop"})
    assert not asks(engine, "shop", NOON + MINUTE)
    end(engine, slot)
    assert asks(engine, "shop", NOON + MINUTE)
    assert want(engine, "shop", NOON + MINUTE)


def test_a_night_whose_retrain_does_not_wait_may_go_on(engine: Engine) -> None:
    assert asks(engine, "bank", NOON)
    slot = got(engine, "bank")
    assert asks(engine, "bank", NOON), "its lease says who may take it over"
    end(engine, slot)
    assert asks(engine, "bank", NOON)


def test_of_many_processes_at_once_only_as_many_start_as_may(engine: Engine) -> None:
    two = RetrainLimits(at_once=2, quota=7)
    with ThreadPoolExecutor(8) as pool:
        slots = list(pool.map(lambda n: want(engine, f"f{n}", limits=two), range(8)))
    assert sum(slot is not None for slot in slots) == 2
    known = retrains(engine, NOON)
    assert (len(known.running), len(known.waiting)) == (2, 6)


def test_a_slot_whose_holder_died_is_free_after_its_lease(engine: Engine) -> None:
    got(engine, "bank")
    assert want(engine, "shop", NOON + LEASE - MINUTE) is None
    assert want(engine, "shop", NOON + LEASE)
    assert want(engine, "bank", NOON + LEASE) is None


def test_a_retrain_that_died_goes_on_with_a_higher_fence_and_counts_once(engine: Engine) -> None:
    dead = got(engine, "bank")
    again = got(engine, "bank", NOON + LEASE)
    assert again.fence == dead.fence + 1
    with writing(engine) as connection, pytest.raises(LostLeaseError):
        runs.finish(connection, dead, NOON, "ended")
    assert len(retrains(engine, NOON + LEASE).started["bank"]) == 1


def test_whoever_does_not_ask_any_more_keeps_no_place_free(engine: Engine) -> None:
    slot = got(engine, "bank")
    assert want(engine, "shop", NOON) is None
    assert want(engine, "tram", NOON + MINUTE) is None
    end(engine, slot)
    late = NOON + 5 * MINUTE
    assert asks(engine, "tram", late), "the scheduler of shop is dead"
    assert asks(engine, "shop", late) is True, "it lives after all, and has waited longer"
    assert not asks(engine, "tram", late)


def test_a_family_that_was_stopped_keeps_its_place_and_no_count(engine: Engine) -> None:
    slot = got(engine, "bank")
    with writing(engine) as connection:
        runs.release(connection, slot, NOON, "stopped")
    assert "bank" not in retrains(engine, NOON).started
    assert want(engine, "bank", NOON + MINUTE)


def test_a_family_never_runs_two_retrains_not_even_without_limits(engine: Engine) -> None:
    free = RetrainLimits()
    assert want(engine, "bank", limits=free)
    assert want(engine, "bank", limits=free, day=DAY + timedelta(days=1)) is None
    assert want(engine, "shop", limits=free)


def test_a_quota_counts_a_week_and_then_forgets(engine: Engine) -> None:
    once = RetrainLimits(at_once=4, quota=1)
    end(engine, got(engine, "bank"))
    next_day = DAY + timedelta(days=1)
    assert want(engine, "bank", NOON + timedelta(days=1), once, next_day) is None
    assert want(engine, "bank", NOON + timedelta(days=7), once, next_day)


def test_what_waits_is_known_to_a_process_that_opens_the_registry_later(
    engine: Engine, tmp_path: Path
) -> None:
    end(engine, got(engine, "bank"))
    got(engine, "shop")
    assert want(engine, "tram") is None
    later = connect(f"sqlite:///{tmp_path / 'registry.db'}")
    known = retrains(later, NOON)
    later.dispose()
    assert (set(known.waiting), set(known.running)) == ({"tram"}, {"shop"})
    assert {family: len(starts) for family, starts in known.started.items()} == {
        "bank": 1,
        "shop": 1,
    }
    assert known.quotas == {"tram": 7}
