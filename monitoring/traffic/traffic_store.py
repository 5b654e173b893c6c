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

from monitoring.traffic.file_lines import (
    SHADOW,
    day_beside,
    day_named,
    days_beside,
    files_of,
    is_feedback,
    sorted_entries,
    unread,
)
from monitoring.traffic.partition import DayReading, corrected_in
from monitoring.traffic.remote_traffic import RemoteTraffic
from project.canonical import digest_bytes, digest_file, digest_json
from project.errors import IncumbentError, InputError
from project.object_stores import local_path
from project.personal_data import redact
from project.records.data import Message
from project.records.record import Digest
from project.records.traffic import Traffic

FileState = tuple[int, int, int]

MARK = ".incumbent-place"  # names the folder: on every machine that sees it, it says the same
OWN = "traffic.jsonl"  # what `append` writes; the others are gateways' chunks, and the user's
DAY = timedelta(days=1)
# A day's rows have the feedback that came until the end of the next day, so that a night which is
# computed again later finds the same.
LATE = 1  # days
LATEST = 28  # days, for corrections, which wait for a person however late they come
MODE = 0o640  # of files of traffic: what users wrote is not for everybody on the machine


class TrafficStore:
    """Partitions: the files in `root/2026-11-24/`, and those beside it whose names begin with the
    day. A user may drop files of ENDINGS there too, also logs of other tools.

    The root is a folder or the URL of one on an object store, whose files are copied here before
    they are read. With `redact`, personal data is redacted in what is appended and in what is set
    aside. A corrupt line stays in its file, and `quarantine/2026-11-24.jsonl` lists it.
    """

    def __init__(self, root: Path | str, *, redact: bool, quarantine: Path) -> None:
        """Raises InputError for a URL that nothing here can open."""
        folder = local_path(root)
        self.remote = None if folder else RemoteTraffic(str(root))
        self.root = folder or RemoteTraffic.copies_of(str(root))
        self.redact = redact
        self.quarantine = quarantine
        self.digested: dict[Path, tuple[FileState, Digest]] = {}  # of the day digested last

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

    def read(self, day: date, *, late: bool = False) -> DayReading:
        """The rows of one day in batches: `for rows in store.read(day)`.

        With the feedback on them that came by the end of the next day; with `late`, in the four
        weeks after.
        """
        clean = redact if self.redact else str
        return DayReading(
            day,
            self._rows(day),
            self.quarantine / f"{day}.jsonl",
            clean,
            feedback=self._feedback(day),
            later=self._later(day, LATEST if late else LATE),
            unread=self._unread(day),
        )

    def corrected_on(self, day: date) -> set[str]:
        """The ids of the answers on which a correction came that day, whenever they were given."""
        return corrected_in(self._feedback(day))

    def digest(self, day: date) -> Digest:
        """One digest over a partition's files and late feedback; what is unchanged is not read."""
        named, known = self._named(day), self.digested
        self.digested = {}
        for path in named.values():
            now, (then, digest) = state_of(path), known.get(path, (None, ""))
            self.digested[path] = (now, digest if now == then else digest_file(path))
        return digest_json({name: self.digested[path][1] for name, path in named.items()})

    def seen(self, day: date) -> Digest | None:
        """The digest of a partition that holds files of rows; None for one without."""
        return self.digest(day) if self._rows(day) else None

    def stamp(self, day: date) -> str:
        """Other words as soon as a partition's files have other sizes: they are appended to."""
        sizes = {name: path.stat().st_size for name, path in self._named(day).items()}
        return digest_json(sizes)[:8]

    def days(self) -> list[date]:
        """The days that have traffic, oldest first."""
        if self.remote:
            return self.remote.days()
        days = {*named_days(self.root), *days_beside(self.root)}
        return [day for day in sorted(days) if self._rows(day)]

    @property
    def location(self) -> str:
        """The location as people are shown it."""
        return self.remote.url if self.remote else str(self.root)

    def mark(self) -> str | None:
        """What the folder says of itself; None where it says nothing."""
        if self.remote:
            return self.remote.mark(MARK)
        try:
            return (self.root / MARK).read_text().strip() or None
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise IncumbentError(f"{self.root / MARK} cannot be read: {error}") from None

    def put_mark(self, mark: str) -> str:
        """Write a mark unless there is one; returns the one that counts. Raises IncumbentError."""
        if self.remote:
            self.remote.put_mark(MARK, mark)
        else:
            put_new(self.root / MARK, mark)
        current = self.mark()
        if current is None:
            raise IncumbentError(f"{MARK} in {self.location} is empty: delete it")
        return current

    def expire(self, keep_days: int, today: date) -> list[date]:
        """Delete the partitions, and what was set aside of them, that are over keep_days old;
        answers too that no user got.

        Returns their days. Raises IncumbentError for one that cannot be deleted.
        """
        if self.remote:
            self.remote.expire(keep_days, today)
        folders = [day for day in named_days(self.root) if (today - day).days > keep_days]
        beside = {
            path: day
            for path in sorted_entries(self.root)
            if (day := day_beside(path.name)) and (today - day).days > keep_days
        }
        shadows = self.root / SHADOW
        expired = sorted({*folders, *beside.values()})
        for day in expired:
            for path in self.quarantine.glob(f"*{day}.jsonl*"):  # a killed reader's draft too
                path.unlink(missing_ok=True)
        old_shadows = [day for day in named_days(shadows) if (today - day).days > keep_days]
        delete([self.root / str(day) for day in folders])
        # A folder of such a name is not ours.
        delete([path for path in beside if path.is_symlink() or not path.is_dir()])
        delete([shadows / str(day) for day in old_shadows])
        return expired

    def _rows(self, day: date) -> list[Path]:
        return [path for path in self._files(day) if not is_feedback(path)]

    def _feedback(self, day: date) -> list[Path]:
        return [path for path in self._files(day) if is_feedback(path)]

    def _later(self, day: date, days: int) -> list[Path]:
        """The files of feedback that came on the days after one."""
        ahead = (day + DAY * after for after in range(1, days + 1) if day <= date.max - DAY * after)
        return [path for late_day in ahead for path in self._feedback(late_day)]

    def _named(self, day: date) -> dict[str, Path]:
        """The files that a day's rows are read from."""
        later = {f"{path.parent.name}/{path.name}": path for path in self._later(day, LATE)}
        inside = self.root / str(day)
        of_day = {p.name if p.parent == inside else f"../{p.name}": p for p in self._files(day)}
        return of_day | later

    def _files(self, day: date) -> list[Path]:
        if self.remote:
            self.remote.fetch(str(day))
            self.remote.fetch("", day)
        return files_of(self.root, day)

    def _unread(self, day: date) -> list[tuple[str, str]]:
        """Names in the day's folder and beside it that nothing reads, each with the reason."""
        if self.remote:
            files = self.remote.file_names()
            folders = sorted({*self.remote.names("")} - {*files})
            return unread(day, self.remote.names(str(day)), files, folders)
        inside = (path.name for path in sorted_entries(self.root / str(day)))
        beside = sorted_entries(self.root)
        folders = [path.name for path in beside if path.is_dir()]
        return unread(day, inside, (p.name for p in beside if not p.is_dir()), folders)


