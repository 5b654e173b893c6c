"""Each night once: late, after days down, in two processes, over a kill, by whatever clock."""

import io
import json
import logging
import os
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path
from threading import Event
from urllib.request import urlopen

import pytest
from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy import Engine, make_url

from monitoring.scheduling import job as jobs
from monitoring.scheduling.heartbeats import living
from monitoring.scheduling.job import Cron, JobResult, ScheduleParams, UnchangedError, Work, due
from monitoring.scheduling.job_scheduler import Scheduler
from monitoring.scheduling.notice_delivery import NoticeParams
from monitoring.scheduling.outbox import depth, take
from monitoring.scheduling.runs import Claim, JobRun, RunState, claim, runs_of
from monitoring.scheduling.service import JobLogFormatter, serve, unstick
from project.errors import InputError, StoppedError
from project.settings import load
from registry.storage.database import connect
from tests.conftest import ROOT
from tests.killed_nights import tick
from tests.scheduling import LONG, NAME, Clock, days, diary, job, noted, scheduler_of, started

pytest_plugins = ["tests.servers"]

WEEK = timedelta(days=7)
OUT_OF_LUCK = ValueError("out of luck")


@pytest.fixture
def database(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'registry.db'}"


# --- what is due --------------------------------------------------------------------------------

BERLIN, USUAL = "Europe/Berlin", "30 2 * * *"


@pytest.mark.parametrize(
    ("now", "line", "zone", "reach", "expected"),
    [
        ("2026-03-10T02:29:59Z", USUAL, "UTC", 3, days(6, 7, 8)),
        ("2026-03-10T02:30:00Z", USUAL, "UTC", 3, days(7, 8, 9)),  # to the second
        ("2026-03-10T06:30:00Z", USUAL, "UTC", 3, days(7, 8, 9)),  # four hours late
        ("2026-03-10T12:00:00Z", "*/5 * * * *", "UTC", 1, days(8, 9)),  # once a date
        # A night's date is the day before, where the line is read.
        ("2026-03-10T00:00:00Z", "0 1 * * *", "Asia/Tokyo", 1, days(9)),
        ("2026-03-10T07:00:00Z", "0 23 * * *", "America/Los_Angeles", 1, days(8)),
        # In Tokyo it is the 10th when the line fires, and still the 9th in UTC, as traffic is kept.
        ("2026-03-09T17:00:00Z", "0 1 * * *", "Asia/Tokyo", 1, []),
        # 02:30 does not exist on the 29th of March: it comes where 03:30 is.
        ("2026-03-29T01:29:00Z", USUAL, BERLIN, 1, days(27)),
        ("2026-03-29T01:30:00Z", USUAL, BERLIN, 1, days(28)),
        # 02:30 is there twice on the 25th of October: the first one counts.
        ("2026-10-25T00:29:00Z", USUAL, BERLIN, 1, [date(2026, 10, 23)]),
        ("2026-10-25T00:30:00Z", USUAL, BERLIN, 1, [date(2026, 10, 24)]),
    ],
)
def test_a_night_is_due_from_its_fire_time_on(
    now: str, line: str, zone: str, reach: int, expected: list[date]
) -> None:
    moment = datetime.fromisoformat(now)
    found = due(Cron(line, zone), moment, (), timedelta(days=reach))
    assert list(found) == expected
    assert due(Cron(line, zone), moment, expected[::2], timedelta(days=reach)) == (*expected[1::2],)


def test_the_fire_time_in_a_skipped_hour_is_still_to_come_when_the_hour_begins() -> None:
    summer = datetime(2026, 3, 29, 1, 15, tzinfo=UTC)  # 03:15 in Berlin, 15 minutes after 02:00
    assert next(Cron("30 2 * * *", "Europe/Berlin").after(summer)) == summer.replace(minute=30)


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/Havana", "Australia/Lord_Howe", "UTC"])
@pytest.mark.parametrize("line", ["30 2 * * *", "0 0 * * *", "15 0 * * *", "59 23 * * *"])
def test_a_year_has_each_night_once_in_any_zone(line: str, zone: str) -> None:
    cron, fired = Cron(line, zone), datetime(2026, 1, 5, tzinfo=UTC)
    dates = []
    for moment in cron.after(fired):
        assert moment > fired
        fired = moment
        dates.append(cron.date(moment))
        if len(dates) == 366:
            break
    assert dates == [dates[0] + timedelta(days=number) for number in range(366)]


@pytest.mark.parametrize(
    ("weekdays", "expected"),
    [
        ("0", {"sun"}),
        ("7", {"sun"}),
        ("1-5", {"mon", "tue", "wed", "thu", "fri"}),
        ("5-7", {"fri", "sat", "sun"}),
        ("fri-sun", {"fri", "sat", "sun"}),
        ("*/3", {"sun", "wed", "sat"}),
        ("Mon,3", {"mon", "wed"}),
        ("*", {"sun", "mon", "tue", "wed", "thu", "fri", "sat"}),
    ],
)
def test_weekdays_are_crons_and_begin_on_sunday(weekdays: str, expected: set[str]) -> None:
    start = datetime(2026, 3, 1, tzinfo=UTC)
    fired = Cron(f"0 4 * * {weekdays}", "UTC").after(start)
    names = {f"{moment:%a}".lower() for moment, _ in zip(fired, range(20), strict=False)}
    assert names == expected


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ("nightly: '30 2 * *'", "'30 2 \\* \\*' is no cron line: five fields"),
        ("nightly: '61 2 * * *'", "is no cron line: .*higher than the maximum"),
        ("nightly: '0 0 31 2 *'", "never fires"),
        ("verify: '0 4 * * 8'", "'8' is no weekday"),
        ("verify: '0 4 * * 5-1'", "'5-1' is no span of weekdays"),
        ("verify: '0 4 * * */0'", "'\\*/0' is no span of weekdays"),
        ("timezone: Mars/Olympus", "'Mars/Olympus' is no time zone"),
        ("timezone: ../../etc", "is no time zone"),
        ("health: '9464'", "health: .*'9464' is no host:port"),
        ("health: 'localhost:70000'", "is no host:port"),
        ("catch_up_days: 0", "catch_up_days: "),
        ("nightly: ''", "no cron line"),
        ("hourly: x", "hourly: "),
    ],
)
def test_a_wrong_setting_is_refused_by_line(tmp_path: Path, settings: str, complaint: str) -> None:
    params = tmp_path / "params.yaml"
    params.write_text(f"monitoring:\n  schedule:\n    {settings}\n")
    with pytest.raises(InputError, match=rf"params.yaml:\d: monitoring.schedule.*{complaint}"):
        load(ScheduleParams, params)


# --- one scheduler ------------------------------------------------------------------------------


def test_what_was_missed_is_caught_up_oldest_first_and_once(engine: Engine) -> None:
    done: list[date] = []
    scheduler = scheduler_of(engine, job(diary(done)), Clock("2026-03-10T06:30:00Z"), 3)
    scheduler.tick()
    scheduler.tick()
    assert done == days(7, 8, 9)
    assert [run.record for run in runs_of(engine, NAME)] == [f"done {day}" for day in done[::-1]]


@pytest.mark.parametrize("jump", [1, -1])
def test_a_clock_that_jumps_by_a_day_repeats_no_night_and_skips_none(
    engine: Engine, jump: int
) -> None:
    done: list[date] = []
    clock = Clock("2026-03-08T02:31:00Z")
    scheduler = scheduler_of(engine, job(diary(done)), clock, 1)
    for move in (0, jump, -jump, 1, 1):  # days
        clock.forward(days=move)
        scheduler.tick()
    assert sorted(done) == sorted(set(done))
    assert set(days(7, 8, 9)) <= set(done)


