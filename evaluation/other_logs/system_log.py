"""One system's log, whichever tool wrote it: JSON and CSV as other programs write them, and what
each sample was asked and how it was scored.
"""

import csv
import glob
import hashlib
import io
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isfinite
from numbers import Real
from pathlib import Path
from typing import Any, Literal, TypeVar

from project.errors import InputError
from project.near_duplicates import linked, to_first
from project.records.record import BOM, read_input
from project.records.scores import LARGEST, Better
from project.untrusted_input import quoted

T = TypeVar("T")
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
    # The metrics that decide where nobody chooses; empty: all that there are.
    deciding: tuple[str, ...] = ()
    # What to do where no item of it is in the other log.
    advice: str = ""

    @property
    def tasks(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(sample.task for sample in self.samples))


@dataclass(frozen=True)
class ReadingOptions:
    """What a user says about one side's log, where the tool's reader asks for it."""

    side: Literal["champion", "challenger"] = "champion"
    system: str | None = None  # of a log that holds several
    columns: Mapping[str, str] = field(default_factory=dict)  # by what they hold, such as "item"
    metrics: Sequence[str] = ()  # that are compared; empty: all


def digest_of(value: Any) -> str:
    """A digest of a value that was read from JSON; half characters and NaN are allowed."""
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def digest_of_words(value: Any) -> str:
    """The same of what was asked or expected: other white space makes no other question."""
    return digest_of(" ".join(value.split()) if isinstance(value, str) else value)


def placed(cluster: object, slices: tuple[str, ...]) -> dict[str, str]:
    """Where an item belongs, as a part of what must be equal on both sides."""
    return {"cluster": str(cluster), "slices": digest_of(slices)}


def slices_of(value: object, path: Path, number: int) -> tuple[str, ...]:
    """An item's slices, as a list or as an object. Raises InputError."""
    if isinstance(value, dict):
        return tuple(f"{key}={part}" for key, part in value.items())
    if isinstance(value, (list, tuple)) and all(isinstance(part, str) for part in value):
        return tuple(value)
    problem = f'{quoted(value)} is neither ["key=value"] nor {{"key": value}}'
    raise InputError(problem, file=path, line=number, field="slices")


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
    by_item: dict[str, Sample] = {}
    for sample in samples:
        if sample.item in by_item:
            by_item[sample.item] = replace(by_item[sample.item], lost=REPEATED)
        else:
            by_item[sample.item] = sample
    return tuple(by_item.values())


def scores_once(
    recorded: Iterable[tuple[str, float | None]],
) -> tuple[dict[str, float | None], bool]:
    """Scores by metric, and whether one was recorded twice with different values."""
    metrics: dict[str, float | None] = {}
    differs = [metrics.setdefault(name, value) != value for name, value in recorded]
    return metrics, any(differs)


def numbered(keys: Iterable[str]) -> Iterator[str]:
    """The keys, each a name of its own: the second sample that was asked the same is key/2."""
    seen: Counter[str] = Counter()
    for key in keys:
        seen[key] += 1
        yield key if seen[key] == 1 else f"{key}/{seen[key]}"


def clustered(samples: Sequence[Sample], *parts: str) -> tuple[Sample, ...]:
    """Items that were asked the same in all `parts` as one cluster, together with the clusters that
    they are in already: one question under several ids is one. It is named by the first of them.
    """
    asked = [tuple(sample.asked.get(part) for part in parts) for sample in samples]
    keys = [key if any(key) else i for i, key in enumerate(asked)]
    clusters = [i if sample.cluster is None else sample.cluster for i, sample in enumerate(samples)]
    labels = linked(len(samples), [to_first(keys), to_first(clusters)])
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


# --- files ----------------------------------------------------------------------------------------

# JSON as other programs write it: JSON Lines under any name, CRLF, byte order marks, NaN.

CSV = (".csv", ".tsv")

# What files begin with that are no text.
NO_TEXT_TABLES = {
    b"PK\x03\x04": "an Excel workbook or a zip archive",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"\x1f\x8b": "packed by gzip",
    b"PAR1": "Parquet",
}
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
        with path.open("rb") as stream:
            for number, line in enumerate(stream, start=1):
                if number == 1:
                    line = line.removeprefix(BOM)
                if line.strip():
                    yield number, an_object(parsed(line, path, number), path, number)
        return
    rows = read_json(path)
    for number, row in enumerate(rows if isinstance(rows, list) else [rows], start=1):
        yield number, an_object(row, path, number)


