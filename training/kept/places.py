"""Where checkpoints lie: a folder, which may be mounted, or an object store that fsspec knows."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Protocol

from project.errors import IncumbentError, InputError
from project.files import staged_folder
from project.object_stores import local_path, open_store, without_secrets

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
