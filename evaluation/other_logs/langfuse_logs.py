"""Scores of Langfuse, exported from its page or asked of its API: an item for each trace, or for
each item of a dataset where a file says which trace answered which.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from evaluation.other_logs.system_log import (
    CSV,
    NOT_SCORED,
    REPEATED,
    ReadingOptions,
    Sample,
    SystemLog,
    as_score,
    numbered,
    read_table,
    scores_once,
)
from project.errors import InputError

TASK = "traces"
NUMBERS = ("NUMERIC", "BOOLEAN")  # types of scores; the others are texts
DATASET_ITEM = "datasetItemId"
READ = (*CSV, ".json", ".jsonl")
OWN_TRACES = (
    "each run has traces of its own: put the export of dataset run items beside the scores, into a "
    "folder for each side, or name the field that tells an item by --column item=metadata.NAME"
)
Row = Mapping[str, Any]
Scored = tuple[str, list[tuple[str, float | None]]]  # an item, and its scores by metric


def read_langfuse(argument: Path, options: ReadingOptions) -> SystemLog:
    """Read one run's scores: a CSV, JSON or JSON Lines export, or an answer of /api/public/scores.

    Of a folder all such files are read, and the export of dataset run items says beside the scores
    which trace answered which item. `options.columns` may name the field that tells an item, such
    as {"item": "metadata.question"}. Raises InputError naming file, line and field.
    """
    rows = list(rows_of(argument))
    items = {str(row["traceId"]): str(row[DATASET_ITEM]) for _, _, row in rows if is_run_item(row)}
    scores = [(path, number, row) for path, number, row in rows if is_score(row)]
    if not scores:
        raise InputError("holds no scores of Langfuse, which have name and value", file=argument)
    key = options.columns.get("item")
    traces: dict[str, Scored] = {}
    left_out: Counter[str] = Counter()
    for path, number, row in scores:
        trace = trace_of(row)
        if trace is None:
            left_out["of whole sessions or runs"] += 1
        elif row.get("dataType", NUMBERS[0]) not in NUMBERS:
            left_out["that are texts"] += 1
        else:
            name = items.get(trace, trace) if key is None else field_of(row, key, path, number)
            scored = traces.setdefault(trace, (name, []))
            scored[1].append((str(row["name"]), value_of(row, path, number)))
    return SystemLog(
        path=argument,
        system=argument.stem,
        samples=tuple(samples_of(list(traces.values()))),
        scorers={TASK: sources_of([row for _, _, row in scores])},
        advice="" if items or key else OWN_TRACES,
        notes={TASK: [f"scores {what} are left out: {n}" for what, n in left_out.items()]},
    )


def rows_of(argument: Path) -> Iterator[tuple[Path, int, Row]]:
    files = [argument]
    if argument.is_dir():
        files = sorted(path for path in argument.iterdir() if path.suffix in READ)
    for path in files:
        for number, row in read_table(path):
            if not is_score(row) and not is_run_item(row):
                problem = "is neither a score nor a dataset run item of Langfuse"
                raise InputError(problem, file=path, line=number)
            yield path, number, row


def is_langfuse(value: Any) -> bool:
    """Whether a file that begins so, or is this as a whole, looks like an export or an answer."""
    if isinstance(value, dict) and isinstance(value.get("data"), list):
        value = next(iter(value["data"]), None)
    if isinstance(value, list):
        value = next(iter(value), None)
    return isinstance(value, dict) and (is_score(value) or is_run_item(value))


def is_score(row: Row) -> bool:
    return {"name", "value", "source"} <= row.keys() and bool({"traceId", "subject"} & row.keys())


def is_run_item(row: Row) -> bool:
    return {DATASET_ITEM, "traceId"} <= row.keys()


def trace_of(row: Row) -> str | None:
    """The trace that a score is about, be it about an observation in it."""
    subject = row.get("subject")  # of version 3 of the API
    if isinstance(subject, dict):
        trace = subject.get("id") if subject.get("kind") == "trace" else subject.get("traceId")
    else:
        trace = row.get("traceId")
    return str(trace) if trace else None


def field_of(row: Row, name: str, path: Path, number: int) -> str:
    """A field by its name; a dot goes into an object, which a CSV holds as text."""
    value: Any = row
    for step in name.split("."):
        if isinstance(value, str):
            value = json.loads(value) if value.startswith("{") else None
        value = value.get(step) if isinstance(value, dict) else None
    if value in (None, ""):
        problem = f"is empty or not there; the score has {', '.join(row)}"
        raise InputError(problem, file=path, line=number, field=name)
    return str(value)


def value_of(row: Row, path: Path, number: int) -> float | None:
    value = row["value"]
    if isinstance(value, str) and value.strip():
        try:
            return as_score(float(value))
        except ValueError:
            problem = f"{value!r} is no number"
            raise InputError(problem, file=path, line=number, field="value") from None
    return as_score(value)


def samples_of(traces: Sequence[Scored]) -> Iterator[Sample]:
    """A sample for each trace; several traces of one dataset item are a cluster."""
    names = numbered(item for item, _ in traces)
    for name, (item, scores) in zip(names, traces, strict=True):
        metrics, repeated = scores_once(scores)
        lost = REPEATED if repeated else None if metrics else NOT_SCORED
        yield Sample(name, TASK, asked={}, metrics=metrics, cluster=item, lost=lost)


def sources_of(scores: Sequence[Row]) -> dict[str, str]:
    """By metric, where its scores came from: a judge and people are two ways to score."""
    sources: dict[str, set[str]] = {}
    for row in scores:
        sources.setdefault(str(row["name"]), set()).add(str(row["source"]))
    return {name: ", ".join(sorted(origins)) for name, origins in sources.items()}
