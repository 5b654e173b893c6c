"""Results of DeepEval: real test runs of 16 cases; of one of three metrics less is better."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.evaluation.other_logs.decide_from import LOGS, decide, refusal, without_logs

OLD, NEW = LOGS / "deepeval" / "bare", LOGS / "deepeval" / "tuned"
SHARED = ("--metric", "Shared Words")
Run = dict[str, Any]


@pytest.fixture
def changed(tmp_path: Path) -> Callable[..., Path]:
    def write(change: Callable[[Run], object]) -> Path:
        (file,) = NEW.glob("*.json")
        run = json.loads(file.read_text())
        change(run)
        path = tmp_path / "changed.json"
        path.write_text(json.dumps(run))
        return path

    return write


def compare(challenger: Path, *options: str | Path) -> Run:
    return decide("--from", "deepeval", OLD, challenger, *options)


def refused(challenger: Path, *options: str) -> str:
    return refusal("--from", "deepeval", OLD, challenger, *options)


def test_a_test_run_and_what_evaluate_returned_give_the_verdict_of_their_table(
    tmp_path: Path,
) -> None:
    table = tmp_path / "table.jsonl"
    found = compare(NEW, "--write", table, *SHARED)
    assert without_logs(found) == decide("--scores", table)
    (file,) = NEW.glob("*.json")
    reported = {m["metric"]: m["scores"] for m in json.loads(file.read_text())["metricsScores"]}
    mean = sum(reported["Shared Words"]) / 16
    assert found["metrics"]["Shared Words"]["challenger_mean"] == pytest.approx(mean)
    assert (
        compare(LOGS / "deepeval" / "tuned-evaluate.json", *SHARED)["metrics"] == found["metrics"]
    )


def test_which_way_a_metric_is_better_is_told_by_what_passed() -> None:
    found = compare(NEW)
    assert found["metrics"].keys() == {"Exact Match", "Shared Words"}
    assert found["logs"]["notes"] == ["not compared: Wordiness; choose by --metric"]
    fewer = compare(NEW, "--metric", "Wordiness")
    assert (fewer["verdict"], fewer["metrics"]["Wordiness"]["better"]) == ("PROMOTE", "less")


def test_cases_are_matched_by_what_they_were_asked_and_not_by_their_numbers(
    changed: Callable[..., Path],
) -> None:
    def turn(run: Run) -> None:
        run["testCases"].reverse()
        for number, case in enumerate(run["testCases"]):
            case["name"] = f"test_case_{number}"

    assert compare(changed(turn))["metrics"] == compare(NEW)["metrics"]
    twice = changed(lambda run: run["testCases"].append(run["testCases"][0]))
    assert "(champion: 1 not in its log)" in refused(twice)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (
            lambda case: case["metricsData"][1].update(error="the judge timed out"),
            "1 not scored (Shared Words)",
        ),
        (lambda case: case["metricsData"][1].pop("score"), "1 not scored (Shared Words)"),
        (lambda case: case.pop("metricsData"), "1 not scored"),
        (lambda case: case.update(input="Another question?"), "1 not in its log"),
    ],
)
def test_a_case_without_a_score_is_missing(
    changed: Callable[..., Path], change: Callable[[Run], object], problem: str
) -> None:
    path = changed(lambda run: change(run["testCases"][3]))
    assert problem in refused(path, *SHARED)
    if "timed out" in path.read_text():
        notes = compare(path, *SHARED, "--allow-missing", "0.07")["logs"]["notes"]
        assert "Shared Words failed, first with: the judge timed out" in " ".join(notes)


def test_another_judge_and_odd_files_are_refused(
    changed: Callable[..., Path], tmp_path: Path
) -> None:
    def judged(run: Run) -> None:
        for case in run["testCases"]:
            case["metricsData"][1]["evaluationModel"] = "gpt-x"

    assert "Shared Words was scored in another way" in refused(changed(judged), *SHARED)
    odd = tmp_path / "odd.json"
    for text, problem in (
        ('{"testCases": 5}', "is no result of DeepEval"),
        ('{"testCases": [5]}', "testCases, 1: is no test case"),
        ('{"testCases": []}', "holds no sample"),
        ("{", ":1: is not JSON"),
    ):
        odd.write_text(text)
        assert problem in refused(odd)
    (tmp_path / "folder").mkdir()
    assert "holds no results of DeepEval: write them by" in refused(tmp_path / "folder")
