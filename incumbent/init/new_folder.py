"""The folder of a new project: a draft, which appears whole at the end or not at all."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from project.errors import IncumbentError, InputError
from project.files import staged_folder


@contextmanager
def new_folder(target: Path) -> Iterator[None]:
    """Work in a draft of the folder. Raises InputError where there is something already, and
    IncumbentError for what the disk refuses; then there is no draft either.
    """
    refuse_taken(target)
    target, before = target.resolve(), Path.cwd()
    try:
        with draft_of(target) as draft:
            os.chdir(draft)
            try:
                yield
            finally:
                os.chdir(before)
    except OSError as error:
        what = error.strerror or str(error)
        raise IncumbentError(f"{error.filename or target}: {what}: nothing was made") from None


@contextmanager
def draft_of(target: Path) -> Iterator[Path]:
    """A folder beside the target, or in it where it is there: somebody may stand in it, or it may
    be a disk of its own.
    """
    if not target.exists():
        with staged_folder(target) as draft:
            yield draft
        return
    draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=target))
    try:
        yield draft
        for path in draft.iterdir():
            path.rename(target / path.name)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def refuse_taken(target: Path) -> None:
    """Raise InputError where a project cannot go."""
    with_parents = (target, *target.resolve().parents)
    if file := next((path for path in with_parents if path.exists() and not path.is_dir()), None):
        raise InputError("is a file: name a folder that is new or empty", file=file)
    if target.exists() and any(target.iterdir()):
        raise InputError("is there already: name a folder that is new or empty", file=target)
