"""Lines of traffic that are none, listed where a person finds them, and counted by the reason."""

import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

from monitoring.traffic.file_lines import RawLine
from project.errors import IncumbentError
from project.files import sync
from project.records.record import Record

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
        found = SetAsideLine(file=file, line=line.number, reason=reason, text=text[:KEPT])
        self.take(found.canonical() + b"\n", Counter([reason]))

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
