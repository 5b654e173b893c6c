"""`incumbent run` on small projects of real DVC, whose stages are programs of a line or two."""

import fcntl
import hashlib
import json
import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from incumbent import code
from incumbent.code import PYTHON
from incumbent.running.dvc_repro import keep_lock_apart, md5_of_record
from project import child_processes, libraries
from project.child_processes import AUTHOR, git
from tests.incumbent.tiny_project import called
from training.precision import choose_numerics

COMMAND = str(Path(sys.executable).with_name("incumbent"))
LOG = Path("home/logs/run.log")
# A stage that reports as one of ours does.
OURS = """
import sys, time
from pathlib import Path
from project.progress import StageReport, progress, tell

tell(StageReport("train"))
print("training: about to begin")
with progress("training", 3, "steps") as bar:
    for step in range(3):
        bar.advance(note=f"loss={3 - step}")
print("trained an adapter")
Path("train.txt").write_text("x")
sys.stdout.flush()
tell(StageReport("train", 0))
"""
# A stage that says where it is, and would go on for long; its child too.
LONG = """
import subprocess, sys, time
from pathlib import Path

child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
Path("pid").write_text(str(child.pid))
print("sleeping", flush=True)
time.sleep(60)
"""


def project(**stages: object) -> None:
    """A project in the current folder, with DVC and no git."""
    Path("params.yaml").write_text("registry: {family: test}\n")
    Path("ours.py").write_text(OURS)
    Path("long.py").write_text(LONG)
    Path("dvc.yaml").write_text(yaml.safe_dump({"stages": stages}, sort_keys=False))
    Path(".dvc/tmp").mkdir(parents=True, exist_ok=True)
    Path(".dvc/config").write_text("[core]\n    no_scm = True\n")


def environment() -> dict[str, str]:
    """As of somebody who activated no environment."""
    kept = {name: os.environ[name] for name in ("HOME", "INCUMBENT_HOME")}
    return {**kept, "PATH": "/usr/bin:/bin", "DVC_NO_ANALYTICS": "1"}


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, "run", *arguments], env=environment(), capture_output=True, text=True, check=False
    )


def started() -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [COMMAND, "run"],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A background job of a shell is started with SIGINT ignored; a person's command is not.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def lines(text: str) -> list[str]:
    """What was printed, with every duration as N."""
    return re.sub(r"[\d.]+ s\b", "N", text).splitlines()


def alive(pid: int) -> bool:
    try:
        return Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


MAKE = {"cmd": "echo making; echo x > made.txt; echo 'warning: made late'", "outs": ["made.txt"]}
TRAIN = {"cmd": "python ours.py", "deps": ["made.txt"], "outs": ["train.txt"]}
NEVER = {"cmd": "exit 3", "deps": ["train.txt"]}


def test_until_a_stage_there_is_a_line_for_each_and_nothing_of_dvcs(isolate: Path) -> None:
    project(make=MAKE, train=TRAIN, never=NEVER)
    first = run("--until", "train")
    assert first.returncode == 0, first.stderr
    assert lines(first.stderr) == [
        "make   making (N)",
        "       warning: made late",
        "train  trained an adapter (N)",
        "N in all",
    ]
    assert first.stdout == ""
    log = LOG.read_text()
    assert "Running stage 'make':" in log
    assert "training: about to begin" in log
    assert '"total"' not in log  # reports are no words
    again = run("--until", "train", "--json")
    assert json.loads(again.stdout) == {
        "stages": [
            {"name": "make", "state": "unchanged", "seconds": 0.0},
            {"name": "train", "state": "unchanged", "seconds": 0.0},
        ]
    }
    assert lines(again.stderr) == ["unchanged: make, train", "N in all"]
    assert LOG.with_name("run.before.log").read_text() == log


