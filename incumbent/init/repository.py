"""Git and DVC for a new project: its rows are tracked by DVC, all else by git."""

import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from project.errors import IncumbentError, InputError

AUTHOR = ("-c", "user.name=incumbent", "-c", "user.email=incumbent@localhost")


def inside_repository(folder: Path) -> Path | None:
    """The git repository that a folder lies in, if it does."""
    found = subprocess.run(
        ["git", "rev-parse", "--show-toplevel"], cwd=folder, capture_output=True, text=True
    )
    return Path(found.stdout.strip()) if found.returncode == 0 else None


def start(rows: Iterable[Path], message: str, *, nested: bool) -> None:
    """Make the current folder a DVC project that tracks these files, and commit it.

    In a folder of a git repository nothing is committed: that is its owner's. Raises
    IncumbentError with what git or DVC said.
    """
    if not nested:
        call(["git", "init", "-q"])
    dvc("init", "-q", *(["--subdir"] if nested else []))
    dvc("config", "core.analytics", "false")
    files = [str(path) for path in rows]
    if files:
        dvc("add", "-q", *files)
    if not nested:
        call(["git", "add", "-A"])
        call(["git", *author(), "commit", "-q", "-m", message])


def author() -> Sequence[str]:
    """A name for the first commit where git knows none."""
    known = subprocess.run(["git", "config", "user.email"], capture_output=True)
    return () if known.returncode == 0 else AUTHOR


def dvc(*arguments: str) -> None:
    call([sys.executable, "-m", "dvc", *arguments])


def call(command: Sequence[str]) -> None:
    environment = {**os.environ, "DVC_NO_ANALYTICS": "1"}
    try:
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
    except FileNotFoundError:
        raise InputError(f"a project needs {command[0]}, which is not installed") from None
    if done.returncode:
        said = (done.stderr or done.stdout).strip()
        raise IncumbentError(f"`{' '.join(command)}` failed: {said}")
