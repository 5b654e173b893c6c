"""Results of promptfoo: a real file of six tests, run twice, by three providers."""

import json
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

FILE = LOGS / "promptfoo.jsonl"
Row = dict[str, Any]


def rows_of(provider: str) -> list[Row]:
    return [row for _, row in read_rows(FILE) if row["provider"]["id"] == provider]


@pytest.fixture
def champion(tmp_path: Path) -> Path:
    return write_lines(tmp_path / "champion.jsonl", rows_of("champion"))


@pytest.fixture
def changed(tmp_path: Path) -> Callable[..., Path]:
    """Writes the challenger's results after a change of each row."""

    def write(change: Callable[[Row], object], provider: str = "challenger") -> Path:
        rows = rows_of(provider)
        for row in rows:
            change(row)
        return write_lines(tmp_path / "changed.jsonl", rows)

    return write


def compare(champion: Path, challenger: Path, *options: str) -> Row:
    return decide("--from", "promptfoo", champion, challenger, *options)


def refused(champion: Path, challenger: Path, *options: str) -> str:
    return refusal("--from", "promptfoo", champion, challenger, *options)


def test_two_systems_of_one_file_give_the_verdict_of_their_table(tmp_path: Path) -> None:
    table = tmp_path / "table.jsonl"
    systems = ("--systems", "champion", "1")
    found = compare(FILE, FILE, *systems, "--write", str(table))
    assert without_logs(found) == decide("--scores", table)
    assert found["metrics"].keys() == {"pass", "score", "correct", "len"}
    assert (found["metrics"]["pass"]["n"], found["metrics"]["pass"]["clusters"]) == (12, 6)


def test_of_a_file_with_several_systems_two_must_be_named() -> None:
    assert "holds 3 systems (0: champion, prompt 'Q {{n}} {{q}}'; 1: challenger" in refused(
        FILE, FILE
    )
    assert "'bob' names 0 of its 3" in refused(FILE, FILE, "--systems", "bob", "champion")
    same = ("--systems", "champion", "champion")
    assert "one log" in refused(FILE, FILE, *same)


def test_a_whole_file_is_read_as_its_lines_are(champion: Path, tmp_path: Path) -> None:
    whole = tmp_path / "whole.json"
    results = {"version": 3, "results": rows_of("challenger"), "stats": {}}
    whole.write_text(json.dumps({"evalId": "e", "vars": ["n"], "results": results}, indent=1))
    lines = write_lines(tmp_path / "lines.jsonl", rows_of("challenger"))
    assert compare(champion, whole)["metrics"] == compare(champion, lines)["metrics"]


def test_an_error_is_left_out_and_a_failed_assertion_is_a_score(
    champion: Path, changed: Callable[..., Path]
) -> None:
    flaky = changed(lambda row: None, "flaky")
    assert "2 of 12 items cannot be compared" in refused(champion, flaky)
    found = compare(champion, flaky, "--allow-missing", "0.2")
    assert found["logs"]["challenger"]["left_out"] == {"stopped by an error": 2}
    assert found["metrics"]["pass"]["diff"] == 0
    assert found["metrics"]["pass"]["challenger_mean"] < 1


def test_an_early_file_without_reasons_and_numbers_is_read_too(
    champion: Path, changed: Callable[..., Path]
) -> None:
    def age(row: Row) -> None:
        for name in ("failureReason", "testIdx", "promptIdx"):
            del row[name]

    old, flaky = changed(age, "champion"), None
    old = old.rename(old.with_name("old.jsonl"))
    flaky = changed(age, "flaky")
    assert "(challenger: 2 stopped by an error)" in refused(old, flaky)
    found = compare(old, flaky, "--allow-missing", "0.2")
    assert (found["logs"]["items"], found["metrics"]["pass"]["clusters"]) == (10, 5)


def test_a_judge_that_failed_is_no_zero(champion: Path, changed: Callable[..., Path]) -> None:
    def fail(row: Row) -> None:
        if row["testIdx"] == 3:
            row["gradingResult"]["componentResults"][0]["metadata"] = {"graderError": True}

    assert "(challenger: 1 not judged: its judge failed)" in refused(champion, changed(fail))


def test_a_test_without_an_assertion_is_no_one(
    champion: Path, changed: Callable[..., Path]
) -> None:
    def unasserted(row: Row) -> None:
        row["gradingResult"] = {"pass": True, "score": 1, "reason": "No assertions"}

    assert "no sample of it has a score: 12 not scored" in refused(champion, changed(unasserted))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda row: row["vars"].update(q="else"), "12 another variables"),
        (lambda row: row["testCase"]["assert"].pop(), "12 another assertions"),
        (lambda row: row["testCase"]["options"].update(provider="x"), "12 another judge"),
    ],
)
def test_other_tests_or_another_judge_under_the_same_numbers_are_refused(
    champion: Path, changed: Callable[..., Path], change: Callable[[Row], object], problem: str
) -> None:
    assert f"asked differently: {problem}" in refused(champion, changed(change))


def test_another_prompt_is_a_contestants_own_and_told(
    champion: Path, changed: Callable[..., Path]
) -> None:
    other = changed(lambda row: row["prompt"].update(raw="Be brief.", label="brief"))
    assert compare(champion, other)["logs"]["notes"] == [
        "the sides differ in: prompt",
        "another prompt text was read on 12 items: it is part of what is compared",
    ]


def test_the_order_of_rows_says_nothing(champion: Path, tmp_path: Path) -> None:
    forth = write_lines(tmp_path / "forth.jsonl", rows_of("challenger"))
    back = write_lines(tmp_path / "back.jsonl", rows_of("challenger")[::-1])
    assert compare(champion, forth)["metrics"] == compare(champion, back)["metrics"]


def test_files_that_are_something_else_are_refused(champion: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    other.write_text('{"results": {"results": []}}')
    assert "holds no results" in refused(champion, other)
    other.write_text("a: b\n")
    assert "is not JSON" in refused(champion, other)
    (tmp_path / "folder").mkdir()
    assert "promptfoo eval --output results.json" in refused(champion, tmp_path / "folder")
    (tmp_path / "folder" / "a.jsonl").write_bytes(champion.read_bytes())
    assert "one log" in refused(champion, tmp_path / "folder")