def test_a_stage_that_fails_ends_the_run_with_its_own_words_and_exit_code(isolate: Path) -> None:
    shut = "printf 'error: the gate is shut:\\n  one check\\n' >&2; exit 2"
    project(make=MAKE, gate={"cmd": shut, "deps": ["made.txt"]})
    failed = run()
    assert failed.returncode == 2
    assert lines(failed.stderr)[-4:] == [
        "gate    failed (N)",
        "error: the gate is shut:",
        "  one check",
        f"all that was printed: {isolate / LOG}",
    ]
    assert "failed to reproduce" not in failed.stderr
    assert failed.stdout == ""


def test_a_quick_run_without_a_champion_goes_on_to_the_submission(isolate: Path) -> None:
    project(start=MAKE)
    failed = run("--quick")
    assert failed.returncode == 2
    *told, end = lines(failed.stderr)
    assert "not compared, and the run goes on: there is no champion that was trained here" in told
    missing = "error: outputs/adapter.json: is not there"
    assert end == f"{missing}: `incumbent run` makes a challenger first"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_ends_all_that_it_started(
    number: signal.Signals, code: int, isolate: Path
) -> None:
    project(long={"cmd": "python long.py", "outs": ["long.txt"]})
    with started() as running:
        while not (LOG.exists() and "sleeping" in LOG.read_text()):
            assert running.poll() is None
        running.send_signal(number)
        _, said = running.communicate()
    assert running.returncode == code
    assert lines(said)[-1] == "interrupted: run it again to go on"
    assert "Traceback" not in said
    assert not alive(int(Path("pid").read_text()))
    project(make=MAKE)  # and the next one finds nothing in its way
    assert run("--until", "make").returncode == 0


@pytest.mark.parametrize(
    ("lock", "other"), [(".dvc/tmp/lock", "DVC command"), ("home/logs/run.lock", "`incumbent run`")]
)
def test_who_finds_another_at_work_says_so_and_waits(lock: str, other: str, isolate: Path) -> None:
    project(make=MAKE)
    Path(lock).parent.mkdir(parents=True, exist_ok=True)
    with Path(lock).open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with started() as running:
            assert running.stderr is not None
            told = running.stderr.readline()
            assert LOG.exists() is (other == "DVC command")  # else the log is the other's
            fcntl.flock(held, fcntl.LOCK_UN)
            rest = running.stderr.read()
    assert told == f"another {other} is at work here: waiting for its end …\n"
    assert "make    making" in rest


def test_in_a_terminal_the_lines_below_are_drawn_again(isolate: Path) -> None:
    project(make=MAKE, train=TRAIN)
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(COMMAND, [COMMAND, "run", "--until", "train"], environment() | {"TERM": "xterm"})
    seen = b""
    while chunk := read(terminal):
        seen += chunk
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    text = seen.decode()
    assert "\x1b[2K" in text  # a line is erased, to be drawn again
    assert "looking for what changed" in text
    assert re.search(r"train +trained an adapter +[\d.]+ s", re.sub(r"\x1b\[[\d;]*m", "", text))


