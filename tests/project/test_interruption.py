"""SIGTERM and a closed terminal interrupt as Ctrl-C does: what was half-written is taken away."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from project.child_processes import EndedBySignal, ended_by_signals
from tests.conftest import ROOT

WORK = """
import signal, sys, time
from pathlib import Path
from project.files import staged_folder
from project.child_processes import ended_by_signals
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the tests may run under nohup
try:
    with ended_by_signals(), staged_folder(Path("made")) as draft:
        (draft / "half").write_text("x")
        print("at work", flush=True)
        time.sleep(60)
except KeyboardInterrupt as stop:
    sys.exit(stop.exit_code)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_who_is_ended_leaves_no_draft_behind(number: signal.Signals, isolate: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WORK], env={"PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE
    ) as working:
        assert working.stdout is not None
        working.stdout.readline()
        working.send_signal(number)
    assert working.returncode == 128 + number
    assert list(isolate.iterdir()) == []


def test_a_signal_that_is_ignored_stays_so() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with ended_by_signals():
            signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_after_the_block_signals_do_what_they_did() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(EndedBySignal, match="SIGTERM"), ended_by_signals():
        signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is before
