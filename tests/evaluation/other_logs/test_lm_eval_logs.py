"""Logs of lm-evaluation-harness: what it writes today, and what it wrote before."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml

from evaluation.other_logs.system_log import read_rows
from tests.evaluation.other_logs.decide_from import (
    LOGS,
    decide,
    refusal,
    without_logs,
    write_lines,
)
from tests.evaluation.test_public_suites import TASK as CAPITALS

Row = dict[str, Any]
AT = "2026-01-31T10-00-00.123456"
LATER = "2026-02-01T10-00-00.123456"


def row(document: int, filter_name: str = "none", **metrics: Any) -> Row:
    about = {"doc_id": document, "doc": {"q": f"{document}\u2028"}, "target": "x"}
    hashes = {f"{name}_hash": f"{name} {document}" for name in ("doc", "prompt", "target")}
    return about | hashes | {"filter": filter_name, "metrics": list(metrics)} | metrics


def arc(shift: int = 0, n: int = 30) -> list[Row]:
    """A task whose metrics lie apart by `shift`, with a list and one of which less is better."""
    return [
        row(i, acc=float((i + shift) % 3 > 0), acc_norm=i % 2 == 0, f1=[0, 1], ppl=float(i))
        for i in range(n)
    ]


def gsm(shift: int = 0) -> list[Row]:
    strict = [row(i, "strict-match", exact_match=0.0) for i in range(20)]
    return strict + [row(i, "flexible", exact_match=float(i % 3 > shift)) for i in range(20)]


def results(model: str, **tasks: int) -> Row:
    better = {"acc": True, "acc_norm": True, "ppl": False, "exact_match": True}
    return {
        "results": {task: {} for task in tasks},
        "higher_is_better": dict.fromkeys(tasks, better),
        "n-samples": {task: {"original": n, "effective": n} for task, n in tasks.items()},
        "versions": dict.fromkeys(tasks, 1.0),
        "n-shot": dict.fromkeys(tasks, 0),
        "configs": {task: {"metric_list": [{"metric": "acc"}]} for task in tasks},
        "config": {"model_args": f"pretrained={model}"},
        "model_name": model,
    }


Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a run of a system into its folder, as lm-eval does; returns the folder."""

    def run(system: str, at: str = AT, change: Row | None = None, **tasks: list[Row]) -> Path:
        folder = tmp_path / system / f"org__{system}"
        for task, rows in tasks.items():
            write_lines(folder / f"samples_{task}_{at}.jsonl", rows)
        counts = {task: len({row["doc_id"] for row in rows}) for task, rows in tasks.items()}
        told = results(system, **counts) | (change or {})
        (folder / f"results_{at}.json").write_text(json.dumps(told))
        return tmp_path / system

    return run


def compare(*arguments: str | Path) -> Row:
    return decide("--from", "lm-eval", *arguments)


def refused(*arguments: str | Path) -> str:
    return refusal("--from", "lm-eval", *arguments)


# --- the verdict ----------------------------------------------------------------------------------


def test_all_metrics_of_which_more_is_better_are_compared(write: Write, tmp_path: Path) -> None:
    sides = write("a", arc=arc()), write("b", arc=arc(1))
    found = compare(*sides, "--write", tmp_path / "table.jsonl")
    assert without_logs(found) == decide("--scores", tmp_path / "table.jsonl")
    assert found["metrics"].keys() == {"acc", "acc_norm"}
    assert found["logs"]["notes"] == [
        "arc: no number for each item: f1, on both sides",
        "not compared: ppl; choose by --metric",
    ]


def test_a_metric_of_which_less_is_better_can_be_chosen(write: Write) -> None:
    worse = [row | {"ppl": row["ppl"] + 1 + row["doc_id"] % 2} for row in arc()]
    found = compare(write("a", arc=arc()), write("b", arc=worse), "--metric", "ppl")
    assert (found["verdict"], found["metrics"]["ppl"]["diff"]) == ("REJECT", -1.5)


def test_each_filter_has_a_metric_of_its_own(write: Write) -> None:
    found = compare(write("a", gsm=gsm()), write("b", gsm=gsm(1)))
    assert found["metrics"].keys() == {"exact_match,strict-match", "exact_match,flexible"}
    assert found["metrics"]["exact_match,flexible"]["n"] == 20


def test_several_tasks_are_slices_by_a_metric_each(write: Write) -> None:
    sides = write("a", arc=arc(), gsm=gsm()), write("b", arc=arc(1), gsm=gsm(1))
    assert "choose one for each by --metric TASK=METRIC" in refused(*sides)
    found = compare(*sides, "--metric", "arc=acc", "--metric", "gsm=exact_match,flexible")
    assert {name: s["score"]["n"] for name, s in found["slices"].items()} == {
        "task=arc": 30,
        "task=gsm": 20,
    }
    assert compare(*sides, "--task", "arc")["metrics"].keys() == {"acc", "acc_norm"}
    assert "holds no task 'mmlu', but arc, gsm" in refused(*sides, "--task", "mmlu")
    assert "gsm has no metric 'acc'" in refused(*sides, "--metric", "acc")