def state_of(path: Path) -> FileState:
    """Another one as soon as the file is written to, or another file has its name."""
    stat = path.stat()
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


def named_days(root: Path) -> list[date]:
    """The days of folders, and of links that lead to one or to nothing."""
    entries = sorted(root.iterdir()) if root.is_dir() else []
    folders = [path for path in entries if path.is_dir() or path.is_symlink()]
    return [day for path in folders if (day := day_named(path.name))]


def delete(paths: Iterable[Path]) -> None:
    """A link is taken away alone: what it leads to is somebody else's."""
    for path in paths:
        try:
            if path.is_symlink() or not path.is_dir():
                path.unlink(missing_ok=True)
            else:
                shutil.rmtree(path)
        except OSError as error:
            problem = f"{path} is older than the retention and cannot be deleted"
            raise IncumbentError(f"{problem}: {error.strerror or error}; delete it") from None


def put_new(path: Path, text: str) -> None:
    """Write a small file unless it is there. Raises IncumbentError where that is not allowed."""
    try:
        with path.open("x") as stream:
            stream.write(text + "\n")
            stream.flush()
            os.fsync(stream.fileno())
    except FileExistsError:
        return
    except OSError as error:
        raise IncumbentError(
            f"{path} cannot be written: {error.strerror}; by it, machines see that they work with "
            "the same folder: let this user write to it, or write the file as somebody who can"
        ) from None


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
    if row.turns or row.tools:
        changed |= redacted_tools(row)
    if row.evidence:
        texts = [(passage, redact(passage.text)) for passage in row.evidence]
        changed["evidence"] = tuple(
            passage.model_copy(update={"text": text}) for passage, text in texts
        )
    if row.user and redact(row.user) != row.user:
        changed["user"] = user_digest(row.user)
    if row.feedback and row.feedback.correction:
        correction = redact(row.feedback.correction)
        changed["feedback"] = row.feedback.model_copy(update={"correction": correction})
    return row.model_copy(update=changed)


def redacted_tools(row: Traffic) -> dict[str, object]:
    # Imported here because it takes a while, and most logs have no tools.
    from curation.mending import cleaned_json, redacted_call

    def clean(turn: Message) -> Message:
        calls = tuple(redacted_call(call, redact) for call in turn.tool_calls or ())
        return turn.model_copy(
            update={"content": redact(turn.content), "tool_calls": calls or None}
        )

    tools = tuple(cleaned_json(tool, redact) for tool in row.tools or ())
    return {"turns": row.turns and tuple(map(clean, row.turns)), "tools": tools or None}


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
