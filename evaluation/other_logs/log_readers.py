"""The tools whose logs can be read, and by which of them a file is."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from evaluation.other_logs.inspect_logs import read_header, read_inspect
from evaluation.other_logs.json_files import complete, first_line, read_rows
from evaluation.other_logs.lm_eval_logs import RESULTS, SAMPLES, read_lm_eval
from evaluation.other_logs.promptfoo_logs import is_promptfoo, read_promptfoo
from evaluation.other_logs.system_log import (
    ERROR,
    Sample,
    SystemLog,
    as_score,
    clustered,
    digest_of,
    without_repeats,
)
from project.errors import InputError
from project.untrusted_input import one_line, quoted

# --- scores jsonl ---------------------------------------------------------------------------------

# One system's scores as JSON Lines that any program can write: an item a line.

TASK = "items"
ASKED = ("prompt", "input", "question", "target", "reference", "expected", "choices")
KNOWN = {"item", "cluster", "slices", "scores", "error", *ASKED}
BOTH = "has scores of both sides: give it alone, by --scores"
LACKS = 'lacks "item", the name by which both files know it'


def read_scores_jsonl(path: Path) -> SystemLog:
    """Read {"item", "cluster"?, "slices"?, "error"?, scores} a line, its scores flat or under
    "scores". A score that is null or NaN is missing. Raises InputError naming file, line, field.
    """
    if path.is_dir():
        raise InputError("is a folder: name the file with the system's scores", file=path)
    left_out: set[str] = set()
    samples = without_repeats(
        sample_of(row, path, number, left_out) for number, row in read_rows(path)
    )
    notes = [f"fields that are no numbers: {', '.join(sorted(left_out))}"] if left_out else []
    found = clustered(samples, *ASKED)
    return SystemLog(path=path, system=path.stem, samples=found, notes={TASK: notes})


def sample_of(row: dict[str, Any], path: Path, number: int, left_out: set[str]) -> Sample:
    name, cluster = row.get("item"), row.get("cluster")
    if name is None or isinstance(name, (dict, list)) or not str(name):
        raise InputError(LACKS, file=path, line=number, field="item")
    if {"champion", "challenger"} <= row.keys():
        raise InputError(BOTH, file=path, line=number)
    slices = slices_of(row.get("slices") or (), path, number)
    lost = ERROR if row.get("error") else None
    return Sample(
        item=str(name),
        task=TASK,
        asked=asked_of(row, cluster, slices),
        metrics={} if lost else dict(metrics_of(row, path, number, left_out)),
        cluster=None if cluster is None else str(cluster),
        slices=slices,
        lost=lost,
    )


def asked_of(row: Mapping[str, Any], cluster: object, slices: tuple[str, ...]) -> dict[str, str]:
    """What must be equal on both sides: also where the item belongs."""
    said = {name: digest_of(row[name]) for name in ASKED if name in row}
    return {**said, "cluster": str(cluster), "slices": digest_of(slices)}


def slices_of(value: object, path: Path, number: int) -> tuple[str, ...]:
    if isinstance(value, dict):
        return tuple(f"{key}={part}" for key, part in value.items())
    if isinstance(value, (list, tuple)) and all(isinstance(part, str) for part in value):
        return tuple(value)
    problem = f'{quoted(value)} is neither ["key=value"] nor {{"key": value}}'
    raise InputError(problem, file=path, line=number, field="slices")


def metrics_of(
    row: Mapping[str, Any], path: Path, number: int, left_out: set[str]
) -> Iterator[tuple[str, float | None]]:
    """Scores under "scores" must be numbers or null; of flat fields the others are left out."""
    inside = row.get("scores")
    for name, value in (inside or {}).items():
        if value is not None and not isinstance(value, (int, float)):
            problem = f"{quoted(value)} is no number"
            raise InputError(problem, file=path, line=number, field=f"scores.{name}")
        yield name, as_score(value)
    if inside is None:
        for name, value in ((name, row[name]) for name in row if name not in KNOWN):
            if value is None or isinstance(value, (int, float)):
                yield name, as_score(value)
            else:
                left_out.add(name)


# --- log readers ----------------------------------------------------------------------------------

Tool = Literal["lm-eval", "inspect", "promptfoo", "jsonl"]
READERS: dict[Tool, Callable[[Path], SystemLog]] = {
    "lm-eval": read_lm_eval,
    "inspect": read_inspect,
    "promptfoo": read_promptfoo,
    "jsonl": read_scores_jsonl,
}


def read_log(tool: Tool, path: Path, system: str | None = None) -> SystemLog:
    """Read one system's log. Raises InputError; for another tool's log it names that tool."""
    try:
        log = read_as(tool, path, system)
        if not log.samples:
            raise InputError("holds no sample", file=path)
    except InputError as error:
        if (other := tool_of(path)) and other != tool:
            problem = f"this is a log of {other}, not of {tool}: --from {other} reads it"
            raise InputError(problem, file=path) from error
        raise
    return log


def read_as(tool: Tool, path: Path, system: str | None) -> SystemLog:
    """Read a log that may hold anything: what has another shape than the tool's is refused."""
    try:
        return read_promptfoo(path, system) if tool == "promptfoo" else READERS[tool](path)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        told = one_line(f"{type(error).__name__}: {error}")
        raise InputError(f"is not as {tool} writes it ({told})", file=path) from error


def tool_of(path: Path) -> Tool | None:
    """The tool that wrote a file, or the first file of a folder that any of them did."""
    if path.is_dir():
        files = (file for file in sorted(path.rglob("*")) if file.is_file())
        return next((tool for file in files if (tool := tool_of_file(file))), None)
    return tool_of_file(path) if path.is_file() else None


def tool_of_file(path: Path) -> Tool | None:
    if path.suffix == ".eval":
        return "inspect"
    if path.suffix not in (".json", ".jsonl"):
        return None
    if SAMPLES.fullmatch(path.name):
        return "lm-eval"
    row = complete(first_line(path))
    if isinstance(row, dict) and "doc_id" in row:
        return "lm-eval"
    if is_promptfoo(path):
        return "promptfoo"
    if isinstance(row, dict) and "item" in row:
        return "jsonl"
    if read_header(path):
        return "inspect"
    return "lm-eval" if RESULTS.fullmatch(path.name) else None
