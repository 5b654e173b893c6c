"""Git and DVC for a new project: its rows are tracked by DVC, all else by git."""

import os
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

from project.dvc import dvc
from project.errors import IncumbentError, InputError
from project.git import author

REMOTE = "storage"  # the name of DVC's default remote
UNSIGNED = ("-c", "commit.gpgsign=false")  # nobody sits there to type a passphrase


def refuse_without_git() -> None:
    if shutil.which("git") is None:
        raise InputError("a project needs git, which is not installed")


def start(rows: Iterable[Path], message: str, target: Path, remote: str | None = None) -> None:
    """Make the current folder a DVC project that tracks these files, and commit it; where there is
    to be a remote, the files are sent there.

    The folder will be moved to target. Where a git repository would track it there, nothing is
    committed: that is its owner's. Nor staged, which DVC does where it can: it gets a repository
    of its own for a while. Raises IncumbentError with what git or DVC said.
    """
    nested = repository_around(target) is not None
    call(["git", "init", "-q"])
    dvc("init")
    dvc("config", "core.analytics", "false")
    if files := [str(path) for path in rows]:
        dvc("add", *files)
    if remote:
        dvc("remote", "add", "--default", REMOTE, remote)
        dvc("push")
    if nested:
        shutil.rmtree(".git")
    else:
        call(["git", "add", "-A"])
        call(["git", *author(), *UNSIGNED, "commit", "-q", "--no-verify", "-m", message])


def repository_around(target: Path) -> Path | None:
    """The git repository that would track a new folder here, if one would.

    One that ignores the folder does not, and DVC works in no folder that git ignores.
    """
    above = target.resolve().parent
    above = next(folder for folder in (above, *above.parents) if folder.is_dir())
    top = asked_git(above, "rev-parse", "--show-toplevel")
    ignored = asked_git(above, "check-ignore", "-q", f"{target.resolve()}/")
    tracks = top.returncode == 0 and ignored.returncode != 0
    return Path(top.stdout.strip()) if tracks else None


def asked_git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True)


def call(command: Sequence[str]) -> None:
    environment = {**os.environ, "DVC_NO_ANALYTICS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines() or ["nothing was said"]
        raise IncumbentError(f"`{' '.join(command)}` failed, so nothing was made: {said[-1]}")