def read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 1 << 16)
    except OSError:  # the terminal's other end is closed
        return b""


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--until", "nope"), "dvc.yaml has no stage 'nope'; there are make"),
        (("--until", "make", "--exit-verdict"), "there is no verdict"),
        (("--until", "make", "--quick"), "--quick is for a whole run"),
    ],
)
def test_bad_usage_says_what_is_wrong(
    arguments: tuple[str, ...], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    project(make=MAKE)
    code, _, error = called(capsys, "run", *arguments)
    assert (code, complaint in error) == (2, True), error


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        (
            "monitoring: {trigger: {promote: perhaps}}",
            "params.yaml:1: monitoring.trigger.promote",
        ),
        ("evaluation: {decoding: {samples: 4}}", "evaluation.decoding: samples: greedy answers"),
        ("evaluation: {scoring: {metrics: [rouge]}}", "'semantic' is given by no scorer"),
        (
            "evaluation: {policy: {floors: {assert_voice: 1}}}",
            "'assert_voice' is given by no scorer",
        ),
        (
            "evaluation: {policy: {suites: {safe: {refused: {floor: 1}}}}}",
            "no suite 'safe'; there are safety",
        ),
        (
            "evaluation: {policy: {suites: {safety: {refused: {floor: 1}}}}}",
            "no questions lie in datasets/",
        ),
        (
            "evaluation: {policy: {suites: {consistency: {agrees: {floor: 1}}}}}",
            "has no metric 'agrees'",
        ),
        ("training: {grpo: {epochs: 1, rewards: rougl}}", "rewards: 'rougl' is given by no scorer"),
    ],
)
def test_what_a_late_stage_would_refuse_is_told_before_anything_runs(
    settings: str, complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    project(make=MAKE)
    asked = ({"id": i, "phrasings": [f"{i} fees?", f"{i} costs?"]} for i in ("card", "loan"))
    Path("datasets/consistency").mkdir(parents=True)
    Path("datasets/consistency/ours.jsonl").write_text("\n".join(map(json.dumps, asked)))
    Path("params.yaml").write_text(f"{settings}\n")
    code, _, error = called(capsys, "run")
    assert (code, complaint in error) == (2, True), error
    assert "params.yaml:1: " in error
    assert not LOG.exists()


NUMPY = "{kind: python-api, packages: [numpy]}"
FAQ = "{kind: file, path: datasets/sources/faq.csv}"
OTHER = "python3.13" if PYTHON != "python3.13" else "python3.12"


@pytest.mark.parametrize(
    ("machine", "python", "source", "told"),
    [
        (None, PYTHON, NUMPY, None),
        ("0" * 32, PYTHON, NUMPY, "was locked on another kind of machine than this one"),
        (None, OTHER, NUMPY, f"was locked with {OTHER} and not with {PYTHON}"),
        (None, OTHER, FAQ, None),  # no row depends on it
    ],
)
def test_a_lock_that_was_made_elsewhere_is_changed_where_git_does_not_see_it(
    isolate: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    machine: str | None,
    python: str,
    source: str,
    told: str | None,
) -> None:
    Path("params.yaml").write_text(f"curation: {{collect: {{sources: [{source}]}}}}\n")
    with monkeypatch.context() as there:
        there.setattr(code, "PYTHON", python)
        collect = code.code_of("curation.collect", code.Imports())
    base = {"path": "outputs/numerics.json", "md5": machine or md5_of_record(choose_numerics())}
    read = {"path": "outputs/code/collect.json", "md5": md5_of_record(collect)}
    lock = {"stages": {"base": {"outs": [base]}, "collect": {"deps": [read]}}}
    Path("dvc.lock").write_text(yaml.safe_dump(lock))
    keep_lock_apart()  # outside of git there is nothing to keep clean
    assert capsys.readouterr().out == ""
    git("init", "-q")
    git("add", "dvc.lock")
    git(*AUTHOR, "commit", "-qm", "a lock")
    keep_lock_apart()
    Path("dvc.lock").write_text("another run")
    seen = git("status", "--porcelain", "--untracked-files=no").decode().split()
    said = capsys.readouterr().out
    assert (seen, said.count("\n")) == ([], 1) if told else (["M", "dvc.lock"], 0)
    assert (told or "") in said


def test_of_a_wrong_setting_the_run_tells_and_not_what_looks_at_the_lock(isolate: Path) -> None:
    Path("params.yaml").write_text("curation: {collect: {sources: [{kind: nothing}]}}\n")
    keep_lock_apart()


def test_a_lock_that_dvc_wrote_has_the_md5_that_is_compared(isolate: Path) -> None:
    Path("params.yaml").write_text("")
    own = choose_numerics()
    own.write(Path("numerics.json"))
    written = hashlib.md5(Path("numerics.json").read_bytes(), usedforsecurity=False).hexdigest()
    assert md5_of_record(own) == written


def test_programs_of_ours_are_found_and_what_we_settle_stays_ours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "/usr/bin")
    monkeypatch.setenv("TQDM_DISABLE", "1")
    monkeypatch.setattr(libraries, "CHOSEN_BY_USER", frozenset())
    found = child_processes.environment()
    assert found["PATH"] == f"{Path(sys.executable).parent}:/usr/bin"
    assert "TQDM_DISABLE" not in found