def test_one_document_in_two_tasks_is_a_cluster(write: Write) -> None:
    sides = [write(s, arc=arc(i), arc_copy=arc(i)) for i, s in enumerate("ab")]
    found = compare(*sides)["metrics"]["acc"]
    assert (found["n"], found["clusters"]) == (60, 30)


# --- early logs, and runs without a results file --------------------------------------------------


def early(rows: Iterable[Row]) -> list[Row]:
    left_out = {"filter", "metrics", "doc_hash", "prompt_hash", "target_hash"}
    return [{k: v for k, v in row.items() if k not in left_out} for row in rows]


def test_early_rows_have_their_filters_by_their_order(write: Write) -> None:
    names = [{"name": "strict", "filter": []}, {"name": "loose", "filter": []}]
    told = {"configs": {"gsm": {"filter_list": names}}}
    sides = [write(s, change=told, gsm=early(gsm(i))) for i, s in enumerate("ab")]
    found = compare(*sides)
    assert found["metrics"].keys() == {"exact_match,strict", "exact_match,loose"}
    once_more = write("b", change=told, gsm=early([*gsm(1), row(0, exact_match=1.0)]))
    assert "(challenger: 1 there more than once)" in refused(sides[0], once_more)


def test_an_early_log_and_one_of_today_know_each_others_documents(tmp_path: Path) -> None:
    (today,) = (LOGS / "lm-eval" / "champion").glob("samples_*")
    rows = early(row for _, row in read_rows(today))
    old = write_lines(tmp_path / "samples_capitals_2024-01-31T10-00-00.0.jsonl", rows)
    assert compare(today, old)["logs"]["items"] == 20


def test_samples_alone_can_be_compared(tmp_path: Path) -> None:
    files = [write_lines(tmp_path / f"{s}.jsonl", early(arc(i))) for i, s in enumerate("ab")]
    found = compare(*files, "--metric", "acc")
    assert found["metrics"]["acc"]["n"] == 30
    assert "no results file is there" in found["logs"]["notes"][0]


# --- what has no score or does not match ----------------------------------------------------------


def test_a_cut_file_is_seen_by_the_count_of_its_results(write: Write) -> None:
    sides = write("a", arc=arc()), write("b", arc=arc(1))
    (samples,) = sides[1].rglob("samples_*")
    lines = samples.read_text().split("\n")
    samples.write_text("\n".join(lines[:28]) + "\n")
    assert "2 of 30 items cannot be compared, such as arc/28 (challenger: 2 not in its log)" in (
        refused(*sides)
    )
    (other,) = sides[0].rglob("samples_*")
    other.write_text("\n".join(other.read_text().split("\n")[:28]) + "\n")
    assert "2 of 30 items cannot be compared (champion: 2 run, and in neither log; " in (
        refused(*sides)
    )
    samples.write_text("\n".join(lines[:28]) + "\n" + lines[28][:40])
    assert f"{samples}:29: the file ends inside of a line" in refused(*sides)


def test_a_limit_is_told(write: Write) -> None:
    told = {"n-samples": {"arc": {"original": 500, "effective": 30}}}
    sides = [write(s, change=told, arc=arc(i)) for i, s in enumerate("ab")]
    assert (
        "arc: 30 of its 500 documents were run, on both sides" in compare(*sides)["logs"]["notes"]
    )


def test_a_score_that_is_no_number_is_no_zero(write: Write) -> None:
    spoilt = arc(1)
    spoilt[4]["acc"] = float("nan")
    assert "1 not scored (acc)" in refused(write("a", arc=arc()), write("b", arc=spoilt))


@pytest.mark.parametrize("part", ["doc", "target"])
def test_another_document_or_target_is_refused_and_another_prompt_told(
    write: Write, part: str
) -> None:
    other = [row | {f"{part}_hash": "else"} if i == 3 else row for i, row in enumerate(arc(1))]
    message = refused(write("a", arc=arc()), write("b", arc=other))
    assert "such as arc/3 (asked differently: 1 another" in message
    templated = [row | {"prompt_hash": "else"} for row in arc(1)]
    notes = compare(write("a", arc=arc()), write("b", arc=templated))["logs"]["notes"]
    assert notes[-1].startswith("another prompt text was read on 30 items")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"n-shot": {"arc": 5}}, "another few-shot examples on either side, 0 and 5"),
        ({"versions": {"arc": 2.0}}, "another version of the task on either side, 1.0 and 2.0"),
        (
            {"configs": {"arc": {"metric_list": [{"metric": "acc", "ignore_case": True}]}}},
            "acc was scored in another way on either side",
        ),
    ],
)
def test_another_way_to_ask_or_to_score_is_refused(write: Write, change: Row, problem: str) -> None:
    assert problem in refused(write("a", arc=arc()), write("b", change=change, arc=arc(1)))


