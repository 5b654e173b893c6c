"""Answers as CSV: which column is which, what is scored, and what is told where that is unclear."""

import csv
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from project.errors import pip_install
from tests.evaluation.other_logs.decide_from import (
    decide,
    refusal,
    without_logs,
    write_lines,
)

LABELS = [{"id": i, "expected": "yes" if i % 2 else "no"} for i in range(40)]
RIGHT, WRONG = {"yes": "Yes ", "no": "no"}, {"yes": "no", "no": "yes"}
Rows = Iterable[dict[str, Any]]
ROUGE = ("--metric", "rougeL")


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def table(name: str, rows: Rows, delimiter: str = ",") -> Path:
        rows = list(rows)
        with (tmp_path / name).open("w", newline="", encoding="utf-8-sig") as stream:
            writer = csv.DictWriter(stream, rows[0].keys(), delimiter=delimiter)
            writer.writeheader()
            writer.writerows(rows)
        return tmp_path / name

    return table


def answered(share: int) -> Rows:
    """Every `share`th label is wrong."""
    for row in LABELS:
        kind = WRONG if row["id"] % share == 0 else RIGHT
        yield row | {"answer": kind[row["expected"]]}


def texts(column: str, *words: str) -> Rows:
    for i in range(20):
        said = "the cat sat on the mat today" if i % 3 else "a dog ran over the old bridge"
        yield {
            "Question": f"What, {i}?\nSay.",
            "reference": said,
            column: " ".join([*said.split()[:4], *words]),
        }


def test_short_answers_are_right_or_wrong(write: Callable[..., Path], tmp_path: Path) -> None:
    logs = write("old.csv", answered(2)), write("new.csv", reversed(list(answered(9))))
    table = tmp_path / "table.jsonl"
    found = decide("--from", "csv", *logs, "--write", table)
    assert without_logs(found) == decide("--scores", table)
    assert found["metrics"].keys() == {"exact_match"}
    means = [found["metrics"]["exact_match"][f"{side}_mean"] for side in ("champion", "challenger")]
    assert (found["verdict"], means) == ("PROMOTE", [0.5, 35 / 40])


def test_long_answers_are_measured_by_rouge(write: Callable[..., Path]) -> None:
    old, new = (
        write("old.csv", texts("Response", "or", "so")),
        write("new.tsv", texts("output"), "\t"),
    )
    found = decide("--from", "csv", old, new, *ROUGE)
    assert found["metrics"]["rougeL"]["n"] == 20
    assert found["metrics"]["rougeL"]["challenger_mean"] == pytest.approx(8 / 11, abs=0.05)
    assert found["metrics"]["rougeL"]["diff"] > 0.1


def test_one_file_may_hold_both_sides(write: Callable[..., Path]) -> None:
    pairs = zip(texts("old", "or", "so"), texts("new"), strict=True)
    one = write("both.csv", ({**old, "new": new["new"]} for old, new in pairs))
    guessed = decide("--from", "csv", one, *ROUGE)
    assert [guessed["logs"][side]["system"] for side in ("champion", "challenger")] == [
        "old",
        "new",
    ]
    turned = decide("--from", "csv", one, "--systems", "new", "old", *ROUGE)
    assert turned["metrics"]["rougeL"]["diff"] == pytest.approx(
        -guessed["metrics"]["rougeL"]["diff"]
    )
    assert "has no column 'x', but Question" in refusal(
        "--from", "csv", one, "--systems", "x", "new"
    )


