"""Results of DeepEval, test runs and dumps of `evaluate()`: an item for each test case."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from evaluation.other_logs.system_log import (
    NOT_SCORED,
    Sample,
    SystemLog,
    as_score,
    clustered,
    digest_of,
    numbered,
    only_file,
    read_json,
)
from project.errors import InputError
from project.records.scores import Better

ADVICE = "write them by `evaluate(…, display_config=DisplayConfig(results_folder=…))`"
# Where the cases stand: of a test run, of one's conversations, and of what evaluate() returned.
LISTS = ("testCases", "conversationalTestCases", "test_results")
# What a case was asked, under the names of both kinds of file.
ASKED = {
    "input": ("input", "scenario"),
    "expected": ("expectedOutput", "expected_output", "expectedOutcome"),
    "context": ("context",),
}
TASK = "test cases"
Case = Mapping[str, Any]


def read_deepeval(argument: Path) -> SystemLog:
    """Read a test_run_TIME.json, `.deepeval/.latest_run_full.json`, or what
    `evaluate().model_dump_json()` gives. Cases are told by what they were asked, for DeepEval
    numbers them by their order. Raises InputError naming file and field.
    """
    path = only_file(argument, is_deepeval, "DeepEval", ADVICE)
    cases = list(cases_of(read_json(path), path))
    asked = [asked_of(case) for case in cases]
    names = numbered(
        f"{label(case)} ({digest_of(parts)[:8]})" for case, parts in zip(cases, asked, strict=True)
    )
    metrics = [metric for case in cases for metric in metrics_in(case)]
    samples = [
        Sample(
            item=name,
            task=TASK,
            asked=parts,
            metrics={str(row["name"]): score_of(row) for row in metrics_in(case)},
            lost=None if metrics_in(case) else NOT_SCORED,
        )
        for case, parts, name in zip(cases, asked, names, strict=True)
    ]
    return SystemLog(
        path=path,
        system=path.parent.name if path.name.startswith("test_run_") else path.stem,
        samples=clustered(samples, "input", "expected", "context"),
        scorers={TASK: judges_of(metrics)},
        better={TASK: directions(metrics)},
        notes={TASK: list(failures(metrics))},
    )


def is_deepeval(value: Any) -> bool:
    """Whether a whole file looks like DeepEval's."""
    return isinstance(value, dict) and any(isinstance(value.get(name), list) for name in LISTS)


def cases_of(document: Any, path: Path) -> Iterator[Case]:
    if not is_deepeval(document):
        problem = f"is no result of DeepEval, which has one of {', '.join(LISTS)}"
        raise InputError(problem, file=path)
    for name in LISTS:
        for number, case in enumerate(document.get(name) or (), start=1):
            if not isinstance(case, dict):
                raise InputError("is no test case", file=path, field=f"{name}, {number}")
            yield case


def asked_of(case: Case) -> dict[str, str]:
    values = {
        part: next((case[name] for name in names if case.get(name) is not None), None)
        for part, names in ASKED.items()
    }
    return {part: digest_of(value) for part, value in values.items()}


def label(case: Case) -> str:
    """The beginning of what was asked: a name for people."""
    return " ".join(str(case.get("input") or case.get("scenario") or case.get("name")).split())[:40]


def metrics_in(case: Case) -> list[Mapping[str, Any]]:
    rows = case.get("metricsData") or case.get("metrics_data") or ()
    return [row for row in rows if isinstance(row, dict) and "name" in row]


def score_of(metric: Mapping[str, Any]) -> float | None:
    """A metric that failed has no score, or one that is left of an earlier case."""
    return None if metric.get("error") else as_score(metric.get("score"))


def judges_of(metrics: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """By metric: the model that judged, and whether strictly; by both, scores differ."""
    return {
        str(row["name"]): f"judge {row.get('evaluationModel') or row.get('evaluation_model')}, "
        f"strict mode {bool(row.get('strictMode') or row.get('strict_mode'))}"
        for row in metrics
    }


def directions(metrics: Iterable[Mapping[str, Any]]) -> dict[str, Better]:
    """Which way a metric is better, told by what passed: DeepEval writes score, threshold and
    success. One that never lay apart from its threshold says nothing.
    """
    ways: dict[str, set[Better]] = {}
    for row in metrics:
        score, threshold, passed = score_of(row), as_score(row.get("threshold")), row.get("success")
        if score is None or threshold is None or score == threshold or not isinstance(passed, bool):
            continue
        ways.setdefault(str(row["name"]), set()).add(
            "more" if passed == (score > threshold) else "less"
        )
    return {name: way for name, (way, *others) in ways.items() if not others}


def failures(metrics: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """The first error of each metric that had one."""
    first: dict[str, str] = {}
    for row in metrics:
        if row.get("error"):
            first.setdefault(str(row["name"]), str(row["error"]))
    yield from (f"{name} failed, first with: {error}" for name, error in first.items())
