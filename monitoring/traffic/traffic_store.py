"""The traffic log: a folder for each UTC day that any number of gateways write to."""

import fcntl
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import BinaryIO

from pydantic_core import PydanticSerializationError

from monitoring.traffic.late_feedback import PREFIX
from monitoring.traffic.partition import READERS, Reading, corrected_in
from monitoring.traffic.remote_traffic import SHADOW, RemoteTraffic, day_named, local_folder
from project.canonical import digest_bytes, digest_file, digest_json
from project.errors import IncumbentError, InputError
from project.personal_data import redact
from project.records.record import Digest
from project.records.traffic import Traffic

OWN = "traffic.jsonl"  # what `append` writes; the others are gateways' chunks, and the user's
DAY = timedelta(days=1)
# A day's rows have the feedback that came until the end of the next day, so that a night which is
# computed again later finds the same.
LATE = 1  # days
LATEST = 28  # days, for corrections, which wait for a person however late they come
MODE = 0o640  # of files of traffic: what users wrote is not for everybody on the machine


class TrafficStore:
    """Partitions `root/2026-11-24/*.jsonl` and `*.parquet`; a user may drop files there too.

    The root is a folder or the URL of one on an object store, whose files are copied here before
    they are read. With `redact`, personal data is redacted in what is appended and in what is set
    aside. A corrupt line stays in its file, and `quarantine/2026-11-24.jsonl` lists it.
    """

    def __init__(self, root: Path | str, *, redact: bool, quarantine: Path) -> None:
        """Raises InputError for a URL that nothing here can open."""
        folder = local_folder(root)
        self.remote = None if folder else RemoteTraffic(str(root))
        self.root = folder or RemoteTraffic.copies_of(str(root))
        self.redact = redact
        self.quarantine = quarantine

    def append(self, rows: Iterable[Traffic]) -> None:
        """Write rows to the UTC days that they happened on, whoever else does so at that moment.

        A killed writer leaves whole lines and at most one torn one, which is set aside when it is
        read. There is no fsync: a power cut may take the last seconds. Raises InputError for a row
        that cannot be written, before anything is, and IncumbentError when the disk refuses: then
        all the rows may be appended again, for of a repeated id the first row counts. An object
        store cannot be appended to: there it is chunks, as the gateway writes them.
        """
        if self.remote:
            raise InputError(f"{self.remote.url} cannot be appended to: put whole files there")
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

    def read(self, day: date, *, late: bool = False) -> Reading:
        """The rows of one day in batches: `for rows in store.read(day)`.

        With the feedback on them that came by the end of the next day; with `late`, in the four
        weeks after.
        """
        clean = redact if self.redact else str
        return Reading(
            day,
            self._rows(day),
            self.quarantine / f"{day}.jsonl",
            clean,
            feedback=self._feedback(day),
            later=self._later(day, LATEST if late else LATE),
        )

    def corrected_on(self, day: date) -> set[str]:
        """The ids of the answers on which a correction came that day, whenever they were given."""
        return corrected_in(self._feedback(day))

    def digest(self, day: date) -> Digest:
        """One digest over the names and bytes of a partition's files, and of late feedback's."""
        return digest_json({name: digest_file(path) for name, path in self._named(day).items()})

    def stamp(self, day: date) -> str:
        """Other words as soon as a partition's files have other sizes: they are appended to."""
        sizes = {name: path.stat().st_size for name, path in self._named(day).items()}
        return digest_json(sizes)[:8]

    def days(self) -> list[date]:
        """The days that have traffic, oldest first."""
        if self.remote:
            return self.remote.days()
        return [day for day in days_in(self.root) if self._rows(day)]

    def expire(self, keep_days: int, today: date) -> list[date]:
        """Delete the partitions, and what was set aside of them, that are over keep_days old;
        answers too that no user got.

        Returns their days. Raises IncumbentError for one that cannot be deleted.
        """
        if self.remote:
            self.remote.expire(keep_days, today)
        expired = [day for day in days_in(self.root) if (today - day).days > keep_days]
        shadows = self.root / SHADOW
        for day in expired:
            for path in self.quarantine.glob(f"*{day}.jsonl*"):  # a killed reader's draft too
                path.unlink(missing_ok=True)
            delete_partition(self.root / str(day))
        for day in days_in(shadows):
            if (today - day).days > keep_days:
                delete_partition(shadows / str(day))
        return expired

    def _rows(self, day: date) -> list[Path]:
        return [path for path in self._files(day) if not is_feedback(path)]

    def _feedback(self, day: date) -> list[Path]:
        return [path for path in self._files(day) if is_feedback(path)]

    def _later(self, day: date, days: int) -> list[Path]:
        """The files of feedback that came on the days after one."""
        ahead = (day + DAY * after for after in range(1, days + 1) if day <= date.max - DAY * after)
        return [path for one in ahead for path in self._feedback(one)]

    def _named(self, day: date) -> dict[str, Path]:
        """The files that a day's rows are read from."""
        later = {f"{path.parent.name}/{path.name}": path for path in self._later(day, LATE)}
        return {path.name: path for path in self._files(day)} | later

    def _files(self, day: date) -> list[Path]:
        folder = self.root / str(day)
        if self.remote:
            self.remote.fetch(str(day))
        files = sorted(folder.iterdir()) if folder.is_dir() else []
        return [p for p in files if p.suffix in READERS and p.name[0] != "." and p.is_file()]


def is_feedback(path: Path) -> bool:
    return path.name.startswith(PREFIX) and path.suffix == ".jsonl"


def days_in(root: Path) -> list[date]:
    folders = sorted(root.iterdir()) if root.is_dir() else []
    return [day for path in folders if path.is_dir() and (day := day_named(path.name))]


def delete_partition(partition: Path) -> None:
    try:
        shutil.rmtree(partition)
    except OSError as error:
        problem = f"{partition} is older than the retention and cannot be deleted"
        raise IncumbentError(f"{problem}: {error.strerror or error}; delete it") from None


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
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT
    with os.fdopen(os.open(path, flags, MODE), "ab+", buffering=0) as stream:
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