def broken(times: int, done: list[date], error: Exception = OUT_OF_LUCK) -> Work:
    """Work that fails so often, and then does well."""
    left = iter(range(times))

    def work(claim: Claim, stop: Event) -> JobResult:
        if next(left, None) is not None:
            raise error
        return diary(done)(claim, stop)

    return work


def test_a_failure_is_recorded_and_tried_again_later_and_later(engine: Engine) -> None:
    clock, done = Clock("2026-03-10T03:00:00Z"), []
    scheduler = scheduler_of(engine, job(broken(2, done)), clock, 2)
    scheduler.tick()
    (run,) = runs_of(engine, NAME)  # the later night waits for the earlier one
    assert (run.state, run.problem) == (RunState.WAITING, "ValueError: out of luck")
    for minutes in (4, 1, 19):  # the second attempt after 5 minutes, the third 20 minutes later
        clock.forward(minutes=minutes)
        scheduler.tick()
    assert done == []
    clock.forward(minutes=1)
    scheduler.tick()
    assert [run.attempts for run in finished(engine)] == [1, 3]
    assert done == days(8, 9)


def test_what_fails_too_often_is_given_up_told_of_and_passed_over(engine: Engine) -> None:
    clock, done = Clock("2026-03-10T03:00:00Z"), []
    scheduler = scheduler_of(engine, job(broken(5, done)), clock, 2)
    for _ in range(5):
        scheduler.tick()
        clock.forward(hours=6)
    assert done == days(9, 10), "out of reach by now, the first one was tried to its end"
    oldest = runs_of(engine, NAME)[-1]
    assert (oldest.date, oldest.state, oldest.attempts) == (*days(8), RunState.FAILED, 5)
    assert depth(engine) == (1, 0)
    assert scheduler.run(job(diary(done)), oldest.date, insist=True), "a person may start it again"
    assert done == days(9, 10, 8)


def test_what_another_try_would_meet_unchanged_is_given_up_at_once(engine: Engine) -> None:
    clock, done = Clock("2026-03-10T03:00:00Z"), []
    unchanged = UnchangedError("the gate is shut: no loops")
    scheduler_of(engine, job(broken(1, done, unchanged)), clock, 2).tick()
    oldest = runs_of(engine, NAME)[-1]
    assert (oldest.state, oldest.attempts, done) == (RunState.FAILED, 1, days(9)), "others go on"
    letter = take(engine, clock(), WEEK)
    assert letter and letter.notice.text.endswith("was given up: the gate is shut: no loops")


def test_a_date_whose_process_dies_each_time_is_given_up_too(engine: Engine) -> None:
    clock, done = Clock("2026-03-10T03:00:00Z"), []
    for _ in range(5):
        lease = timedelta(minutes=10)
        assert claim(engine, NAME, date(2026, 3, 9), "dying", clock(), lease)
        clock.forward(minutes=11)
    scheduler_of(engine, job(diary(done)), clock, 1).tick()
    (run,) = runs_of(engine, NAME)
    assert (run.state, run.problem) == (RunState.FAILED, "the process died in each attempt")
    assert done == []
    assert depth(engine) == (1, 0)


def test_a_scheduler_that_was_stopped_begins_nothing(engine: Engine) -> None:
    done: list[date] = []
    scheduler = scheduler_of(engine, job(diary(done)), Clock("2026-03-10T03:00:00Z"))
    scheduler.stop()
    scheduler.tick()
    assert done == []
    assert runs_of(engine, NAME) == ()


def test_a_run_is_told_to_stop_and_is_free_at_once(engine: Engine) -> None:
    clock, done = Clock("2026-03-10T03:00:00Z"), []

    def work(claim: Claim, stop: Event) -> JobResult:
        assert not stop.is_set()
        scheduler.stop()
        assert stop.is_set()
        raise StoppedError("told to")

    scheduler = scheduler_of(engine, job(work), clock, 2)
    scheduler.tick()
    (run,) = runs_of(engine, NAME)
    assert (run.state, run.attempts) == (RunState.WAITING, 0)
    scheduler_of(engine, job(diary(done)), clock, 2).tick()
    assert done == days(8, 9)