# --- files ----------------------------------------------------------------------------------------


def test_the_newest_run_of_each_task_is_taken_and_told(write: Write) -> None:
    write("b", arc=arc(), gsm=gsm())
    second = write("b", at=LATER, arc=arc(1))
    found = compare(write("a", arc=arc(), gsm=gsm()), second, "--task", "arc")
    assert found["metrics"]["acc"]["diff"] == 0 and found["metrics"]["acc"]["wins"] > 0
    assert (
        f"challenger, arc: was run 2 times; taken is the newest, of {LATER}"
        in (found["logs"]["notes"])
    )


def test_a_run_is_named_by_its_folder_its_files_or_a_pattern(write: Write) -> None:
    first, second = write("a", arc=arc()), write("b", arc=arc(1))
    (samples,), (told,) = second.rglob("samples_*"), second.rglob("results_*")
    for name in (second / "org__b", samples, told, second / "*" / "samples_*"):
        assert compare(first, name)["logs"]["items"] == 30


def test_two_systems_in_a_folder_are_refused(write: Write) -> None:
    first = write("a", arc=arc())
    write("b", arc=arc(1))
    assert "holds results of 2 systems" in refused(first.parent, first)


def test_results_without_samples_say_which_option_was_missing(write: Write) -> None:
    first, second = write("a", arc=arc()), write("b", arc=arc(1))
    next(second.rglob("samples_*")).unlink()
    assert refused(first, second).endswith("run lm-eval with --log_samples")


def test_two_different_tasks_are_refused(write: Write) -> None:
    first, second = write("a", arc=arc()), write("b", gsm=gsm())
    assert "the logs are of different tasks: arc in" in refused(first, second)
    both = write("b", arc=arc(1))
    assert "lacks task 'gsm': compare the others by --task arc" in refused(first, both)


def test_who_gives_a_pattern_without_quotes_or_no_log_is_told(write: Write, tmp_path: Path) -> None:
    first, second = write("a", arc=arc()), write("b", arc=arc(1))
    assert "by a pattern in quotes" in refused(first, *second.rglob("*.json*"), second)
    (tmp_path / "empty").mkdir()
    assert "holds no samples_TASK_TIME.jsonl" in refused(first, tmp_path / "empty")
    assert "not of inspect: --from lm-eval reads it" in refusal("--from", "inspect", first, second)


# --- lm-eval itself -------------------------------------------------------------------------------

TASK = CAPITALS | {"metric_list": [{"metric": "acc"}, {"metric": "acc_norm"}]}
# Its own tracker, as its command uses it: the files are those that a user finds.
RUN = """
import sys
from lm_eval import simple_evaluate
from lm_eval.loggers import EvaluationTracker
from lm_eval.tasks import TaskManager

tasks = TaskManager(include_path=sys.argv[1])
for seed, side in enumerate(sys.argv[2:]):
    tracker = EvaluationTracker(output_path=side)
    results = simple_evaluate(
        "dummy", tasks=["capitals"], task_manager=tasks, bootstrap_iters=0, log_samples=True,
        evaluation_tracker=tracker, random_seed=seed,
    )
    samples = results.pop("samples")
    tracker.save_results_aggregated(results=results, samples=samples)
    for task, rows in samples.items():
        tracker.save_results_samples(task_name=task, samples=rows)
"""


@pytest.mark.slow
def test_logs_that_lm_eval_writes_give_the_verdict_of_their_table(tmp_path: Path) -> None:
    pytest.importorskip("lm_eval", reason="lm-eval is an optional extra, and not installed")
    rows = [{"country": f"C{i}\u2028", "options": ["A", "B"], "right": i % 2} for i in range(30)]
    data = write_lines(tmp_path / "capitals.jsonl", rows)
    task = TASK | {"dataset_kwargs": {"data_files": {"test": str(data)}}}
    (tmp_path / "capitals.yaml").write_text(yaml.safe_dump(task))
    private = {"HF_HOME": str(tmp_path / "cache"), "HF_HUB_OFFLINE": "1"}
    sides = tmp_path / "champion", tmp_path / "challenger"
    command = [sys.executable, "-c", RUN, tmp_path, *sides]
    subprocess.run(command, env=os.environ | private, capture_output=True, check=True)
    table = tmp_path / "table.jsonl"
    found = compare(*sides, "--write", table)
    assert (found["logs"]["items"], found["metrics"].keys()) == (30, {"acc", "acc_norm"})
    assert found["metrics"]["acc"]["wins"] > 0
    assert without_logs(found) == decide("--scores", table)
