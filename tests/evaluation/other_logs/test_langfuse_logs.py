"""Scores of Langfuse: exports of its page, and answers of its API, of two runs of one dataset."""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.evaluation.other_logs.decide_from import (
    LOGS,
    decide,
    refusal,
    without_logs,
    write_lines,
)

OLD, NEW = LOGS / "langfuse" / "bare", LOGS / "langfuse" / "tuned"
SHARED = ("--metric", "Shared Words")
Row = dict[str, str]


@pytest.fixture
def changed(tmp_path: Path) -> Callable[..., Path]:
    """Writes the new run's folder with its rows of scores as `change` leaves them."""

    def write(change: Callable[[list[Row]], object]) -> Path:
        folder = tmp_path / "changed"
        shutil.copytree(NEW, folder)
        with (NEW / "scores.csv").open(newline="") as stream:
            rows = list(csv.DictReader(stream))
        change(rows)
        with (folder / "scores.csv").open("w", newline="") as stream:
            writer = csv.DictWriter(stream, rows[0].keys(), quoting=csv.QUOTE_ALL)
            writer.writeheader()
            writer.writerows(rows)
        return folder

    return write


def compare(*arguments: str | Path) -> dict[str, Any]:
    return decide("--from", "langfuse", *arguments, *SHARED)


def refused(*arguments: str | Path) -> str:
    return refusal("--from", "langfuse", *arguments, *SHARED)


def test_items_of_a_dataset_are_matched_by_the_export_of_its_run_items(tmp_path: Path) -> None:
    table = tmp_path / "table.jsonl"
    found = compare(OLD, NEW, "--write", table)
    assert without_logs(found) == decide("--scores", table)
    assert found["metrics"]["Shared Words"]["n"] == 16
    # The scores are those that DeepEval gave.
    theirs = decide("--from", "deepeval", LOGS / "deepeval/bare", LOGS / "deepeval/tuned", *SHARED)
    mean = theirs["metrics"]["Shared Words"]["challenger_mean"]
    assert found["metrics"]["Shared Words"]["challenger_mean"] == pytest.approx(mean)
    note = "traces: scores that are texts are left out: 2, on both sides"
    assert found["logs"]["notes"] == [note]


def test_a_field_may_tell_the_item_and_without_either_the_error_says_how(tmp_path: Path) -> None:
    answers = [LOGS / "langfuse" / f"{system}-api.json" for system in ("bare", "tuned")]
    by_field = ("--column", "item=metadata.item")
    found = compare(*answers, *by_field)["metrics"]
    lines = [
        write_lines(tmp_path / f"{i}.jsonl", json.loads(file.read_text())["data"])
        for i, file in enumerate(answers)
    ]
    exports = [folder / "scores.csv" for folder in (OLD, NEW)]
    assert found == compare(*lines, *by_field)["metrics"] == compare(*exports, *by_field)["metrics"]
    message = refused(*answers)
    assert "each run has traces of its own: put the export of dataset run items" in message
    assert "--column item=metadata.NAME" in message
    assert ": metadata.nr: is empty or not there" in refused(
        *answers, "--column", "item=metadata.nr"
    )
    assert "it names item=NAME" in refused(*answers, "--column", "answer=x")


def again(rows: list[Row]) -> None:
    rows.append(rows[0] | {"id": "another", "value": "0.9"})


def by_people(rows: list[Row]) -> None:
    for row in rows:
        row["source"] = "ANNOTATION"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (again, "(challenger: 1 there more than once)"),
        (lambda rows: rows.pop(0), "1 not scored (Shared Words)"),
        (lambda rows: rows[0].update(value=""), "1 not scored (Shared Words)"),
        (lambda rows: rows[0].update(value="good"), "scores.csv:2: value: 'good' is no number"),
        (by_people, "was scored in another way on either side, API and ANNOTATION"),
        (lambda rows: rows[0].update(traceId="elsewhere"), "1 not in its log"),
    ],
)
def test_what_has_no_score_or_another_one_is_missing_or_refused(
    changed: Callable[..., Path], change: Callable[[list[Row]], object], problem: str
) -> None:
    assert problem in refused(OLD, changed(change))


def test_several_traces_of_one_item_are_a_cluster(tmp_path: Path) -> None:
    folders = []
    for folder in (OLD, NEW):
        both = shutil.copytree(folder, tmp_path / folder.name)
        for file in both.iterdir():  # a second run of the same items: other traces, same scores
            first, *rows = file.read_text().splitlines()
            index = first.split(",").index('"traceId"')
            cells = [row.split('","') for row in rows]
            for row in cells:
                row[index] = "second-" + row[index]
            file.write_text("\n".join([first, *rows, *('","'.join(row) for row in cells)]) + "\n")
        folders.append(both)
    found = compare(*folders)["metrics"]["Shared Words"]
    assert (found["n"], found["clusters"]) == (32, 16)


def test_scores_of_whole_runs_are_left_out_and_other_files_are_refused(
    changed: Callable[..., Path], tmp_path: Path
) -> None:
    whole = changed(lambda rows: rows.append(rows[0] | {"traceId": "", "datasetRunId": "run"}))
    notes = " ".join(compare(OLD, whole)["logs"]["notes"])
    assert "scores of whole sessions or runs are left out: 1" in notes
    odd = tmp_path / "odd.csv"
    odd.write_text("a,b\n1,2\n")
    assert "this is a log of csv, not of langfuse" in refused(OLD, odd)
    assert "holds no scores of Langfuse" in refused(OLD, OLD / "dataset-run-items.csv")
