"""The log of a run: all that DVC and the stages print, of the newest run and the one before."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from project.files import home


def log_path() -> Path:
    return home() / "logs" / "run.log"


@contextmanager
def new_log() -> Iterator[IO[bytes]]:
    """An empty log, written through line by line; the one before is kept beside it."""
    path = log_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        path.replace(path.with_name("run.before.log"))
    with path.open("wb", buffering=0) as log:
        yield log