def test_similarity_that_cannot_be_measured_is_told(
    write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from evaluation.other_logs import csv_answers

    monkeypatch.setattr(csv_answers, "SEMANTIC", ("a_library_that_is_not_there",))
    logs = write("old.csv", texts("answer", "or", "so")), write("new.csv", texts("answer"))
    notes = decide("--from", "csv", *logs)["logs"]["notes"]
    wanted = pip_install("train,embedded")
    assert notes == [
        f"answers: semantic is not measured: {wanted}, on both sides",
        "answers: columns read: Question as question, reference as expected, answer, on both sides",
        "not compared: exact_match; choose by --metric",
    ]


@pytest.mark.slow
def test_similarity_is_that_of_the_pipelines_scorer(write: Callable[..., Path]) -> None:
    from evaluation.metrics.semantic import SemanticSimilarity
    from project.model_pins import ModelChoice, locate

    sides = list(texts("answer", "or", "so")), list(texts("answer"))
    found = decide("--from", "csv", write("old.csv", sides[0]), write("new.csv", sides[1]))
    scorer = SemanticSimilarity(locate(ModelChoice(), "embedder"))
    scores = scorer.compute(
        predictions=[row["answer"] for row in sides[0]],
        references=[row["reference"] for row in sides[0]],
    )
    mean = sum(scores["semantic"]) / 20
    assert found["metrics"].keys() == {"rougeL", "semantic"}
    assert found["metrics"]["semantic"]["champion_mean"] == pytest.approx(mean, abs=1e-5)


def test_columns_with_other_names_are_named_by_what_they_hold(write: Callable[..., Path]) -> None:
    def side(share: int) -> Rows:
        return (
            {"nr": r["id"], "right": r["expected"], "reply": r["answer"]} for r in answered(share)
        )

    logs = write("a.csv", side(2)), write("b.csv", side(9))
    assert "--systems OLD NEW" in refusal("--from", "csv", *logs)
    named = ("--systems", "reply", "reply")
    message = refusal("--from", "csv", *logs, *named)
    assert message.endswith("(nr, right, reply): name it by --column expected=NAME")
    columns = ("--column", "expected=right", "--column", "item=nr")
    assert decide("--from", "csv", *logs, *named, *columns)["verdict"] == "PROMOTE"
    assert "has no column 'x', but nr" in refusal(
        "--from", "csv", *logs, *named, "--column", "expected=x"
    )
    assert "item=NAME, question=NAME, expected=NAME, cluster=NAME, slices=NAME" in refusal(
        "--from", "csv", *logs, "--column", "gold"
    )


def test_of_two_columns_that_may_hold_the_same_one_is_to_be_named(
    write: Callable[..., Path],
) -> None:
    rows = [row | {"label": "x", "output": row["answer"]} for row in answered(2)]
    old, new = write("old.csv", rows), write("new.csv", answered(9))
    given = ("--from", "csv", old, new)
    message = refusal(*given)
    assert message.endswith(
        "answer and output may each hold the answer: name its column by --systems OLD NEW"
    )
    given = (*given, "--systems", "output", "answer")
    message = refusal(*given)
    assert message.endswith(
        "expected and label may each hold the expected: name its column by --column expected=NAME"
    )
    found = decide(*given, "--column", "expected=expected")
    assert found["verdict"] == "PROMOTE"
    assert found["logs"]["notes"] == [
        "answers: columns read: id as item, expected, on both sides",
        "not compared: rougeL; choose by --metric",
    ]


@pytest.mark.parametrize(
    ("column", "cells"),
    [
        ("slices", ['["topic=0"]', '["topic=1"]']),
        ("slices", ['{"topic": 0}', '{"topic": 1}']),
        ("slices", ["topic=0", "topic=1"]),
        ("topic", ["0", "1"]),
    ],
)
def test_clusters_and_slices_are_those_of_scores_of_ones_own(
    write: Callable[..., Path], tmp_path: Path, column: str, cells: list[str]
) -> None:
    sides: list[list[dict[str, Any]]] = [list(answered(share)) for share in (2, 9)]
    tables = [
        write(
            f"{i}.csv",
            [row | {"cluster": row["id"] // 8, column: cells[row["id"] % 2]} for row in side],
        )
        for i, side in enumerate(sides)
    ]
    scores = [
        write_lines(
            tmp_path / f"{i}.jsonl",
            [
                {"item": row["id"], "cluster": row["id"] // 8, "slices": {"topic": row["id"] % 2}}
                | {"exact_match": int(row["answer"].strip().lower() == row["expected"])}
                for row in side
            ],
        )
        for i, side in enumerate(sides)
    ]
    given = ("--from", "csv", *tables, "--column", f"slices={column}")
    found = decide(*given, "--metric", "exact_match")
    assert found["metrics"]["exact_match"]["clusters"] == 5
    assert without_logs(found) == without_logs(decide("--from", "jsonl", *scores))


def test_a_cell_that_is_no_list_of_slices_is_refused_with_its_line(
    write: Callable[..., Path],
) -> None:
    bad = write("bad.csv", [row | {"slices": "[topic" if row["id"] else ""} for row in answered(2)])
    message = refusal("--from", "csv", bad, write("new.csv", answered(9)))
    assert "bad.csv:3: slices: '[topic' is neither" in message


@pytest.mark.parametrize(
    ("answer", "expected", "right"),
    [
        ("2.0", "2", 1),
        ("2", " 2.00 ", 1),
        ("1e-05", "0.00001", 1),
        ("-0.0", "0", 1),
        ("+.5", "0.50", 1),
        ("100", "1e2", 1),
        ("2.0", "-2", 0),
        ("12345678901234567890123456789012", "12345678901234567890123456789013", 0),
        ("007", "7", 0),
        ("Yes", " yes", 1),
        ("yes.", "yes", 0),
    ],
)
def test_a_number_is_right_however_a_program_writes_it(
    write: Callable[..., Path], answer: str, expected: str, right: int
) -> None:
    rows = [
        {"id": i, "expected": expected, "old": "other", "new": answer if i else "other"}
        for i in range(9)
    ]
    measured = decide("--from", "csv", write("both.csv", rows))["metrics"]["exact_match"]
    assert measured["challenger_mean"] == pytest.approx(right * 8 / 9)
    turned = [row | {"expected": answer, "new": expected if row["id"] else "x"} for row in rows]
    measured = decide("--from", "csv", write("both.csv", turned))["metrics"]["exact_match"]
    assert measured["challenger_mean"] == pytest.approx(right * 8 / 9)


@pytest.mark.attack
def test_white_space_makes_no_other_question(write: Callable[..., Path]) -> None:
    def side(share: int, space: str) -> Rows:
        for row in answered(share):
            asked = f"Question {row['id'] // 5}?{space * (row['id'] % 5)}"
            yield row | {"question": asked, "expected": row["expected"] + space}

    logs = write("old.csv", side(2, "")), write("new.csv", side(9, " "))
    found = decide("--from", "csv", *logs)
    assert found["logs"]["items"] == 40
    assert found["metrics"]["exact_match"]["clusters"] == 8


def test_an_empty_answer_counts_0_and_a_row_without_a_reference_is_missing(
    write: Callable[..., Path],
) -> None:
    rows = [*answered(9)]
    rows[3]["answer"] = " "
    old = write("old.csv", answered(2))
    found = decide("--from", "csv", old, write("new.csv", rows))
    told = "challenger, answers: 1 answers are empty, which counts 0"
    assert told in found["logs"]["notes"]
    rows[5]["expected"] = ""
    assert "1 not scored: nothing is expected" in refusal(
        "--from", "csv", old, write("new.csv", rows)
    )


def test_rows_without_a_name_are_told_by_question_else_by_place(write: Callable[..., Path]) -> None:
    turned = write("new.csv", reversed(list(texts("answer"))))
    assert (
        decide("--from", "csv", write("old.csv", texts("answer", "x")), turned, *ROUGE)["logs"][
            "items"
        ]
        == 20
    )
    nameless = [{"target": r["reference"], "answer": r["answer"]} for r in texts("answer")]
    logs = write("old.csv", nameless), write("new.csv", [*nameless[1:], nameless[0]])
    message = refusal("--from", "csv", *logs, *ROUGE)
    assert "another reference" in message
    other = [row | {"target": f"another {i}"} for i, row in enumerate(nameless)]
    message = refusal("--from", "csv", logs[0], write("other.csv", other), *ROUGE)
    assert message.endswith("both sides must be asked the same and expect the same")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"", "holds no row below its header"),
        (b"expected,answer\n", "holds no row below its header"),
        (b"expected,answer\nyes\n", ":2: has not the 2 cells of the first line"),
        (b"expected,answer\nyes,no,yes\n", ":2: has not the 2 cells"),
        (b"expected,answer,answer\na,b,c\n", ":1: two columns have one name"),
        (b'expected,answer\nyes,"no\n', ":2: is no CSV: "),
        (b"item,answer\na,0.4\n", ": column 'answer' holds numbers: scores go by --from jsonl"),
        (b'[{"expected": "a", "answer": "b"}]', "is JSON, and no CSV: save it as CSV"),
        (b'[\n  {"expected": "a", "answer": "b"}\n]', "is JSON, and no CSV"),
        (b'{"expected": "a", "answer": "b"}\n' * 2, "is JSON, and no CSV"),
        (b"PK\x03\x04\x14\0", "is an Excel workbook or a zip archive, and no CSV"),
        (b"\x1f\x8b\x08\0", "is packed by gzip, and no CSV"),
        (b"PAR1\x15", "is Parquet, and no CSV"),
        (b"expected,answer\nyes,\xe9t\xe9\n", "is not UTF-8 at byte 20: save it as UTF-8"),
    ],
)
def test_a_bad_table_is_refused_with_its_line(
    write: Callable[..., Path], tmp_path: Path, text: bytes, problem: str
) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_bytes(text)
    message = refusal("--from", "csv", write("old.csv", answered(2)), bad)
    assert message.startswith(str(bad))
    assert problem in message
