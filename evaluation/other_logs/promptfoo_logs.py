"""Results of promptfoo, .json and .jsonl: an item for each test, a cluster for equal variables."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from evaluation.other_logs.system_log import (
    ERROR,
    NOT_SCORED,
    Sample,
    SystemLog,
    as_score,
    clustered,
    digest_of,
    numbered,
    only_file,
    read_rows,
    without_repeats,
)
from project.errors import InputError
from project.untrusted_input import one_line

TASK = "tests"
BY_ERROR = 2  # failureReason: 0 none, 1 an assertion, 2 an error
JUDGED_BY = ("provider", "rubricPrompt")  # options of a test by which its judge answers
Row = Mapping[str, Any]


def read_promptfoo(argument: Path, system: str | None = None) -> SystemLog:
    """Read one system out of what `promptfoo eval --output` wrote.

    `system` is its provider or the number of its column (promptIdx), where there are several.
    Raises InputError.
    """
    advice = "write them by `promptfoo eval --output results.json`"
    path = only_file(argument, is_promptfoo, "promptfoo", advice)
    rows = rows_of(path)
    if not rows:
        raise InputError("holds no results", file=path)
    refuse_odd_rows(rows, path)
    column = chosen_column(rows, system, path)
    kept = [row for row in rows if column_of(row) == column]
    return SystemLog(
        path=path,
        system=name_of(kept[0]) if len(kept) == len(rows) else f"{column[0]}: {name_of(kept[0])}",
        samples=clustered(without_repeats(samples_of(kept)), "variables"),
        setup={"prompt": label_of(kept[0])},
        notes={TASK: tuple(remarks(kept))},
    )


# --- the file -------------------------------------------------------------------------------------


def is_promptfoo(value: Any) -> bool:
    """Whether a file that begins so, or is this as a whole, looks like promptfoo's."""
    return isinstance(value, dict) and (is_row(value) or any(map(is_row, results_in(value))))


def is_row(value: Any) -> bool:
    """Whether it is a test's result; a whole file has `vars` too, a list of their names."""
    return isinstance(value, dict) and isinstance(value.get("vars"), dict)


def rows_of(path: Path) -> list[Row]:
    rows = [row for _, row in read_rows(path)]
    if len(rows) == 1 and not is_row(rows[0]):
        return results_in(rows[0])
    return list(rows)


def results_in(document: Row) -> list[Row]:
    """The rows of a whole file: {"results": {"results": [rows]}}, or its inner object alone."""
    inner = document.get("results")
    if isinstance(inner, dict):
        inner = inner.get("results")
    return inner if isinstance(inner, list) else []


def refuse_odd_rows(rows: Sequence[Row], path: Path) -> None:
    for number, row in enumerate(rows, start=1):
        if not is_row(row):
            raise InputError(f"result {number} is none of promptfoo: it has no vars", file=path)


# --- which system ---------------------------------------------------------------------------------


def column_of(row: Row) -> tuple[str, str]:
    """What one system's rows have in common. Early files do not number their columns."""
    if row.get("promptIdx") is not None:
        return str(row["promptIdx"]), ""
    return provider_of(row), label_of(row)


def provider_of(row: Row) -> str:
    provider = row.get("provider")
    if isinstance(provider, dict):
        provider = provider.get("label") or provider.get("id")
    return str(provider)


def label_of(row: Row) -> str:
    prompt = row.get("prompt")
    return str(prompt.get("label") or prompt.get("raw")) if isinstance(prompt, dict) else ""


def name_of(row: Row) -> str:
    return one_line(f"{provider_of(row)}, prompt {label_of(row)[:40]!r}")


def chosen_column(rows: Sequence[Row], system: str | None, path: Path) -> tuple[str, str]:
    """The column that the user named, else the only one. Raises InputError."""
    first = {column_of(row): row for row in reversed(rows)}
    if system is None:
        columns = list(first)
    else:
        columns = [c for c, row in first.items() if system in (c[0], provider_of(row))]
    if len(columns) == 1:
        return columns[0]
    there = "; ".join(f"{column[0]}: {name_of(row)}" for column, row in sorted(first.items()))
    problem = (
        f"holds {len(first)} systems"
        if system is None
        else (f"{system!r} names {len(columns)} of its {len(first)} systems")
    )
    raise InputError(f"{problem} ({there}): choose by --systems CHAMPION CHALLENGER", file=path)


# --- samples --------------------------------------------------------------------------------------


def samples_of(rows: Sequence[Row]) -> Iterator[Sample]:
    """A sample for each row. Early files do not number their tests: equal ones are counted."""
    asked = [asked_of(row) for row in rows]
    names = numbered(parts["variables"][:12] for parts in asked)
    for row, parts, name in zip(rows, asked, names, strict=True):
        number = row.get("testIdx")
        yield sample_of(row, f"test {name if number is None else number}", parts)


def sample_of(row: Row, item: str, asked: dict[str, str]) -> Sample:
    lost = loss_of(row)
    return Sample(
        item=item,
        task=TASK,
        asked=asked,
        metrics={} if lost else metrics_of(row),
        prompt=digest_of((row.get("prompt") or {}).get("raw")),
        lost=lost,
    )


def asked_of(row: Row) -> dict[str, str]:
    """Variables, and the assertions with the judge that they name. A variable whose name begins
    with _ is promptfoo's own: it holds the conversation so far.
    """
    test = row.get("testCase") or {}
    options = test.get("options") or {}
    judge = {name: options.get(name) for name in JUDGED_BY}
    return {
        "variables": digest_of({k: v for k, v in row["vars"].items() if not k.startswith("_")}),
        "assertions": digest_of([test.get("assert"), test.get("threshold")]),
        "judge": digest_of(judge),
    }


def loss_of(row: Row) -> str | None:
    """Why the row's score of 0 or 1 is none: an error, an error of its judge, no assertion.

    `error` is filled where an assertion failed, too.
    """
    grading = row.get("gradingResult") or {}
    if row.get("failureReason") == BY_ERROR:
        return ERROR
    if "failureReason" not in row and row.get("error") and not grading:
        return ERROR
    if any((part.get("metadata") or {}).get("graderError") for part in parts(grading)):
        return "not judged: its judge failed"
    if not grading or grading.get("reason") == "No assertions":
        return NOT_SCORED
    return None


def parts(grading: Row) -> list[Row]:
    return [part for part in [grading, *(grading.get("componentResults") or ())] if part]


def metrics_of(row: Row) -> dict[str, float | None]:
    named = row.get("namedScores") or {}
    return {
        "pass": as_score(row.get("success")),
        "score": as_score(row.get("score")),
        **{str(name): as_score(value) for name, value in named.items()},
    }


def remarks(rows: Sequence[Row]) -> Iterator[str]:
    cached = sum(bool((row.get("response") or {}).get("cached")) for row in rows)
    if cached:
        yield f"{cached} answers came out of promptfoo's cache: repeated ones may be one answer"
