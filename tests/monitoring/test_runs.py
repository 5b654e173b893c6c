"""One date is one run: whoever claims it, whatever the clocks say, it is finished once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from monitoring.scheduling import runs
from monitoring.scheduling.heartbeats import Heartbeat, beat, farewell, living
from monitoring.scheduling.runs import (
    Claim,
    JobRun,
    LostLeaseError,
    RunState,
    claim,
    renew,
    settled,
)
from project.canonical import stamp
from project.errors import IncumbentError
from registry.storage.database import connect, writing

pytest_plugins = ["tests.servers"]

DAY = date(2026, 3, 1)
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
LEASE = timedelta(minutes=10)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@pytest.fixture
def engine(each_engine: Engine) -> Engine:
    return each_engine


def take(engine: Engine, holder: str, now: datetime, *, insist: bool = False) -> Claim | None:
    return claim(engine, "nightly", DAY, holder, now, LEASE, insist=insist)


def taken(engine: Engine, holder: str, now: datetime) -> Claim:
    claimed = take(engine, holder, now)
    assert claimed is not None
    return claimed


def finish(engine: Engine, claimed: Claim, now: datetime = NOON, record: str = "done") -> None:
    with writing(engine) as connection:
        runs.finish(connection, claimed, now, record)


def fail(engine: Engine, claimed: Claim, retry: timedelta | None, now: datetime = NOON) -> None:
    with writing(engine) as connection:
        runs.fail(connection, claimed, now, "no luck", retry)


def the_run(engine: Engine) -> JobRun:
    (run,) = runs.runs_of(engine, "nightly")
    return run


def test_a_date_is_claimed_by_one_holder_at_a_time(engine: Engine) -> None:
    claimed = taken(engine, "a", NOON)
    assert (claimed.fence, claimed.attempt) == (1, 1)
    assert take(engine, "b", NOON + LEASE - MINUTE) is None
    assert take(engine, "a", NOON + MINUTE) is None, "a process that asks twice is no exception"
    assert take(engine, "b", NOON - MINUTE) is None, "clocks may differ by seconds"
    for number in (4, 2):  # not in the order of their dates
        assert claim(engine, "nightly", DAY.replace(day=number), "b", NOON, LEASE)
    assert claim(engine, "verify", DAY, "b", NOON, LEASE)
    newest_first = runs.runs_of(engine, "nightly", limit=2)
    assert [run.date.day for run in newest_first] == [4, 2]


def test_of_eight_that_claim_at_once_one_gets_the_date(engine: Engine) -> None:
    with ThreadPoolExecutor(8) as pool:
        claims = list(pool.map(lambda holder: take(engine, holder, NOON), "abcdefgh"))
    assert len([claimed for claimed in claims if claimed]) == 1


def test_a_renewed_lease_holds_on(engine: Engine) -> None:
    claimed = taken(engine, "a", NOON)
    renew(engine, claimed, NOON + 9 * MINUTE, LEASE)
    assert take(engine, "b", NOON + 18 * MINUTE) is None
    assert take(engine, "b", NOON + 19 * MINUTE)


def test_who_was_taken_over_from_can_do_nothing_more(engine: Engine) -> None:
    old = taken(engine, "a", NOON)
    new = taken(engine, "b", NOON + LEASE)
    assert (new.fence, new.attempt) == (2, 2)
    with pytest.raises(LostLeaseError, match=r"no longer a's \(.*running, by b\)"):
        renew(engine, old, NOON + LEASE, LEASE)
    with pytest.raises(LostLeaseError):
        finish(engine, old, record="old")
    with pytest.raises(LostLeaseError):
        fail(engine, old, MINUTE)
    finish(engine, new, record="new")
    with pytest.raises(LostLeaseError):
        finish(engine, old, record="old")
    assert the_run(engine).record == "new"


def test_a_lease_that_ran_out_unnoticed_still_lets_its_holder_finish(engine: Engine) -> None:
    finish(engine, taken(engine, "a", NOON), NOON + HOUR)
    run = the_run(engine)
    assert (run.state, run.record, run.seconds) == (RunState.FINISHED, "done", 3600)


def test_a_lease_from_before_the_clock_was_set_back_is_void(engine: Engine) -> None:
    old = taken(engine, "a", NOON)
    assert taken(engine, "b", NOON - timedelta(days=1)).fence == old.fence + 1


def test_a_run_that_failed_waits_for_its_next_attempt(engine: Engine) -> None:
    fail(engine, taken(engine, "a", NOON), 5 * MINUTE)
    assert str(the_run(engine)) == "nightly of 2026-03-01: waiting, no luck"
    assert take(engine, "b", NOON + 4 * MINUTE) is None
    again = taken(engine, "b", NOON + 5 * MINUTE)
    assert again.attempt == 2
    finish(engine, again, NOON + 5 * MINUTE)
    assert the_run(engine).problem is None


def test_a_person_waits_for_no_retry_and_respects_a_live_lease(engine: Engine) -> None:
    fail(engine, taken(engine, "a", NOON), 5 * MINUTE)
    assert take(engine, "person", NOON, insist=True)
    assert take(engine, "another person", NOON, insist=True) is None


def test_what_was_given_up_is_started_again_by_a_person_only(engine: Engine) -> None:
    fail(engine, taken(engine, "a", NOON), None)
    assert take(engine, "b", NOON + timedelta(days=3)) is None
    again = take(engine, "person", NOON, insist=True)
    assert again is not None
    assert (again.fence, again.attempt) == (2, 1)


def test_a_stopped_run_was_no_attempt_and_is_free_at_once(engine: Engine) -> None:
    claimed = taken(engine, "a", NOON)
    with writing(engine) as connection:
        runs.release(connection, claimed, NOON, "stopped")
    assert taken(engine, "b", NOON).attempt == 1


def test_what_a_run_writes_after_it_was_taken_over_is_not_kept(engine: Engine) -> None:
    old = taken(engine, "a", NOON)
    with writing(engine) as connection:
        runs.guard(connection, old)
    new = taken(engine, "b", NOON + LEASE)
    with pytest.raises(LostLeaseError), writing(engine) as connection:
        runs.finish(connection, new, NOON, "written before the guard")
        runs.guard(connection, old)
    assert the_run(engine).state is RunState.RUNNING


def test_settled_are_the_dates_that_are_finished_or_given_up(engine: Engine) -> None:
    ends = [lambda c: finish(engine, c), lambda c: fail(engine, c, None), lambda c: None]
    ends.append(lambda c: fail(engine, c, MINUTE))
    for number, end in enumerate(ends):
        claimed = claim(engine, "nightly", DAY + timedelta(days=number), "a", NOON, LEASE)
        end(claimed)
    assert settled(engine, "nightly", DAY) == {DAY, DAY + timedelta(days=1)}
    assert settled(engine, "nightly", DAY + timedelta(days=1)) == {DAY + timedelta(days=1)}
    assert settled(engine, "verify", DAY) == frozenset()


STEPS = st.lists(
    st.tuples(
        st.sampled_from("ab"),
        st.sampled_from(["claim", "renew", "finish"]),
        st.sampled_from([0, 1, 15, -15, 24 * 60, -24 * 60]),  # minutes that the clock jumps by
    ),
    max_size=12,
)


@settings(max_examples=50, deadline=None)  # each has a database of its own on the disk
@given(STEPS)
def test_whatever_the_clocks_do_a_date_is_finished_once(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, str, int]]
) -> None:
    engine = connect(f"sqlite:///{tmp_path_factory.mktemp('runs') / 'registry.db'}")
    now, claims, finished = NOON, {}, []
    for holder, action, jump in steps:
        now += jump * MINUTE
        known = claims.get(holder)
        if action == "claim":
            claimed = take(engine, holder, now)
            assert not (claimed and finished)
            claims[holder] = claimed or known
        elif known:
            newest = max(c.fence for c in claims.values() if c) == known.fence
            try:
                if action == "renew":
                    renew(engine, known, now, LEASE)
                else:
                    finish(engine, known, now, holder)
                    finished.append(holder)
                assert newest
            except LostLeaseError:
                assert finished or not newest
    assert len(finished) <= 1
    engine.dispose()


# --- signs of life ------------------------------------------------------------------------------


def heartbeat(holder: str, at: datetime) -> Heartbeat:
    return Heartbeat(holder=holder, at=stamp(at), doing=None, next_job="nightly", next_at=None)


def test_each_scheduler_is_seen_where_it_was_last(engine: Engine) -> None:
    beat(engine, heartbeat("a", NOON))
    beat(engine, heartbeat("b", NOON + MINUTE))
    beat(engine, heartbeat("a", NOON + 2 * MINUTE))
    assert [known.holder for known in living(engine)] == ["a", "b"]
    assert living(engine)[0].age(NOON + HOUR) == 58 * MINUTE


def test_who_says_farewell_or_is_silent_for_long_is_seen_no_more(engine: Engine) -> None:
    for holder in "abc":
        beat(engine, heartbeat(holder, NOON))
    farewell(engine, "a")
    assert [known.holder for known in living(engine)] == ["b", "c"]
    beat(engine, heartbeat("c", NOON + timedelta(days=2)))
    assert [known.holder for known in living(engine)] == ["c"]


def test_a_run_says_who_is_at_it_and_not_what_stopped_the_attempt_before(engine: Engine) -> None:
    first = taken(engine, "a", NOON)
    with writing(engine) as connection:
        runs.release(connection, first, NOON, "stopped before its end")
    waits = f"nightly of {DAY}: waiting, stopped before its end"
    assert str(the_run(engine)) == waits
    taken(engine, "b", NOON + HOUR)
    assert str(the_run(engine)) == f"nightly of {DAY}: running, by b"


def test_a_database_that_is_away_is_told_of_in_words(tmp_path: Path) -> None:
    engine = connect(f"sqlite:///{tmp_path / 'registry.db'}")
    engine.dispose()
    (tmp_path / "registry.db").unlink()
    (tmp_path / "registry.db").mkdir()
    with pytest.raises(IncumbentError, match="could not be read"):
        settled(engine, "nightly", DAY)
    with pytest.raises(IncumbentError, match="nothing was changed"):
        take(engine, "a", NOON)


def test_a_finished_run_is_done_again_only_by_somebody_who_says_why(engine: Engine) -> None:
    finish(engine, taken(engine, "a", NOON))
    for jump in (timedelta(), HOUR, timedelta(days=1), timedelta(days=-1)):
        assert take(engine, "b", NOON + jump) is None
        assert take(engine, "b", NOON + jump, insist=True) is None
    again = claim(engine, "nightly", DAY, "b", NOON + HOUR, LEASE, again="its rows came late")
    assert again is not None and (again.fence, again.attempt) == (2, 1)
    run = the_run(engine)
    assert (run.record, run.problem) == ("done", "done again: its rows came late")
    finish(engine, again, NOON + HOUR, "done better")
    assert (the_run(engine).record, the_run(engine).problem) == ("done better", None)


def test_nobody_takes_a_run_that_is_done_again_from_its_holder(engine: Engine) -> None:
    first = taken(engine, "a", NOON)
    finish(engine, first)
    assert claim(engine, "nightly", DAY, "b", NOON, LEASE, again="late") is not None
    assert claim(engine, "nightly", DAY, "c", NOON + MINUTE, LEASE, again="late") is None
    with pytest.raises(LostLeaseError):
        finish(engine, first)


def test_a_run_that_is_done_again_and_fails_keeps_what_it_made_before(engine: Engine) -> None:
    finish(engine, taken(engine, "a", NOON))
    again = claim(engine, "nightly", DAY, "b", NOON, LEASE, again="late")
    assert again is not None
    fail(engine, again, HOUR)
    assert (the_run(engine).state, the_run(engine).record) == (RunState.WAITING, "done")
    assert take(engine, "c", NOON + 2 * HOUR) is not None
