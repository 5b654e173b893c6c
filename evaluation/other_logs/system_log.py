"""One system's log, whichever tool wrote it: JSON as other programs write it, and what each
sample was asked and how it was scored.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isfinite
from numbers import Real
from pathlib import Path
from typing import Any

from project.errors import InputError
from project.near_duplicates import linked, to_first
from project.records.record import BOM, read_input
from project.records.scores import LARGEST, Better
from project.untrusted_input import quoted

# --- system log -----------------------------------------------------------------------------------

# One system's log, whichever tool wrote it: what each sample was asked and how it was scored.

ERROR = "stopped by an error"
NOT_RUN = "not run"
NOT_SCORED = "not scored"
REPEATED = "there more than once"
INVALIDATED = "declared invalid"


@dataclass(frozen=True, slots=True)
class Sample:
    """One item as one system answered it."""

    item: str
    task: str
    asked: Mapping[str, str]  # by what it is (question, target, …): a digest; equal on both sides
    # A metric that should have scored the sample and gave no number has None. One that says
    # nothing about it is absent.
    metrics: Mapping[str, float | None]
    cluster: str | None = None
    slices: tuple[str, ...] = ()
    prompt: str | None = None  # digest of what the model read: may differ between contestants
    lost: str | None = None  # why none of its scores counts


@dataclass(frozen=True)
class SystemLog:
    """What one system's log holds. Texts of it are as the tool wrote them."""

    path: Path
    system: str  # a name for people
    samples: tuple[Sample, ...]
    # By task, then by metric: how it was scored, the judge included. Equal on both sides.
    scorers: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    # By task: what else must be equal, such as {"version": "1.0"}.
    settings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    # By task and metric which way is better; what is not here, the tool does not say.
    better: Mapping[str, Mapping[str, Better]] = field(default_factory=dict)
    # What a contestant brings of its own, such as a chat template: said where it differs.
    setup: Mapping[str, str] = field(default_factory=dict)
    absent: int = 0  # samples that were to be there, of which nothing is known
    # By task: what a reader of the verdict should know.
    notes: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def tasks(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(sample.task for sample in self.samples))


def digest_of(value: Any) -> str:
    """A digest of a value that was read from JSON; half characters and NaN are allowed."""
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def as_score(value: object) -> float | None:
    """A number as a score; None for what is none: NaN, infinity, and what has no sane square."""
    if not isinstance(value, Real):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if isfinite(number) and abs(number) <= LARGEST else None


def without_repeats(samples: Iterable[Sample]) -> tuple[Sample, ...]:
    """Each item once. One that was there more than once is lost: nobody knows which one counts."""
    found: dict[str, Sample] = {}
    for sample in samples:
        if sample.item in found:
            found[sample.item] = replace(found[sample.item], lost=REPEATED)
        else:
            found[sample.item] = sample
    return tuple(found.values())


def clustered(samples: Sequence[Sample], *parts: str) -> tuple[Sample, ...]:
    """Items that were asked the same in all `parts` as one cluster, together with the clusters that
    they are in already: one question under several ids is one. It is named by the first of them.
    """
    asked = [tuple(sample.asked.get(part) for part in parts) for sample in samples]
    keys = [key if any(key) else i for i, key in enumerate(asked)]
    own = [i if sample.cluster is None else sample.cluster for i, sample in enumerate(samples)]
    labels = linked(len(samples), [to_first(keys), to_first(own)])
    count = Counter(labels)
    first: dict[int, Sample] = {}
    for sample, label in zip(samples, labels, strict=True):
        first.setdefault(label, sample)
    return tuple(
        replace(sample, cluster=first[label].cluster or first[label].item)
        if count[label] > 1
        else sample
        for sample, label in zip(samples, labels, strict=True)
    )


# --- json files -----------------------------------------------------------------------------------

# JSON as other programs write it: JSON Lines under any name, CRLF, byte order marks, NaN.

CUT = "the file ends inside of a line: the run was stopped while it wrote, or the copy is not whole"


def read_json(path: Path) -> Any:
    """The one value of a JSON file. Raises InputError."""
    return parsed(read_input(path), path)


def read_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Line number and object of each row: of JSON Lines, or of one array over several lines.

    Raises InputError naming file and line. Lines end with a line feed alone, as texts may hold
    every other character by which Python would split them.
    """
    first = first_line(path)
    if not first:
        return
    if isinstance(complete(first), dict):
        yield from lines_of(path)
        return
    rows = read_json(path)
    for number, row in enumerate(rows if isinstance(rows, list) else [rows], start=1):
        yield number, an_object(row, path, number)


def first_line(path: Path) -> bytes:
    """The first line that holds something, empty where none does. Raises InputError."""
    try:
        with path.open("rb") as stream:
            lines = (line.removeprefix(BOM) for line in stream)
            return next((line for line in lines if line.strip()), b"")
    except OSError as error:
        raise InputError(error.strerror or "cannot be read", file=path) from None


def complete(line: bytes) -> Any:
    """The JSON value on the line, None where it is only a part of one."""
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def lines_of(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    with path.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            if number == 1:
                line = line.removeprefix(BOM)
            if line.strip():
                yield number, an_object(parsed(line, path, number), path, number)


def parsed(data: bytes, path: Path, number: int | None = None) -> Any:
    """A JSON value in which NaN and infinity are allowed. Raises InputError."""
    try:
        return json.loads(data)
    except UnicodeDecodeError as error:
        problem = f"is not UTF-8 at byte {error.start}"
    except json.JSONDecodeError as error:
        cut = number is not None and not data.endswith(b"\n")
        problem = CUT if cut else f"is not JSON: {error.msg}"
        number = number or error.lineno
    except RecursionError:
        problem = "is nested too deep"
    except ValueError:  # Python refuses to read integers of thousands of digits
        problem = "holds a number that is too long"
    raise InputError(problem, file=path, line=number)


def an_object(value: Any, path: Path, number: int) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InputError(f"{quoted(value)} is no JSON object", file=path, line=number)
    return value