def test_a_stop_that_comes_just_before_a_run_reaches_it(engine: Engine) -> None:
    asked = count()

    def clock() -> datetime:
        if next(asked) == 1:  # when the date is claimed
            scheduler.stop()
        return datetime(2026, 3, 10, 3, tzinfo=UTC)

    def work(claim: Claim, stop: Event) -> JobResult:
        assert stop.is_set()
        raise StoppedError("told to")

    scheduler = scheduler_of(engine, job(work), clock)
    scheduler.tick()
    (run,) = runs_of(engine, NAME)
    assert (run.state, run.attempts) == (RunState.WAITING, 0)


@pytest.fixture
def short_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "LEASE", timedelta(seconds=0.06))


def test_who_lost_the_lease_is_told_at_once_and_leaves_nothing(
    engine: Engine, short_lease: None
) -> None:
    clock, stopped = Clock("2026-03-10T03:00:00Z"), []

    def work(claimed: Claim, stop: Event) -> JobResult:
        later = clock() + timedelta(days=1)
        assert claim(engine, NAME, claimed.date, "another", later, timedelta(hours=1))
        stopped.append(stop.wait(LONG))
        return JobResult("too late")

    params = ScheduleParams(catch_up_days=1)
    Scheduler(params, [job(work)], engine, clock=clock).tick()
    (run,) = runs_of(engine, NAME)
    assert stopped == [True]
    assert (run.state, run.holder, run.record) == (RunState.RUNNING, "another", None)


def test_a_run_whose_lease_cannot_be_renewed_in_time_is_stopped_and_free_later(
    engine: Engine, tmp_path: Path, short_lease: None
) -> None:
    clock, stopped = Clock("2026-03-10T03:00:00Z"), []
    there, away = tmp_path / "registry.db", tmp_path / "away.db"

    def work(claimed: Claim, stop: Event) -> JobResult:
        engine.dispose()
        there.rename(away)
        there.mkdir()
        stopped.append(stop.wait(LONG))
        raise StoppedError("told to")

    def pause(_: float) -> None:
        there.rmdir()
        away.rename(there)

    params = ScheduleParams(catch_up_days=1)
    Scheduler(params, [job(work)], engine, clock=clock, pause=pause).tick()
    (run,) = runs_of(engine, NAME)
    assert stopped == [True]
    assert (run.state, run.attempts) == (RunState.WAITING, 0)


def test_the_heartbeat_says_what_is_done_and_what_comes_next(engine: Engine) -> None:
    clock = Clock("2026-03-10T03:00:00Z")

    def work(claim: Claim, stop: Event) -> JobResult:
        scheduler.beat()
        return JobResult(str(living(engine)[0].doing))

    scheduler = scheduler_of(engine, job(work), clock, 1)
    scheduler.tick()
    (run,) = runs_of(engine, NAME)
    assert run.record == "nightly of 2026-03-09, attempt 1"
    scheduler.beat()
    (seen,) = living(engine)
    assert (seen.doing, seen.next_job, seen.next_at) == (None, NAME, "2026-03-11T02:30:00.000Z")


# --- the service --------------------------------------------------------------------------------


def test_serving_once_does_what_is_due_and_returns(engine: Engine) -> None:
    done: list[date] = []
    clock = Clock("2026-03-10T03:00:00Z")
    handler = signal.getsignal(signal.SIGTERM)
    serve(ScheduleParams(), [job(diary(done))], engine, NoticeParams(), clock=clock, once=True)
    assert done == days(3, 4, 5, 6, 7, 8, 9)
    assert signal.getsignal(signal.SIGTERM) is handler


