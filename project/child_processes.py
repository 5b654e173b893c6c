"""Programs that we start, git and DVC among them, ended with all they started; and an
interruption, told once.
"""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from threading import Event
from time import monotonic

import yaml

from project.errors import IncumbentError, InputError, pip_install
from project.libraries import users_environment
from project.untrusted_input import one_line, without_credentials

# --- child processes ------------------------------------------------------------------------------

ASKED = 5.0  # seconds that a group has to end by itself after SIGINT, as after Ctrl-C
GRACE = 30.0  # seconds between SIGTERM and SIGKILL
LAST = 5.0  # seconds for the kernel to end what was killed
POLL = 0.2  # seconds


def environment() -> dict[str, str]:
    """The user's variables, with `dvc` and `incumbent` found first where this Python is."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    return {**users_environment(), "PATH": path, "DVC_NO_ANALYTICS": "1"}


def end_group(pid: int, reap: Callable[[], object] = lambda: None) -> None:
    """SIGTERM to all of a process group, and SIGKILL to those that do not mind it in time.

    reap lets the leader go where it is a child of ours: as a zombie it would count as one left.
    """
    signal_group(pid, reap, ((signal.SIGTERM, GRACE), (signal.SIGKILL, LAST)))


def interrupt_group(pid: int, reap: Callable[[], object] = lambda: None) -> None:
    """End a group as Ctrl-C in its terminal would, and as end_group does what is left of it.

    Another Ctrl-C meanwhile goes on to the next signal.
    """
    patience = ((signal.SIGINT, ASKED), (signal.SIGTERM, GRACE), (signal.SIGKILL, LAST))
    for step in patience:
        with suppress(KeyboardInterrupt):
            signal_group(pid, reap, (step,))


def signal_group(
    pid: int, reap: Callable[[], object], steps: Sequence[tuple[signal.Signals, float]]
) -> None:
    """Send each signal to the group, and wait so many seconds until nobody is left."""
    for number, seconds in steps:
        deadline = monotonic() + seconds
        with suppress(ProcessLookupError):
            os.killpg(pid, number)
            while monotonic() < deadline:
                reap()
                os.killpg(pid, 0)  # raises when nobody is left
                Event().wait(POLL)


# --- git ------------------------------------------------------------------------------------------

# Git as a child process that asks nobody for a password, and the author where it knows none.

LONGEST = 60.0  # seconds that git may take, for a remote that does not answer
SHOWN = 500  # characters of what git said, from its end
AUTHOR = ("-c", "user.name=incumbent", "-c", "user.email=incumbent@localhost")
ASKS_NOBODY = {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}


class GitError(IncumbentError):
    """Git failed; the message has its words."""


def git(
    *arguments: str,
    folder: Path | None = None,
    given: bytes = b"",
    variables: Mapping[str, str] | None = None,
    longest: float = LONGEST,
) -> bytes:
    """What git prints. Raises GitError where it fails, InputError where it is not installed."""
    try:
        done = subprocess.run(
            ["git", *arguments],
            cwd=folder,
            input=given,
            capture_output=True,
            timeout=longest,
            env={**os.environ, **ASKS_NOBODY, **(variables or {})},
        )
    except FileNotFoundError:
        raise InputError("git is not installed") from None
    except subprocess.TimeoutExpired:
        raise GitError(f"git {git_verb(arguments)} took more than {longest:g} s") from None
    if done.returncode:
        complaint = one_line(done.stderr.decode(errors="replace"))[-SHOWN:]
        raise GitError(f"git {git_verb(arguments)}: {complaint or f'exit code {done.returncode}'}")
    return done.stdout


def git_verb(arguments: Sequence[str]) -> str:
    """The verb of a call, whatever settings stand before it."""
    pairs = zip(("", *arguments), arguments, strict=False)
    return next((word for before, word in pairs if "-c" not in (before, word)), "")


def author(folder: Path | None = None) -> Sequence[str]:
    """A name for a commit where git knows none; () where it does."""
    try:
        git("config", "user.email", folder=folder)
    except GitError:
        return AUTHOR
    return ()


# --- dvc ------------------------------------------------------------------------------------------

# DVC as a child process: its words where it fails, without its advice and without secrets.

LACKS = re.compile(r"requires '(dvc-[\w-]+)' to be installed")
KINDS = ("unexpected error - ", "configuration error - ", "config file error: ")


class DvcError(IncumbentError):
    """DVC failed; the message has its words."""


# Several commands in one process, which imports DVC once; it ends at the first that fails.
IN_TURN = """
import json, sys
from dvc.cli import main
for arguments in json.loads(sys.argv[1]):
    if code := main(["--wait-for-lock", *arguments]):
        sys.exit(code)
"""


def dvc(*arguments: str, folder: Path | None = None) -> None:
    """Run DVC in a folder. Raises DvcError where it fails, InputError where it is not installed.

    Not with `--quiet`: that silences what is wrong too.
    """
    run_dvc_program(["-m", "dvc", "--wait-for-lock", *arguments], folder)


def dvc_in_turn(*commands: Sequence[str], folder: Path | None = None) -> None:
    """Run several of DVC's commands in a folder. Raises as dvc() does."""
    run_dvc_program(["-c", IN_TURN, json.dumps(commands)], folder)


def run_dvc_program(program: Sequence[str], folder: Path | None) -> None:
    if find_spec("dvc") is None:
        raise InputError(f"this needs dvc, which is not installed: {pip_install('train')}")
    done = subprocess.run(
        [sys.executable, *program],
        cwd=folder,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
    )
    if done.returncode:
        raise DvcError(complaint_in(done.stderr or done.stdout))


def complaint_in(output: str) -> str:
    """All its errors, on one line."""
    errors = [part.partition("\n\n")[0] for part in output.split("ERROR: ")[1:]]
    for kind in KINDS:
        errors = [error.removeprefix(kind) for error in errors]
    words = without_credentials("; ".join(map(one_line, errors))) or "DVC failed without a word"
    lacking = LACKS.search(words)
    return f"{words}: pip install {lacking[1]}" if lacking else words


# --- dvc files ------------------------------------------------------------------------------------

# What DVC keeps on the disk: which data a stage made, and where the cache has it.


def locked_md5(lock: Path, stage: str, path: Path) -> str | None:
    """DVC's checksum of what a stage read or wrote, as the lock file has it; None: it has none."""
    stages = yaml.safe_load(lock.read_bytes())["stages"] if lock.exists() else {}
    locked = stages.get(stage, {})
    files = [*locked.get("deps", []), *locked.get("outs", [])]
    return next((file["md5"] for file in files if Path(file["path"]) == path), None)


def cached_file(root: Path, md5: str) -> Path:
    """Where the cache of a DVC project has the bytes of a checksum, if it has them."""
    return root / ".dvc" / "cache" / "files" / "md5" / md5[:2] / md5[2:]


# --- interruption ---------------------------------------------------------------------------------

# An end from outside, by SIGTERM or a closed terminal, is an interruption as Ctrl-C is.

SIGNALS = (signal.SIGTERM, signal.SIGHUP)


class EndedBySignal(KeyboardInterrupt):
    """What a signal raises; the exit code is the one that shells give to its victims."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Raise EndedBySignal in the block at a signal, so that it can clean up; in the main thread.

    A signal that the process was started to ignore, as `nohup` does, is still ignored.
    """

    def end(number: int, _: object) -> None:
        raise EndedBySignal(number)

    before = {number: signal.getsignal(number) for number in SIGNALS}
    minded = [number for number in SIGNALS if before[number] is not signal.SIG_IGN]
    for number in minded:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in minded:
            signal.signal(number, before[number])
