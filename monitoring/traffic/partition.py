"""One day of traffic, read in bounded memory: good rows in batches, corrupt ones set aside."""

import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import date
from pathlib import Path
from typing import BinaryIO, NamedTuple

import pyarrow as pa
from pyarrow.parquet import ParquetFile
from pydantic import ValidationError
from pydantic_core import to_json

from monitoring.traffic.late_feedback import LateFeedbacks, Place
from project.errors import IncumbentError
from project.files import sync
from project.records.record import Record
from project.records.traffic import LateFeedback, Traffic

BATCH = 1_000  # rows
LONGEST = 1 << 20  # bytes of a line; with BATCH it bounds the memory
KEPT = 2_000  # characters of a corrupt line that the quarantine shows


class SetAside(Record):
    """A line of a partition that is no traffic, and why."""

    file: str
    line: int | None  # from 1, of a Parquet file the row; None: the file's rest
    reason: str
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line or ''} {self.reason}"


class RawLine(NamedTuple):
    number: int | None
    json: bytes
    problem: str | None = None  # what is known to be wrong with it before it is parsed
    offset: int = 0  # bytes before it, in a file of lines


class CorruptError(ValueError):
    """Why a line is set aside."""


class Reading:
    """The rows of one day, to be iterated in batches of at most BATCH.

    At the end of an iteration `set_aside` counts by reason what was corrupt, and the quarantine
    lists it; another iteration gives the same again. Left early, it leaves the quarantine as it
    was. Rows come in the order of files and lines, and of two with one id the first one counts:
    beside a batch the ids are held, some 150 bytes a row. Feedback that came in files of its own is
    joined to its rows; `unmatched` counts the answers that the day's own feedback is about and that
    are not of this day.
    """

    def __init__(
        self,
        day: date,
        files: list[Path],
        quarantine: Path,
        clean: Callable[[str], str],
        *,
        feedback: Sequence[Path] = (),
        later: Sequence[Path] = (),
    ) -> None:
        """`feedback` came on the day, and is set aside with it; `later` came on the days after."""
        self.day = day
        self.files = files
        self.feedback = feedback
        self.later = later
        self.quarantine = quarantine
        self.clean = clean
        self.set_aside: Counter[str] = Counter()
        self.unmatched = 0

    def __iter__(self) -> Iterator[list[Traffic]]:
        self.set_aside.clear()
        seen: set[str] = set()
        batch: list[Traffic] = []
        with streamed(self.quarantine) as quarantine:
            feedback = self._read_feedback(quarantine)
            for file, line in self._lines(self.files):
                try:
                    row = parse(line, self.day)
                    if row.id in seen:
                        raise CorruptError("repeated id")
                except CorruptError as reason:
                    self._put_aside(quarantine, file, line, str(reason))
                    continue
                seen.add(row.id)
                batch.append(feedback.join(row))
                if len(batch) == BATCH:
                    yield batch
                    batch = []
            if batch:
                yield batch
            self.unmatched = feedback.unmatched

    def _read_feedback(self, quarantine: BinaryIO) -> LateFeedbacks:
        found = LateFeedbacks()
        for own, files in ((True, self.feedback), (False, self.later)):
            for file, line in self._lines(files):
                try:
                    found.add(parse_feedback(line), Place(file, line.offset), own=own)
                except CorruptError as reason:
                    if own:  # what came later is set aside with its own day
                        self._put_aside(quarantine, file, line, f"feedback: {reason}")
        return found

    def _lines(self, files: Sequence[Path]) -> Iterator[tuple[Path, RawLine]]:
        for file in files:
            for line in READERS[file.suffix](file):
                yield file, line

    def _put_aside(self, quarantine: BinaryIO, file: Path, line: RawLine, reason: str) -> None:
        quarantine.write(self._describe(file, line, reason).canonical() + b"\n")
        self.set_aside[reason] += 1

    def _describe(self, file: Path, line: RawLine, reason: str) -> SetAside:
        text = self.clean(line.json.decode(errors="replace").rstrip("\r\n"))
        return SetAside(file=file.name, line=line.number, reason=reason, text=text[:KEPT])