def test_a_clock_that_is_set_back_does_not_stop_the_ticking() -> None:
    ticker = BackgroundScheduler(timezone=UTC)
    ticker.start(paused=True)
    try:
        ticker.add_job(print, "interval", seconds=20)
        before = datetime.now(UTC) - timedelta(days=1)
        unstick(ticker, before)
        assert ticker.get_jobs()[0].next_run_time == before
    finally:
        ticker.shutdown()


def test_a_line_of_the_log_is_json_and_names_the_run() -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JobLogFormatter())
    record = logging.makeLogRecord(
        {"name": "x", "levelname": "INFO", "levelno": 20, "msg": "two\nlines", "created": 0.0}
        | {"job": NAME, "date": "2026-03-09", "attempt": 1}
    )
    handler.emit(record)
    assert json.loads(stream.getvalue()) == {
        "at": "1970-01-01T00:00:00.000Z",
        "level": "info",
        "logger": "x",
        "message": "two\nlines",
        "job": NAME,
        "date": "2026-03-09",
        "attempt": 1,
    }


# --- real processes -----------------------------------------------------------------------------

NOW = "2026-03-11T03:00:00+00:00"
TEN = days(*range(1, 11))


def wait_until(condition: Callable[[], bool]) -> None:
    """Look again and again for as long as nothing here takes; fails when it does not come true."""
    pause = Event()
    for _ in range(int(LONG / 0.05)):
        if condition():
            return
        pause.wait(0.05)
    raise AssertionError("it did not come true")


def finished(engine: Engine) -> list[JobRun]:
    return [run for run in runs_of(engine, NAME) if run.state is RunState.FINISHED]


def ended(process: subprocess.Popen[bytes]) -> tuple[int, bytes]:
    """Ask a service to end; its exit code and what it printed."""
    process.send_signal(signal.SIGTERM)
    printed, _ = process.communicate(timeout=LONG)
    return process.returncode, printed


@pytest.mark.slow
@pytest.mark.parametrize("server", ["sqlite", "postgresql"])
def test_two_processes_that_race_do_each_night_once(
    server: str, tmp_path: Path, database: str, request: pytest.FixtureRequest
) -> None:
    url = request.getfixturevalue("postgresql") if server == "postgresql" else database
    engine = connect(url)
    racing = [started(url, tmp_path, "note", NOW) for _ in range(2)]
    try:
        wait_until(lambda: len(finished(engine)) == 10)
        wait_until(lambda: len(living(engine)) == 2)
    finally:
        endings = [ended(process) for process in racing]
    assert endings == [(0, b"ended in order\n")] * 2
    assert noted(tmp_path) == [day.isoformat() for day in TEN]
    assert [run.attempts for run in finished(engine)] == [1] * 10
    assert living(engine) == ()
    engine.dispose()


@pytest.mark.slow
def test_a_killed_run_is_taken_over_when_its_lease_is_out(
    tmp_path: Path, database: str, engine: Engine
) -> None:
    process = started(database, tmp_path, "hang", NOW)
    assert process.stdout is not None
    assert process.stdout.readline() == b"begun\n"
    process.kill()
    process.wait()
    done: list[date] = []
    clock = Clock(NOW)
    scheduler = scheduler_of(engine, job(diary(done)), clock, 10)
    scheduler.tick()
    assert done == [], "the lease of the dead holds still"
    clock.forward(minutes=11)
    scheduler.tick()
    assert done == TEN
    assert [run.fence for run in finished(engine)] == [1] * 9 + [2]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="processes are traced by Linux")
