"""One day of traffic, read in bounded memory: good rows in batches, corrupt ones set aside."""

import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import date, datetime
from pathlib import Path
from typing import BinaryIO

from pydantic import ValidationError

from monitoring.traffic.chat import UnfitRecordError
from monitoring.traffic.file_lines import BATCH, RawLine, lines_of, recognised
from monitoring.traffic.late_feedback import LateFeedbacks, LinePosition
from monitoring.traffic.voices import asks
from project.errors import IncumbentError
from project.files import sync
from project.records.record import Record
from project.records.traffic import LateFeedback, Traffic

# Why lines are set aside, where more than the field is told.
NO_PROMPT = "no prompt"  # also where a system prompt, or empty turns, are all that there is
NO_ZONE = "no zone in at"
ANOTHER_DAY = "another day"
REPEATED = "repeated id"


# --- lines set aside ------------------------------------------------------------------------------

# Lines that are no traffic, listed where a person finds them, and counted by the reason.

KEPT = 2_000  # characters of a corrupt line that the quarantine shows


class SetAsideLine(Record):
    """A line of a partition that is no traffic, and why."""

    file: str
    line: int | None  # from 1, of a Parquet file the row; None: the file's rest
    reason: str
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line or ''} {self.reason}"


class Quarantine:
    """A list of such lines that grows, cleaned of what nobody may read."""

    def __init__(self, stream: BinaryIO, clean: Callable[[str], str]) -> None:
        self.stream = stream
        self.clean = clean
        self.counts: Counter[str] = Counter()

    def put(self, file: str, line: RawLine, reason: str) -> None:
        text = self.clean(line.json.decode(errors="replace").rstrip("\r\n"))
        entry = SetAsideLine(file=file, line=line.number, reason=reason, text=text[:KEPT])
        self.take(entry.canonical() + b"\n", Counter([reason]))

    def take(self, lines: bytes, counts: Counter[str]) -> None:
        """Add what another one holds."""
        self.stream.write(lines)
        self.counts.update(counts)


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


# --- day of traffic -------------------------------------------------------------------------------


class CorruptError(ValueError):
    """Why a line is set aside."""


class DayReading:
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
        unread: Sequence[tuple[str, str]] = (),
    ) -> None:
        """`feedback` came on the day, and is set aside with it; `later` came on the days after;
        `unread` are names of files that nothing reads, each with the reason.
        """
        self.day = day
        self.files = files
        self.feedback = feedback
        self.later = later
        self.unread = unread
        self.quarantine = quarantine
        self.clean = clean
        self.set_aside: Counter[str] = Counter()
        self.unmatched = 0

    def __iter__(self) -> Iterator[list[Traffic]]:
        with self.quarantined() as (quarantine, feedback):
            yield from self.batches(named_lines(self.files), feedback, set(), quarantine)
            self.unmatched = feedback.unmatched

    @contextmanager
    def quarantined(self) -> Iterator[tuple[Quarantine, LateFeedbacks]]:
        """For the block, where new corrupt lines go, and what was said of the rows later."""
        with streamed(self.quarantine) as stream:
            quarantine = Quarantine(stream, self.clean)
            self.set_aside = quarantine.counts
            for name, why in self.unread:
                quarantine.put(name, RawLine(None, b""), why)
            yield quarantine, self.read_feedback(quarantine)

    def batches(
        self,
        lines: Iterable[tuple[Path, RawLine]],
        feedback: LateFeedbacks,
        seen: set[str],
        quarantine: Quarantine,
    ) -> Iterator[list[Traffic]]:
        """The rows of some of the day's lines whose ids were not `seen`, which these now are."""
        batch: list[Traffic] = []
        for file, line in lines:
            for row in rows_in(line, self.day):
                if isinstance(row, CorruptError):
                    quarantine.put(file.name, line, str(row))
                elif row.id in seen:
                    quarantine.put(file.name, line, REPEATED)
                else:
                    seen.add(row.id)
                    batch.append(feedback.join(row))
            if len(batch) >= BATCH:
                yield batch
                batch = []
        if batch:
            yield batch

    def read_feedback(self, quarantine: Quarantine) -> LateFeedbacks:
        feedback = LateFeedbacks()
        for of_day, files in ((True, self.feedback), (False, self.later)):
            for file, line in named_lines(files):
                try:
                    feedback.add(parse_feedback(line), LinePosition(file, line.offset), own=of_day)
                except CorruptError as reason:
                    if of_day:  # what came later is set aside with its own day
                        quarantine.put(file.name, line, f"feedback: {reason}")
        return feedback


def named_lines(files: Iterable[Path]) -> Iterator[tuple[Path, RawLine]]:
    for file in files:
        for line in lines_of(file):
            yield file, line


def rows_in(line: RawLine, day: date) -> Iterator[Traffic | CorruptError]:
    """The rows of a line, several in another tool's log, and why others are none."""
    if line.problem:
        yield CorruptError(line.problem)
        return
    try:
        row = Traffic.model_validate_json(line.json)
    except ValidationError as error:
        yield from rows_of_another_tool(line.json, day, reason(error, line.json))
    else:
        yield counted_row(row, day)


def rows_of_another_tool(data: bytes, day: date, own_name: str) -> Iterator[Traffic | CorruptError]:
    """`own` is why the line is no row of ours."""
    match = recognised(data) if own_name not in ("not JSON", "not an object", "not UTF-8") else None
    if match is None:
        yield CorruptError(own_name)
        return
    log, record = match
    try:
        parts = log.parts_of(record)
    except UnfitRecordError as error:
        parts = []
        yield CorruptError(f"{log.name}: {error}")
    for part in parts:
        try:
            row = Traffic.model_validate(log.row_of(part))
        except (UnfitRecordError, ValidationError) as error:
            why = reason(error, data) if isinstance(error, ValidationError) else str(error)
            named = own_name if "at" in record else f"{log.name}: {why}"
            yield CorruptError(why if why == NO_PROMPT else named)
        else:
            yield counted_row(row, day)


def counted_row(row: Traffic, day: date) -> Traffic | CorruptError:
    """The row, where it asks something and is of the day."""
    if not asks(row.prompt):
        return CorruptError(NO_PROMPT)
    try:
        return row if row.time.date() == day else CorruptError(ANOTHER_DAY)
    except OverflowError:  # a time of the year 1 or 9999 that UTC has not
        return CorruptError("bad at")


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
    ids = set()
    for file in files:
        for line in lines_of(file):
            with suppress(CorruptError):
                feedback = parse_feedback(line)
                if feedback.correction is not None:
                    ids.add(feedback.feedback_of)
    return ids


def reason(error: ValidationError, data: bytes) -> str:
    try:
        data.decode()
    except UnicodeDecodeError:
        return "not UTF-8"
    first = error.errors(include_url=False)[0]
    if not first["loc"]:
        return "not JSON" if first["type"] == "json_invalid" else "not an object"
    if first["loc"] == ("at",) and lacks_zone(first["input"]):
        return NO_ZONE
    missing = first["input"] is None or (first["type"] == "missing" and len(first["loc"]) == 1)
    return f"{'no' if missing else 'bad'} {first['loc'][0]}"


def lacks_zone(time: object) -> bool:
    """Whether a time would be one, if it told its zone."""
    try:
        return isinstance(time, str) and datetime.fromisoformat(time).tzinfo is None
    except ValueError:
        return False