def parse(line: RawLine, day: date) -> Traffic:
    """Raises CorruptError, whose reasons are few enough to be counted: they name the field."""
    if line.problem:
        raise CorruptError(line.problem)
    try:
        row = Traffic.model_validate_json(line.json)
    except ValidationError as error:
        raise CorruptError(reason(error, line.json)) from None
    try:
        if row.time.date() == day:
            return row
    except OverflowError:  # a time of the year 1 or 9999 that UTC has not
        raise CorruptError("bad at") from None
    raise CorruptError("another day")


def parse_feedback(line: RawLine) -> LateFeedback:
    """Raises CorruptError, as `parse` does."""
    if line.problem:
        raise CorruptError(line.problem)
    try:
        feedback = LateFeedback.model_validate_json(line.json)
        feedback.time.timestamp()
    except ValidationError as error:
        raise CorruptError(reason(error, line.json)) from None
    except (OverflowError, ValueError):  # a time of the year 1 or 9999 that UTC has not
        raise CorruptError("bad at") from None
    return feedback


def corrected_in(files: Sequence[Path]) -> set[str]:
    """The ids of the answers that feedback in these files corrects; corrupt lines say nothing."""
    found = set()
    for file in files:
        for line in READERS[file.suffix](file):
            with suppress(CorruptError):
                feedback = parse_feedback(line)
                if feedback.correction is not None:
                    found.add(feedback.feedback_of)
    return found


def reason(error: ValidationError, data: bytes) -> str:
    try:
        data.decode()
    except UnicodeDecodeError:
        return "not UTF-8"
    first = error.errors(include_url=False)[0]
    if not first["loc"]:
        return "not JSON" if first["type"] == "json_invalid" else "not an object"
    missing = first["type"] == "missing" and len(first["loc"]) == 1
    return f"{'no' if missing else 'bad'} {first['loc'][0]}"


def json_lines(path: Path) -> Iterator[RawLine]:
    number = offset = 0
    try:
        with path.open("rb") as stream:
            while data := stream.readline(LONGEST):
                number += 1
                if len(data) == LONGEST and not data.endswith(b"\n"):
                    skip_line(stream)
                    yield RawLine(number, data, "too long")
                elif not data.isspace():
                    yield RawLine(number, data, offset=offset)
                offset = stream.tell()
    except OSError as error:
        yield RawLine(None, str(error).encode(), "unreadable file")


def skip_line(stream: BinaryIO) -> None:
    while (data := stream.readline(LONGEST)) and not data.endswith(b"\n"):
        pass


def parquet_rows(path: Path) -> Iterator[RawLine]:
    """Each row as a JSON line, so that one parser judges them all: a timestamp with a time zone is
    RFC 3339 then, and one without is none.
    """
    number = 0
    try:
        with ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=BATCH):
                for row in batch.to_pylist():
                    number += 1
                    yield RawLine(number, to_json(row, fallback=str))
    except (OSError, UnicodeDecodeError, pa.ArrowException) as error:
        yield RawLine(None, f"after row {number}: {error}".encode(), "unreadable file")


READERS: dict[str, Callable[[Path], Iterator[RawLine]]] = {
    ".jsonl": json_lines,
    ".parquet": parquet_rows,
}


@contextmanager
def streamed(target: Path) -> Iterator[BinaryIO]:
    """Yield a stream whose bytes become the file when the block ends; without any there is none."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{target.name}-", dir=target.parent)
        with ExitStack() as stack:
            stack.callback(Path(name).unlink, missing_ok=True)
            with os.fdopen(handle, "wb") as stream:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
                written = stream.tell()
            if written:
                Path(name).replace(target)
            else:
                target.unlink(missing_ok=True)
        sync(target.parent)
    except OSError as error:
        problem = f"{target} cannot be written: {error.strerror}"
        raise IncumbentError(f"{problem}; read the day again when it can") from None