def test_sigkill_at_any_step_loses_no_night_and_finishes_none_twice(tmp_path: Path) -> None:
    databases = [f"sqlite:///{tmp_path / f'{number}.db'}" for number in range(41)]
    for database in databases:
        connect(database).dispose()
    command = [sys.executable, "-m", "tests.killed_nights", *databases]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    assert json.loads(done.stdout)["killed"] >= 36  # the last steps may be fewer
    taken_over = 0
    for database in databases:
        tick(database, minutes=11)
        engine = connect(database)
        assert [run.date for run in finished(engine)] == days(9, 8)
        assert depth(engine) == (2, 0), "a notice for each night that was finished, and no other"
        taken_over += any(run.fence > 1 for run in finished(engine))
        engine.dispose()
    assert taken_over > 4


@pytest.mark.slow
def test_an_interrupt_ends_the_service_in_order_and_frees_its_run(
    tmp_path: Path, database: str, engine: Engine
) -> None:
    process = started(database, tmp_path, "hang", NOW)
    assert process.stdout is not None
    assert process.stdout.readline() == b"begun\n"
    process.send_signal(signal.SIGINT)
    printed, _ = process.communicate(timeout=LONG)
    assert (process.returncode, printed) == (0, b"ended in order\n")
    (run,) = runs_of(engine, NAME)
    assert (run.state, run.attempts) == (RunState.WAITING, 0)
    assert living(engine) == ()


@pytest.mark.slow
def test_a_service_whose_log_is_full_does_its_nights_and_shows_its_health_until_it_ends(
    tmp_path: Path, database: str, engine: Engine
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    page = f"http://127.0.0.1:{port}/healthz"
    with Path("/dev/full").open("wb") as full:
        process = started(database, tmp_path, "note", NOW, f":{port}", stderr=full)
        try:
            wait_until(lambda: is_well(page))
            wait_until(lambda: len(finished(engine)) == 10)
        finally:
            ending = ended(process)
    assert ending == (0, b"ended in order\n")
    assert not is_well(page)


def is_well(page: str) -> bool:
    try:
        with urlopen(page, timeout=LONG) as answer:
            return bool(answer.status == 200)
    except OSError:  # also an answer of 503
        return False


def restarted(url: str, action: str) -> None:
    """Stop the server of a database at once, or start it again as it was."""
    data = Path(str(make_url(url).query["host"])) / "data"
    program, *options = shlex.split((data / "postmaster.opts").read_text())
    control = str(Path(program).with_name("pg_ctl"))
    user = data.owner() if os.geteuid() == 0 else None
    # After it all files are synced, of all databases that other tests left: 60 s, which is the
    # default, are few for that on a busy disk.
    command = [control, action, "--wait", "--timeout=600", "-D", str(data)]
    if action == "start":
        command += ["-l", str(data.with_name("log")), "-o", shlex.join(options[2:])]
    else:
        command += ["--mode=immediate"]
    subprocess.run(command, check=True, user=user, stdout=subprocess.DEVNULL, cwd="/")


@pytest.mark.slow
def test_a_database_that_goes_and_comes_back_costs_no_night(postgresql: str) -> None:
    engine = connect(postgresql)
    done: list[date] = []
    tried: list[float] = []

    def work(claim: Claim, stop: Event) -> JobResult:
        if not done:
            restarted(postgresql, "stop")
        return diary(done)(claim, stop)

    def pause(seconds: float) -> None:
        tried.append(seconds)
        if len(tried) == 3:
            restarted(postgresql, "start")

    params = ScheduleParams(catch_up_days=3)
    clock = Clock("2026-03-10T03:00:00Z")
    scheduler = Scheduler(params, [job(work)], engine, clock=clock, pause=pause)
    scheduler.tick()
    assert tried == [1.0, 2.0, 4.0]
    assert done == days(7, 8, 9)
    assert [run.attempts for run in finished(engine)] == [1, 1, 1]
    restarted(postgresql, "stop")
    clock.forward(days=1)
    scheduler.tick()
    assert done == days(7, 8, 9), "while it is away nothing begins"
    restarted(postgresql, "start")
    scheduler.tick()
    assert done == days(7, 8, 9, 10)
    engine.dispose()
