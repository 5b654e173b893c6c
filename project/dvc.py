"""DVC as a child process: its words where it fails, without its advice and without secrets."""

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import yaml

from project.child_processes import environment
from project.errors import IncumbentError, InputError
from project.extras import pip_install
from project.untrusted_input import one_line, without_credentials

LACKS = re.compile(r"requires '(dvc-[\w-]+)' to be installed")
KINDS = ("unexpected error - ", "configuration error - ", "config file error: ")


class DvcError(IncumbentError):
    """DVC failed; the message has its words."""


def dvc(*arguments: str, folder: Path | None = None) -> None:
    """Run DVC in a folder. Raises DvcError where it fails, InputError where it is not installed.

    Not with `--quiet`: that silences what is wrong too.
    """
    if find_spec("dvc") is None:
        raise InputError(f"this needs dvc, which is not installed: {pip_install('train')}")
    done = subprocess.run(
        [sys.executable, "-m", "dvc", "--wait-for-lock", *arguments],
        cwd=folder,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
    )
    if done.returncode:
        raise DvcError(complaint_in(done.stderr or done.stdout))


def complaint_in(said: str) -> str:
    """All its errors, on one line."""
    errors = [one.partition("\n\n")[0] for one in said.split("ERROR: ")[1:]]
    for kind in KINDS:
        errors = [one.removeprefix(kind) for one in errors]
    words = without_credentials("; ".join(map(one_line, errors))) or "DVC failed without a word"
    lacking = LACKS.search(words)
    return f"{words}: pip install {lacking[1]}" if lacking else words


# --- dvc files ------------------------------------------------------------------------------------

# What DVC keeps on the disk: which data a stage made, and where the cache has it.


def locked_md5(lock: Path, stage: str, output: Path) -> str | None:
    """DVC's checksum of what a stage wrote, as the lock file has it; None where it has none."""
    stages = yaml.safe_load(lock.read_bytes())["stages"] if lock.exists() else {}
    outputs = stages.get(stage, {}).get("outs", [])
    return next((out["md5"] for out in outputs if Path(out["path"]) == output), None)


def cached_file(root: Path, md5: str) -> Path:
    """Where the cache of a DVC project has the bytes of a checksum, if it has them."""
    return root / ".dvc" / "cache" / "files" / "md5" / md5[:2] / md5[2:]
