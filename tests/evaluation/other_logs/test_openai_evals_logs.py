"""Logs of OpenAI evals: what its recorder wrote for 16 samples, and what can be wrong with it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evaluation.other_logs.system_log import read_rows
from tests.evaluation.other_logs.decide_from import (
    LOGS,
    decide,
    refusal,
    without_logs,
    write_lines,
)

OLD, NEW = (LOGS / "openai-evals" / f"{system}.jsonl" for system in ("bare", "tuned"))
Row = dict[str, Any]


@pytest.fixture
def changed(tmp_path: Path) -> Callable[..., Path]:
    """Writes the new system's log with each row as `change` gives it back, None left out."""

    def write(change: Callable[[Row], Row | None], of: Path = NEW) -> Path:
        rows = [change(row) for _, row in read_rows(of)]
        return write_lines(tmp_path / f"changed {of.name}", [row for row in rows if row])

    return write


def of_sample(row: Row, kind: str, name: str = "api-summaries.dev.3") -> bool:
    return (row.get("sample_id"), row.get("type")) == (name, kind)


def test_the_verdict_is_that_of_the_table_on_the_means_of_the_final_reports(tmp_path: Path) -> None:
    table = tmp_path / "table.jsonl"
    found = decide("--from", "openai-evals", OLD, NEW, "--write", table)
    assert without_logs(found) == decide("--scores", table)
    assert found["metrics"].keys() == {"accuracy", "f1_score"}
    reports = [
        row["final_report"]
        for log in (OLD, NEW)
        for _, row in read_rows(log)
        if "final_report" in row
    ]
    f1 = found["metrics"]["f1_score"]
    assert [f1["champion_mean"], f1["challenger_mean"]] == pytest.approx(
        [r["f1_score"] for r in reports]
    )
    assert (found["logs"]["champion"]["system"], f1["n"]) == ("bare", 16)


def test_a_match_is_accuracy_where_no_metric_says_it(changed: Callable[..., Path]) -> None:
    def only_matches(row: Row) -> Row | None:
        return None if row.get("type") == "metrics" else row

    logs = [changed(only_matches, log) for log in (OLD, NEW)]
    assert decide("--from", "openai-evals", *logs)["metrics"].keys() == {"accuracy"}


def fail(row: Row) -> Row | None:
    if of_sample(row, "metrics"):
        return row | {"type": "error", "data": {"type": "Timeout", "message": "late"}}
    return None if of_sample(row, "match") else row


def twice(row: Row) -> Row:
    if of_sample(row, "match", "api-summaries.dev.4"):
        return row | {
            "sample_id": "api-summaries.dev.3",
            "type": "metrics",
            "data": {"f1_score": 0.9},
        }
    return row


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (fail, "(challenger: 1 stopped by an error)"),
        (
            lambda row: None if of_sample(row, "match") or of_sample(row, "metrics") else row,
            "1 not scored",
        ),
        (twice, "(challenger: 1 there more than once"),
        (
            lambda row: None if row.get("sample_id") == "api-summaries.dev.3" else row,
            "1 not in its log",
        ),
        (
            lambda row: (
                row | {"data": row["data"] | {"expected": "x"}} if of_sample(row, "match") else row
            ),
            "asked differently: 1 another expected",
        ),
    ],
)
def test_a_sample_without_a_score_or_another_one_is_missing(
    changed: Callable[..., Path], change: Callable[[Row], Row | None], problem: str
) -> None:
    assert problem in refusal("--from", "openai-evals", OLD, changed(change))


def test_a_run_that_was_stopped_is_told_and_another_judge_is_refused(
    changed: Callable[..., Path],
) -> None:
    stopped = changed(lambda row: None if "final_report" in row else row)
    notes = decide("--from", "openai-evals", OLD, stopped)["logs"]["notes"]
    assert notes == [
        "challenger, api-summaries.dev.v0: the run has no final report: it was stopped"
    ]

    def judged_by(judge: str) -> Callable[[Row], Row]:
        def change(row: Row) -> Row:
            if "spec" in row:
                row["spec"]["completion_fns"].append(judge)
                row["spec"]["run_config"]["eval_spec"]["cls"] = (
                    "evals.elsuite.modelgraded.classify:X"
                )
            return row

        return change

    logs = changed(judged_by("gpt-a"), OLD), changed(judged_by("gpt-b"))
    assert "was scored in another way on either side" in refusal("--from", "openai-evals", *logs)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "has no line with the run's spec"),
        ('{"sample_id": "a", "type": "match", "data": {}}\n', "has no line with the run's spec"),
        (
            '{"spec": {"completion_fns": ["m"], "eval_name": "e"}}\n{"type": "match"}\n',
            ":2: sample_id, data: ",
        ),
        (
            '{"spec": {"completion_fns": ["m"], "eval_name": "e"}}\n' * 2,
            ":2: spec: a second run begins",
        ),
        (
            '{"spec": {"completion_fns": ["m"], "eval_name": "e"}}\n{"sample_id',
            ":2: the file ends inside",
        ),
        ('{"spec": {"completion_fns": []}}\n', "is not as openai-evals writes it"),
    ],
)
def test_a_bad_file_is_refused_with_its_line(tmp_path: Path, text: str, problem: str) -> None:
    bad = tmp_path / "bad.jsonl"
    bad.write_text(text)
    message = refusal("--from", "openai-evals", bad, NEW)
    assert message.startswith(str(bad))
    assert problem in message


@pytest.mark.parametrize(
    ("log", "tool"),
    [
        (NEW, "openai-evals"),
        (LOGS / "deepeval" / "tuned", "deepeval"),
        (LOGS / "deepeval" / "tuned-evaluate.json", "deepeval"),
        (LOGS / "langfuse" / "tuned", "langfuse"),
        (LOGS / "langfuse" / "tuned-api.json", "langfuse"),
        (LOGS / "promptfoo.jsonl", "promptfoo"),
        (LOGS / "champion.eval", "inspect"),
    ],
)
def test_a_wrong_guess_is_told_what_the_log_looks_like(log: Path, tool: str) -> None:
    for guess in {"lm-eval", "csv", "promptfoo", "inspect", "jsonl"} - {tool}:
        message = f"{log}: this is a log of {tool}, not of {guess}: --from {tool} reads it"
        assert refusal("--from", guess, log, log) == message
    assert refusal(log, log) == f"say which tool wrote {log}: --from {tool}"
