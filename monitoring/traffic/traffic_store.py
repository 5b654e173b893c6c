"""The traffic log: a folder for each UTC day that any number of gateways append to."""

import fcntl
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import BinaryIO

from pydantic_core import PydanticSerializationError

from monitoring.traffic.partition import READERS, Reading
from project.canonical import digest_bytes, digest_files, digest_json
from project.errors import IncumbentError, InputError
from project.personal_data import redact
from project.records.record import Digest
from project.records.traffic import Traffic

OWN = "traffic.jsonl"  # what `append` writes; the other files of a partition are the user's


class TrafficStore:
    """Partitions `root/2026-11-24/*.jsonl` and `*.parquet`; a user may drop files there too.

    With `redact`, personal data is redacted in what is appended and in what is set aside. A corrupt
    line stays in its file, and `quarantine/2026-11-24.jsonl` lists it.
    """

    def __init__(self, root: Path, *, redact: bool, quarantine: Path) -> None:
        self.root = root
        self.redact = redact
        self.quarantine = quarantine

    def append(self, rows: Iterable[Traffic]) -> None:
        """Write rows to the UTC days that they happened on, whoever else does so at that moment.

        A killed writer leaves whole lines and at most one torn one, which is set aside when it is
        read. There is no fsync: a power cut may take the last seconds. Raises InputError for a row
        that cannot be written, before anything is, and IncumbentError when the disk refuses: then
        all the rows may be appended again, for of a repeated id the first row counts.
        """
        days: dict[date, bytearray] = {}
        for row in rows:
            try:
                line = (redacted(row) if self.redact else row).model_dump_json(exclude_none=True)
                day = row.time.date()
            except (PydanticSerializationError, OverflowError) as error:
                raise InputError(f"row {row.id!r} cannot be logged: {error}") from None
            days.setdefault(day, bytearray()).extend(line.encode() + b"\n")
        for day, lines in sorted(days.items()):
            path = self.root / str(day) / OWN
            try:
                append_bytes(path, lines)
            except OSError as error:
                problem = f"{path} cannot be written: {error.strerror}"
                raise IncumbentError(f"{problem}; append the rows again when it can") from None

    def read(self, day: date) -> Reading:
        """The rows of one day in batches: `for rows in store.read(day)`."""
        clean = redact if self.redact else str
        return Reading(day, self._files(day), self.quarantine / f"{day}.jsonl", clean)

    def digest(self, day: date) -> Digest:
        """One digest over the names and bytes of a partition's files."""
        return digest_files(self.root / str(day), [path.name for path in self._files(day)])

    def stamp(self, day: date) -> str:
        """Other words as soon as a partition's files have other sizes: they are appended to."""
        return digest_json({p.name: p.stat().st_size for p in self._files(day)})[:8]

    def days(self) -> list[date]:
        """The days that have traffic, oldest first."""
        return [day for day in self._partitions() if self._files(day)]

    def expire(self, keep_days: int, today: date) -> list[date]:
        """Delete the partitions, and what was set aside of them, that are over keep_days old.

        Returns their days. Raises IncumbentError for one that cannot be deleted.
        """
        expired = [day for day in self._partitions() if (today - day).days > keep_days]
        for day in expired:
            partition = self.root / str(day)
            try:
                for path in self.quarantine.glob(f"*{day}.jsonl*"):  # a killed reader's draft too
                    path.unlink(missing_ok=True)
                shutil.rmtree(partition)
            except OSError as error:
                problem = f"{partition} is older than the retention and cannot be deleted"
                raise IncumbentError(f"{problem}: {error.strerror or error}; delete it") from None
        return expired

    def _partitions(self) -> list[date]:
        folders = sorted(self.root.iterdir()) if self.root.is_dir() else []
        return [day for path in folders if path.is_dir() and (day := day_named(path.name))]

    def _files(self, day: date) -> list[Path]:
        folder = self.root / str(day)
        files = sorted(folder.iterdir()) if folder.is_dir() else []
        return [p for p in files if p.suffix in READERS and p.name[0] != "." and p.is_file()]


def day_named(name: str) -> date | None:
    try:
        day = date.fromisoformat(name)
    except ValueError:
        return None
    return day if name == str(day) else None  # 20261124 is a date too, and no partition's name


def redacted(row: Traffic) -> Traffic:
    """The row without personal data in its texts.

    A user whose name is some, say an e-mail address, is named by its digest instead, so that one
    user's rows still belong together. Whoever knows the address can compute it too.
    """
    changed: dict[str, object] = {"response": redact(row.response)}
    if isinstance(row.prompt, str):
        changed["prompt"] = redact(row.prompt)
    else:
        changed["prompt"] = tuple(
            message.model_copy(update={"content": redact(message.content)})
            for message in row.prompt
        )
    if row.user and redact(row.user) != row.user:
        changed["user"] = user_digest(row.user)
    if row.feedback and row.feedback.correction:
        correction = redact(row.feedback.correction)
        changed["feedback"] = row.feedback.model_copy(update={"correction": correction})
    return row.model_copy(update=changed)


def user_digest(user: str) -> str:
    """What stands for a user's name that is personal data."""
    return digest_bytes(user.encode())[:16]


def append_bytes(path: Path, data: bytes | bytearray) -> None:
    """Append whole lines: all of them, or on an error none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab+", buffering=0) as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        if not is_still(stream, path):  # rows were erased: another file has its name
            append_bytes(path, data)
            return
        end = stream.seek(0, os.SEEK_END)
        # After a killed writer's torn line the next one begins anew, or it would be lost with it.
        torn = end > 0 and os.pread(stream.fileno(), 1, end - 1) != b"\n"
        left = memoryview(b"\n" + data if torn else data)
        try:
            while left:
                left = left[stream.write(left) :]
        except OSError:
            stream.truncate(end)
            raise


def is_still(stream: BinaryIO, path: Path) -> bool:
    """Whether an open file is the one that has its name now."""
    try:
        return os.path.samestat(os.fstat(stream.fileno()), path.stat())
    except FileNotFoundError:
        return False


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold a file of traffic against whoever appends to it, to put another one in its place."""
    with path.open("rb") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield
