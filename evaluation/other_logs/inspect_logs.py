"""Logs of inspect_ai, .eval and .json: an item for each sample and epoch, a cluster over epochs."""

import io
import json
import sys
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from pathlib import Path
from typing import Any

from evaluation.other_logs.system_log import (
    ERROR,
    INVALIDATED,
    NOT_RUN,
    NOT_SCORED,
    Sample,
    SystemLog,
    as_score,
    clustered,
    digest_of,
    named_files,
    newest_of_tasks,
    parsed,
    read_json,
    without_repeats,
)
from project.errors import InputError
from project.untrusted_input import one_line

# As inspect reads them: correct, incorrect, partly correct, no answer.
GRADES = {"C": 1.0, "I": 0.0, "P": 0.5, "N": 0.0}
WORDS = {"yes": 1.0, "true": 1.0, "no": 0.0, "false": 0.0}
# Scorers that ask the evaluated model itself where no judge is named.
MODEL_GRADED = ("model_graded_qa", "model_graded_fact")
OF_MESSAGE = ("role", "content")  # what is asked; ids of messages are drawn anew in each run


def read_inspect(argument: Path) -> SystemLog:
    """Read a log, or of a folder the newest one of each task. Raises InputError."""
    paths, notes = log_files(argument)
    logs = [read_file(path) for path in paths]
    samples = [sample for header, rows in logs for sample in samples_of(header, rows)]
    headers = {task_of(header): header for header, _ in logs}
    return SystemLog(
        path=paths[0] if len(paths) == 1 else argument,
        system=system_of(logs[0][0]),
        samples=clustered(without_repeats(samples), "input", "target", "choices"),
        scorers={task: scorers_of(header) for task, header in headers.items()},
        settings={task: settings_of(header) for task, header in headers.items()},
        setup=setup_of(logs[0][0]),
        absent=sum(unnamed(header, rows) for header, rows in logs),
        notes={
            task_of(header): [*notes.get(task_of(header), ()), *remarks(header, rows)]
            for header, rows in logs
        },
    )


# --- which files ----------------------------------------------------------------------------------


def log_files(argument: Path) -> tuple[list[Path], dict[str, list[str]]]:
    """The newest log of each task, and notes on tasks that have older ones. Raises InputError."""
    if argument.is_file():
        return [argument], {}
    files = [path for path in named_files(argument) if path.suffix in (".eval", ".json")]
    headers = {path: header for path in files if (header := read_header(path))}
    if not headers:
        raise InputError("holds no log of inspect (.eval or .json)", file=argument)
    systems = sorted({system_of(header) for header in headers.values()})
    if len(systems) > 1:
        problem = f"holds logs of {len(systems)} systems ({', '.join(systems[:3])})"
        raise InputError(f"{problem}: name one file", file=argument)
    return newest_of_tasks(
        headers,
        lambda path: task_of(headers[path]),
        lambda path: str(headers[path]["eval"].get("created")),
        lambda path: path.name,
    )


# --- samples --------------------------------------------------------------------------------------


def samples_of(header: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> Iterator[Sample]:
    """Each sample that is there, then those that should be."""
    task, epochs = task_of(header), epochs_of(header)
    names = {name for row in rows for name in row.get("scores") or ()}
    on_error = bool((header["eval"].get("config") or {}).get("score_on_error"))
    for row in rows:
        yield sample_of(row, task, on_error, names)
    there = {(str(row["id"]), int(row.get("epoch", 1))) for row in rows}
    for name in header["eval"].get("dataset", {}).get("sample_ids") or ():
        for epoch in range(1, epochs + 1):
            if (str(name), epoch) not in there:
                item = name_of(task, name, epoch)
                yield Sample(item, task, asked={}, metrics={}, lost=NOT_RUN)


def sample_of(row: Mapping[str, Any], task: str, on_error: bool, scorers: Set[str]) -> Sample:
    """One row. A scorer that scored other samples and not this one leaves it without a score."""
    scores = row.get("scores") or {}
    lost = loss_of(row, on_error)
    return Sample(
        item=name_of(task, row["id"], int(row.get("epoch", 1))),
        task=task,
        asked=asked_of(row),
        metrics={} if lost else dict.fromkeys(scorers - scores.keys()) | dict(metrics_of(scores)),
        cluster=name_of(task, row["id"]),
        lost=lost,
    )


def loss_of(row: Mapping[str, Any], on_error: bool) -> str | None:
    """Why none of the row's scores counts. A run may score samples on purpose that failed."""
    if row.get("error") and not (on_error and row.get("scores")):
        return ERROR
    if row.get("invalidation"):
        return INVALIDATED
    return None if row.get("scores") else NOT_SCORED


def name_of(task: str, name: object, epoch: int = 1) -> str:
    return f"{task}/{name}" if epoch == 1 else f"{task}/{name}/epoch {epoch}"


def asked_of(row: Mapping[str, Any]) -> dict[str, str]:
    given = row.get("input")
    if isinstance(given, list):
        given = [part_asked(message) for message in given]
    return {
        "input": digest_of(given),
        "target": digest_of(row.get("target")),
        "choices": digest_of(row.get("choices")),
    }


def part_asked(message: Any) -> Any:
    return {key: message.get(key) for key in OF_MESSAGE} if isinstance(message, dict) else message


def metrics_of(scores: Mapping[str, Any]) -> Iterator[tuple[str, float | None]]:
    """Each scorer's value; one that is a dict or a list has a metric for each of its entries."""
    for scorer, score in scores.items():
        value = score.get("value") if isinstance(score, dict) else score
        if isinstance(value, dict):
            yield from ((f"{scorer}/{key}", number_of(part)) for key, part in value.items())
        elif isinstance(value, list):
            yield from ((f"{scorer}/{i}", number_of(part)) for i, part in enumerate(value))
        else:
            yield scorer, number_of(value)


def number_of(value: object) -> float | None:
    """A score's value as a number. What inspect itself cannot read, and would count as 0, is
    not scored.
    """
    if not isinstance(value, str):
        return as_score(value)
    known = GRADES.get(value, WORDS.get(value.lower()))
    if known is not None:
        return known
    try:
        return as_score(float(value))
    except ValueError:
        return None


# --- what the header says -------------------------------------------------------------------------


def task_of(header: Mapping[str, Any]) -> str:
    return str(header["eval"]["task"])


def epochs_of(header: Mapping[str, Any]) -> int:
    return int((header["eval"].get("config") or {}).get("epochs") or 1)


def unnamed(header: Mapping[str, Any], rows: Sequence[Any]) -> int:
    """How many samples are missing of a log that does not name those of its dataset."""
    dataset = header["eval"].get("dataset") or {}
    if dataset.get("sample_ids"):
        return 0
    results = header.get("results") or {}
    expected = results.get("total_samples") or int(dataset.get("samples") or 0) * epochs_of(header)
    return max(0, int(expected) - len(rows))


def scorers_of(header: Mapping[str, Any]) -> dict[str, str]:
    """By scorer: its options, among them the judge's model."""
    return {
        str(scorer["name"]): how(scorer, header) for scorer in header["eval"].get("scorers") or ()
    }


def how(scorer: Mapping[str, Any], header: Mapping[str, Any]) -> str:
    run = header["eval"]
    grader = (run.get("model_roles") or {}).get("grader")
    told: dict[str, Any] = {"options": scorer.get("options") or {}}
    if grader:
        told["grader"] = grader
    elif str(scorer["name"]).endswith(MODEL_GRADED) and not told["options"].get("model"):
        told["grader"] = f"the evaluated model itself, {run.get('model')}"
    return json.dumps(told, sort_keys=True)


def settings_of(header: Mapping[str, Any]) -> dict[str, str]:
    run = header["eval"]
    return {
        "version of the task": str(run.get("task_version", 0)),
        "arguments of the task": json.dumps(run.get("task_args") or {}, sort_keys=True),
    }


def system_of(header: Mapping[str, Any]) -> str:
    return str(header["eval"].get("model"))


def setup_of(header: Mapping[str, Any]) -> dict[str, str]:
    run = header["eval"]
    return {
        "model arguments": json.dumps(run.get("model_args") or {}, sort_keys=True),
        "generation settings": json.dumps(run.get("model_generate_config") or {}, sort_keys=True),
        "steps of the solver": json.dumps((header.get("plan") or {}).get("steps"), sort_keys=True),
    }


def remarks(header: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """What a reader of the verdict should know of the run."""
    if (status := header.get("status", "started")) != "success":
        yield f"the run ended as {status!r}, not as 'success'"
    cut = Counter(str(row["limit"].get("type")) for row in rows if row.get("limit"))
    for kind, count in sorted(cut.items()):
        yield f"{count} samples reached their {kind} limit and count as they were scored"
    if silent := sum(no_answers(row.get("scores") or {}) for row in rows):
        yield f"{silent} scores are N (no answer), which counts 0"


def no_answers(scores: Mapping[str, Any]) -> int:
    values: Iterable[Any] = (s.get("value") for s in scores.values() if isinstance(s, dict))
    return sum(value == "N" for value in values)


# --- inspect files --------------------------------------------------------------------------------

# Files of inspect_ai: .eval, a zip whose members may be compressed with zstd, and .json.

ZSTD = 93  # the zip format's number for it, which Python's zipfile knows from 3.14 on
ENCRYPTED = 1  # a bit of a member's flags
DAMAGE = (zipfile.BadZipFile, NotImplementedError, EOFError, OSError, ValueError, zlib.error)
LOCAL_HEADER = 30  # bytes, before a member's name and extra field
MIB = 1 << 20
LARGEST_INFLATED = 2048 * MIB  # of all members that are read: a small file can inflate without end
WRITTEN = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, ZSTD)  # how inspect compresses
HEADERS = ("header.json", "_journal/start.json")  # the second alone where a run was killed


def read_file(path: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The header and the samples of a log. Raises InputError."""
    if not zipfile.is_zipfile(path):
        log = read_json(path)
        if not is_log(log):
            raise InputError("is no log of inspect", file=path)
        return log, log.get("samples") or []
    entries = [(name, parsed(data, Path(f"{path}/{name}"))) for name, data in members(path)]
    header = header_among(entries)
    if header is None:
        raise InputError("is no log of inspect", file=path)
    return header, [value for name, value in entries if name not in HEADERS]


def read_header(path: Path) -> dict[str, Any] | None:
    """The header of a log; None for a file that is none."""
    try:
        if not zipfile.is_zipfile(path):
            log = read_json(path)
            return log if is_log(log) else None
        return header_among((name, parsed(data, path)) for name, data in members(path, HEADERS))
    except InputError:
        return None


def header_among(entries: Iterable[tuple[str, Any]]) -> dict[str, Any] | None:
    """What the run's end wrote, else what its start did."""
    headers = {name: value for name, value in entries if name in HEADERS and is_log(value)}
    return next((headers[name] for name in HEADERS if name in headers), None)


def is_log(value: Any) -> bool:
    """Whether it has what every log of inspect has: {"version", "eval": {"task", …}, …}."""
    run = value.get("eval") if isinstance(value, dict) else None
    return isinstance(run, dict) and "task" in run


def members(
    path: Path, wanted: Iterable[str] = (*HEADERS, "samples/")
) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of each member whose name starts so. Raises InputError."""
    starts = tuple(wanted)
    try:
        with zipfile.ZipFile(path) as archive:
            chosen = [info for info in archive.infolist() if info.filename.startswith(starts)]
            refuse_unreadable(chosen, path)
            for info in chosen:
                yield info.filename, content(archive, info, path)
    except DAMAGE as error:
        raise InputError(f"is damaged: {one_line(error)}", file=path) from None


def refuse_unreadable(chosen: Sequence[zipfile.ZipInfo], path: Path) -> None:
    """Raise InputError for what inspect does not write, and for more than can be read."""
    if any(info.flag_bits & ENCRYPTED for info in chosen):
        raise InputError("is encrypted: write it anew without a password", file=path)
    if any(info.compress_type not in WRITTEN for info in chosen):
        raise InputError("is compressed as inspect never does: write it anew", file=path)
    whole = sum(info.file_size for info in chosen)
    if whole > LARGEST_INFLATED:
        problem = f"inflates to {whole / MIB:,.0f} MiB, and at most {LARGEST_INFLATED // MIB:,}"
        raise InputError(f"{problem} MiB are read: give a log of fewer samples", file=path)


def content(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path) -> bytes:
    if info.compress_type != ZSTD or sys.version_info >= (3, 14):
        with archive.open(info) as stream:  # never more than the size that was added up
            return stream.read(info.file_size)
    data = decompressed(packed(path, info), info.file_size)
    if len(data) != info.file_size or zlib.crc32(data) != info.CRC:
        raise zipfile.BadZipFile(f"{info.filename} is not what was written")
    return data


def packed(path: Path, info: zipfile.ZipInfo) -> bytes:
    """A member's bytes as they lie in the archive, which zipfile does not hand out."""
    with path.open("rb") as stream:
        stream.seek(info.header_offset)
        header = stream.read(LOCAL_HEADER)
        name, extra = (int.from_bytes(header[at : at + 2], "little") for at in (26, 28))
        stream.seek(info.header_offset + LOCAL_HEADER + name + extra)
        return stream.read(info.compress_size)


def decompressed(data: bytes, size: int) -> bytes:
    """At most one byte more than `size`. Raises BadZipFile."""
    import zstandard  # Imported here because an extra brings it, and few need it.

    reader = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data), read_across_frames=True)
    try:
        return reader.read(size + 1)
    except zstandard.ZstdError as error:
        raise zipfile.BadZipFile(str(error)) from None
