"""The checkpoints of one run: written whole or not at all, the newest valid one found again."""

import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Protocol

from pydantic import NonNegativeInt

from project.canonical import digest_file
from project.errors import IncumbentError, InputError
from project.files import home, staged_folder
from project.object_stores import local_path, open_store, without_secrets
from project.records.record import Digest, Record

KEPT = 2  # the newest, and the one before it, should the newest be damaged
RUN_DIGITS = 16  # of a run's key that name its folder


class CheckpointCard(Record):
    """What a checkpoint holds: the digest of each of its files, written when all are there."""

    key: Digest  # of all that decides the run
    step: NonNegativeInt  # optimiser steps that were taken
    files: dict[str, Digest]


class Checkpoints:
    """Those of one run, told apart by its key, in a folder or an object store.

    Raises InputError for a location that cannot be opened.
    """

    def __init__(
        self,
        location: str | None,
        key: Digest,
        save_minutes: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.place = open_place(location or str(home() / "checkpoints"), key[:RUN_DIGITS])
        self.key = key
        self.seconds_apart = save_minutes * 60
        self.clock = clock
        self.last = clock()
        self.valid: list[str] = []  # that this process wrote or went on from, in order

    @property
    def due(self) -> bool:
        return self.clock() - self.last >= self.seconds_apart

    def save(self, step: int, write: Callable[[Path], None]) -> bool:
        """Write a checkpoint; whether that worked. A failure is a warning: training goes on, with
        the checkpoints that there are, and tries again after save_minutes.
        """
        try:
            with self.place.draft(name_of(step)) as draft:
                write(draft)
                files = {path.name: digest_file(path) for path in draft.iterdir()}
                CheckpointCard(key=self.key, step=step, files=files).write(draft / CARD)
        except Exception as error:  # every kind of store raises exceptions of its own
            print(self.not_written(step, error), file=sys.stderr, flush=True)
            return False
        finally:
            self.last = self.clock()
        self.valid = [*self.valid, name_of(step)][-KEPT:]
        self.remove_all(but=self.valid)
        return True

    def newest_valid(self) -> Path | None:
        """A local folder with the newest checkpoint that is whole and this run's; None: there is
        none. One that is skipped is told of.
        """
        for name in sorted(self.names(), reverse=True):
            try:
                folder = self.checked(name)
            except Exception as error:  # as in `save`
                cause = getattr(error, "strerror", None) or error
                print(f"checkpoint {name} in {self.place.location} is skipped: {cause}")
                continue
            self.valid = [name]
            return folder
        return None

    def of_step(self, step: int) -> Path:
        """A local folder with one that another process found to be valid."""
        return self.place.fetch(name_of(step))

    def forget(self) -> None:
        """Delete them all: the run is done."""
        self.remove_all()
        self.place.close()

    # --- one level down -------------------------------------------------------------------------

    @property
    def newest(self) -> int | None:
        """The step of the newest one that is known to be valid."""
        return int(self.valid[-1].removeprefix(PREFIX)) if self.valid else None

    def names(self) -> list[str]:
        return [name for name in self.place.names() if name.startswith(PREFIX)]

    def remove_all(self, but: Collection[str] = ()) -> None:
        with self.warned("old checkpoints"):
            for name in self.names():
                if name not in but:
                    with self.warned(name):
                        self.place.remove(name)

    @contextmanager
    def warned(self, what: str) -> Iterator[None]:
        """Make a warning of a failure to delete: training, or its adapter, is worth more."""
        try:
            yield
        except Exception as error:  # as in `save`
            where = self.place.location
            print(f"warning: {what} in {where} not deleted: {error}", file=sys.stderr, flush=True)

    def checked(self, name: str) -> Path:
        """A local folder with it. Raises InputError where it is not whole, or another run's."""
        folder = self.place.fetch(name)
        if not (folder / CARD).is_file():
            raise InputError("it is half-written")
        card = CheckpointCard.read(folder / CARD)
        if card.key != self.key:
            raise InputError("it is of another run")
        for file, digest in card.files.items():
            path = folder / Path(file).name
            if not path.is_file() or digest_file(path) != digest:
                raise InputError(f"{file} is damaged")
        return folder

    def not_written(self, step: int, error: Exception) -> str:
        cause = getattr(error, "strerror", None) or error
        kept = "there is none yet" if self.newest is None else f"that of step {self.newest} is kept"
        return (
            f"warning: the checkpoint of step {step} is not written, and {kept}: {cause}. Training "
            f"goes on; make room in {self.place.location}, or set training.limits.checkpoints to "
            "another place"
        )


PREFIX = "step-"


def name_of(step: int) -> str:
    return f"{PREFIX}{step:08d}"


# --- places ---------------------------------------------------------------------------------------

# Where checkpoints lie: a folder, which may be mounted, or an object store that fsspec knows.

CARD = "checkpoint.json"  # names all other files; it is written last and deleted first
FIELD = "training.limits.checkpoints"


class Place(Protocol):
    """The checkpoints of one run by their names."""

    location: str

    def names(self) -> list[str]: ...

    def draft(self, name: str) -> AbstractContextManager[Path]:
        """An empty folder, which becomes the checkpoint when the block ends without an error."""

    def fetch(self, name: str) -> Path:
        """A local folder with its files, until another is fetched or `drop_copy` is called."""

    def drop_copy(self) -> None:
        """Delete the local copy of what was fetched, if one was made."""

    def remove(self, name: str) -> None: ...

    def close(self) -> None:
        """Leave nothing of the run, once its checkpoints are removed."""


def open_place(location: str, run: str) -> Place:
    """Of one run, below a folder or a URL such as s3://bucket/folder. Raises InputError."""
    if root := local_path(location):
        return LocalPlace(root.expanduser() / run)
    return RemotePlace(f"{location.rstrip('/')}/{run}")


class LocalPlace:
    """A checkpoint is written beside its place, synced, and renamed."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.location = str(root)

    def names(self) -> list[str]:
        if not self.root.is_dir():
            return []
        return [path.name for path in self.root.iterdir() if not path.name.startswith(".")]

    def draft(self, name: str) -> AbstractContextManager[Path]:
        return staged_folder(self.root / name)

    def fetch(self, name: str) -> Path:
        return self.root / name

    def drop_copy(self) -> None:
        """There is no copy."""

    def remove(self, name: str) -> None:
        (self.root / name / CARD).unlink(missing_ok=True)
        shutil.rmtree(self.root / name)

    def close(self) -> None:
        shutil.rmtree(self.root, ignore_errors=True)  # what a killed writer left, too


class RemotePlace:
    """A checkpoint is uploaded file by file, the card last: without its card it is none."""

    def __init__(self, url: str) -> None:
        self.location = without_secrets(url)
        self.copy: tempfile.TemporaryDirectory[str] | None = None  # of what was fetched
        try:
            self.files, self.root = open_store(url)
        except ValueError as error:
            raise InputError(f"cannot open {self.location}: {error}", field=FIELD) from None

    def names(self) -> list[str]:
        try:
            found = self.files.ls(self.root, detail=False)
        except FileNotFoundError:
            return []
        except Exception as error:  # every kind of store raises exceptions of its own
            problem = f"the checkpoints in {self.location} cannot be listed: {error}"
            raise IncumbentError(problem) from error
        return [str(path).rstrip("/").rpartition("/")[2] for path in found]

    @contextmanager
    def draft(self, name: str) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(prefix="checkpoint-") as folder:
            yield Path(folder)
            try:
                self.upload(Path(folder), name)
            except BaseException:
                with suppress(Exception):  # the first error is the one to tell
                    self.remove(name)
                raise

    def upload(self, folder: Path, name: str) -> None:
        files = sorted(path.name for path in folder.iterdir() if path.name != CARD)
        self.files.makedirs(f"{self.root}/{name}", exist_ok=True)
        for file in (*files, CARD):
            self.files.put_file(str(folder / file), f"{self.root}/{name}/{file}")

    def fetch(self, name: str) -> Path:
        self.drop_copy()
        self.copy = tempfile.TemporaryDirectory(prefix="checkpoint-", ignore_cleanup_errors=True)
        target = Path(self.copy.name)
        for path in self.files.ls(f"{self.root}/{name}", detail=False):
            self.files.get_file(path, str(target / str(path).rpartition("/")[2]))
        return target

    def drop_copy(self) -> None:
        if self.copy:
            self.copy.cleanup()
            self.copy = None

    def remove(self, name: str) -> None:
        with suppress(FileNotFoundError):
            self.files.rm_file(f"{self.root}/{name}/{CARD}")
        with suppress(FileNotFoundError):
            self.files.rm(f"{self.root}/{name}", recursive=True)

    def close(self) -> None:
        """A store has no folder without files."""