def read_csv(path: Path) -> list[tuple[int, dict[str, str]]]:
    """Line number and cells of each row of a table with a header, its cells divided by commas,
    semicolons or tabs. Raises InputError naming file and line.
    """
    refuse_no_text_table(path)
    try:
        text = read_input(path).decode()
    except UnicodeDecodeError as error:
        raise InputError(
            f"is not UTF-8 at byte {error.start}: save it as UTF-8", file=path
        ) from None
    csv.field_size_limit(max(csv.field_size_limit(), len(text)))  # an answer may be long
    delimiter = max(",;\t", key=text.partition("\n")[0].count)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows, number = [], 1  # the line on which a row begins
    try:
        columns = reader.fieldnames or ()
        if len(set(columns)) < len(columns):
            raise InputError("two columns have one name", file=path, line=number)
        number = reader.line_num + 1
        for row in reader:
            if None in row or None in row.values():
                problem = f"has not the {len(columns)} cells of the first line"
                raise InputError(problem, file=path, line=number)
            rows.append((number, row))
            number = reader.line_num + 1
    except csv.Error as error:
        raise InputError(f"is no CSV: {error}", file=path, line=number) from None
    return rows


def refuse_no_text_table(path: Path) -> None:
    """Raise InputError for a table in one of the other formats that tables are often in."""
    first = first_line(path)
    other = next((name for start, name in NO_TEXT_TABLES.items() if first.startswith(start)), None)
    if isinstance(complete(first), (dict, list)) or first.strip() in (b"{", b"[", b"[{"):
        other = "JSON"
    if other:
        raise InputError(f"is {other}, and no CSV: save it as CSV", file=path)


def read_table(path: Path) -> list[tuple[int, dict[str, Any]]]:
    """Line number and fields of each row of a CSV, of JSON Lines, or of a JSON array, be it in an
    object under "data". Raises InputError naming file and line.
    """
    if path.suffix in CSV:
        return list(read_csv(path))
    rows = list(read_rows(path))
    if len(rows) == 1 and isinstance(inner := rows[0][1].get("data"), list):
        return [(number, an_object(row, path, number)) for number, row in enumerate(inner, start=1)]
    return rows


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


def beginning(path: Path) -> Any:
    """What tells whose log it is: the first line's value, else the whole file's; a table's columns
    as the keys of an object; None where nothing can be read.
    """
    try:
        if path.suffix in CSV:
            return next((row for _, row in read_csv(path)), None)
        return complete(first_line(path)) or read_json(path)
    except InputError:
        return None


def only_file(argument: Path, of_tool: Callable[[Any], bool], tool: str, advice: str) -> Path:
    """The argument, or the one file in a folder that looks like a tool's. Raises InputError."""
    if not argument.is_dir():
        return argument
    files = sorted(path for path in argument.iterdir() if path.suffix in (".json", ".jsonl"))
    there = [path for path in files if of_tool(beginning(path))]
    if len(there) == 1:
        return there[0]
    names = ", ".join(path.name for path in there[:5])
    several = f"holds {len(there)} results of {tool} ({names}): name one"
    raise InputError(several if there else f"holds no results of {tool}: {advice}", file=argument)


def named_files(argument: Path) -> list[Path]:
    """A file, all files below a folder, or those that a pattern names. Raises InputError."""
    if argument.is_dir():
        return sorted(path for path in argument.rglob("*") if path.is_file())
    if argument.exists():
        return [argument]
    anchor = Path(argument.anchor)
    pattern = str(argument.relative_to(anchor))
    if glob.has_magic(pattern) and (
        files := sorted(p for p in anchor.glob(pattern) if p.is_file())
    ):
        return files
    raise InputError("No such file or directory", file=argument)


def newest_of_tasks(
    files: Iterable[T], task: Callable[[T], str], made: Callable[[T], str], name: Callable[[T], str]
) -> tuple[list[T], dict[str, list[str]]]:
    """The newest file of each task, and notes on those that have older ones; times of one tool sort
    as texts.
    """
    by_task: dict[str, list[T]] = {}
    for file in files:
        by_task.setdefault(task(file), []).append(file)
    chosen = {task: max(some, key=made) for task, some in by_task.items()}
    notes = {
        task: [f"was run {len(some)} times; taken is the newest, {name(chosen[task])}"]
        for task, some in by_task.items()
        if len(some) > 1
    }
    return [chosen[task] for task in sorted(chosen)], notes


def parsed(data: bytes, path: Path, number: int | None = None) -> Any:
    """A JSON value in which NaN and infinity are allowed. Raises InputError."""
    try:
        return json.loads(data)
    except UnicodeDecodeError as error:
        problem = f"is not UTF-8 at byte {error.start}"
    except json.JSONDecodeError as error:
        cut = number is not None and not data.endswith(b"\n")
        place = f"{error.msg.removesuffix(' at')} at character {error.colno}"
        problem = CUT if cut else f"is not JSON: {place}"
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
