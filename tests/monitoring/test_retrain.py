"""Steps of a retrain are process groups: logged, limited, ended whole, and found again."""

import logging
import os
import sys
from pathlib import Path
from threading import Event, Timer
from time import monotonic

import pytest

from monitoring.scheduling.job import UnchangedError
from monitoring.trigger.retrain import end_leftover, group_of, run
from project import child_processes
from project.errors import IncumbentError, StoppedError
from project.files import write_bytes
from tests.conftest import ROOT

LOG, GROUP = Path("log"), Path("group.json")
# A step whose child outlives it, unless the whole group is ended.
FAMILY = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(child.pid, flush=True)
time.sleep(60)
"""
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);" + FAMILY


def step(code: str, *, seconds: float = 30, stop: Event | None = None, answer: str = "") -> None:
    deadline = monotonic() + seconds
    command = [sys.executable, "-c", code]
    target = Path(answer) if answer else None
    run(command, LOG, GROUP, dict(os.environ), stop or Event(), deadline, target)


def alive(pid: int) -> bool:
    try:
        state = Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def child() -> int:
    return int(LOG.read_text().split()[0])


def test_what_a_step_prints_is_in_the_log() -> None:
    step("import sys; print('out'); print('err', file=sys.stderr)")
    assert set(LOG.read_text().split()) == {"out", "err"}


def test_an_answer_is_kept_apart_from_the_log() -> None:
    step("import sys; print('{}'); print('err', file=sys.stderr)", answer="answer.json")
    assert (Path("answer.json").read_text(), LOG.read_text()) == ("{}\n", "err\n")


def test_a_step_that_fails_shows_the_end_of_its_log() -> None:
    with pytest.raises(IncumbentError, match=r"(?s)failed; the end of log:.*no such luck"):
        step("raise SystemExit('no such luck')")


PRINTED = """Running stage 'gate':
error: the gate is shut: 1 critical check failed

no completion is empty (critical): 163 of 284 rows fail
ERROR: failed to reproduce 'gate': failed to run: incumbent stage gate, exited with 1
"""


def test_a_shut_gate_is_told_in_its_own_words_and_is_not_worth_another_try() -> None:
    with pytest.raises(UnchangedError) as caught:
        step(f"print({PRINTED!r}); raise SystemExit(1)")
    told = str(caught.value)
    assert "`: the gate is shut: 1 critical check failed\n\nno completion is empty" in told
    assert told.endswith("163 of 284 rows fail")


def test_what_an_earlier_attempt_logged_is_no_reason_of_this_one() -> None:
    LOG.write_text(PRINTED)
    with pytest.raises(IncumbentError, match=r"(?s)the end of log:.no such luck$") as caught:
        step("raise SystemExit('no such luck')")
    assert not isinstance(caught.value, UnchangedError)


def test_a_step_that_takes_too_long_is_ended_with_its_children() -> None:
    with pytest.raises(IncumbentError, match="took too long and was ended: log"):
        step(FAMILY, seconds=2)
    assert not alive(child())


def test_a_step_that_is_asked_to_stop_is_ended_with_its_children() -> None:
    stop = Event()
    Timer(2, stop.set).start()
    with pytest.raises(StoppedError, match="was stopped before its end"):
        step(FAMILY, stop=stop)
    assert not alive(child())
    assert not GROUP.exists()


def test_what_ignores_sigterm_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_processes, "GRACE", 0.5)
    with pytest.raises(IncumbentError, match="took too long"):
        step(STUBBORN, seconds=2)
    assert not alive(child())


def test_what_a_killed_scheduler_left_running_is_ended_first() -> None:
    """The parent is killed in mid-step, as by the kernel, and its child goes on."""
    code = (
        "import os; from pathlib import Path; from threading import Event;"
        "from monitoring.trigger.retrain import run; from time import monotonic;"
        f"run([{sys.executable!r}, '-c', {FAMILY!r}], Path('log'), Path('group.json'),"
        " dict(os.environ), Event(), monotonic() + 60)"
    )
    pid = os.spawnve(
        os.P_NOWAIT,
        sys.executable,
        [sys.executable, "-c", code],
        {**os.environ, "PYTHONPATH": str(ROOT)},
    )
    deadline = monotonic() + 60
    while not (LOG.exists() and LOG.read_text().endswith("\n")) and monotonic() < deadline:
        Event().wait(0.1)
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    assert alive(child())
    end_leftover(GROUP)
    assert not alive(child())


def test_another_process_that_has_the_number_now_is_left_alone() -> None:
    own = group_of(os.getpid()).model_copy(update={"started": "1"})
    write_bytes(GROUP, own.canonical())
    end_leftover(GROUP)
    assert not GROUP.exists()


def test_the_stages_are_told_of_as_they_begin(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        step("import time; print(\"Running stage 'train':\", flush=True); time.sleep(1)")
    assert caplog.messages == ["retrain: Running stage 'train':"]
