"""Anybody's file is held against a contract without a project."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.bank_files import Bank
from tests.conftest import ROOT
from tests.incumbent.tiny_project import printed_by

Fields = dict[str, Any]


def good(count: int = 200) -> list[Fields]:
    return [{"prompt": asked, "completion": told} for asked, told in Bank().pairs(count)]


def write(name: str, records: Sequence[Fields]) -> str:
    Path(name).write_text("".join(f"{json.dumps(record)}\n" for record in records))
    return name


def told(*arguments: str, code: int = 0) -> Fields:
    """What the verb says of files, as JSON; by words alone."""
    found: Fields = json.loads(printed(*arguments, "--json", code=code))
    return found


def printed(*arguments: str, code: int = 0) -> str:
    return printed_by("data", "check", *arguments, "--no-embeddings", code=code)


def test_good_rows_end_with_zero_and_what_had_nothing_to_look_at_is_told() -> None:
    found = told(write("rows.jsonl", good()))
    assert (found["rows"], found["kind"]) == (200, "sft")
    checks = found["checks"]
    assert {one["severity"] for one in checks.values() if not one["passed"]} <= {"warning"}
    unmeasured = {name for name, check in checks.items() if not check["measured"]}
    assert "the rows' words are those of the last version" in unmeasured
    assert "ids are unique" not in unmeasured


def test_a_file_of_the_one_row_that_the_documentation_shows_is_read() -> None:
    page = (ROOT / "docs" / "explain" / "facts-and-assertions.md").read_text()
    Path("one.jsonl").write_text(page.split("```json\n")[1].partition("```")[0])
    assert told("one.jsonl", code=1)["rows"] == 1  # too few for any contract


BAD = {"id": "mine", "prompt": "What is it?", "completion": "Pay 4111 1111 1111 1111 for it."}


def test_rows_that_fail_a_check_are_named_by_id_and_line() -> None:
    rows = [*good(), BAD, *good(2), {"prompt": "What is it now?", "completion": None}]
    found = told(write("rows.jsonl", rows), code=1)
    check = found["checks"]["no account numbers"]
    assert check["failing_rows"] == ["mine"]
    assert (check["passed"], check["severity"], check["column"]) == (
        False, "critical", "account_data",
    )  # fmt: skip
    assert found["lines"]["mine"] == ["rows.jsonl:201"]
    repeats = found["checks"]["no row repeats another"]["failing_rows"]
    assert [found["lines"][row] for row in repeats] == [["rows.jsonl:202"], ["rows.jsonl:203"]]
    assert found["checks"]["ids are unique"]["passed"]
    assert not found["checks"]["no completion is empty"]["passed"]


def test_an_id_that_two_rows_have_is_told_with_both_lines() -> None:
    rows = [record | {"id": str(min(i, 198))} for i, record in enumerate(good())]
    found = told(write("rows.jsonl", rows), code=1)
    assert found["checks"]["ids are unique"]["failing_rows"] == ["198"]
    assert found["lines"]["198"] == ["rows.jsonl:199", "rows.jsonl:200"]


def test_a_table_is_read_by_its_columns_and_what_is_no_row_is_told() -> None:
    lines = [f'"{asked}","{answer}",x' for asked, answer in Bank().pairs(200)]
    Path("faq.csv").write_text("\n".join(["question,answer,note", *lines, '"What?",,x']))
    found = told("faq.csv")
    assert found["rows"] == 200
    read = found["checks"]["every record gives a row"]
    assert (read["passed"], read["failing_rows"]) == (False, ["faq.csv:202"])
    assert found == told("faq.csv", "--prompt", "question", "--completion", "answer")


def test_several_files_are_one_dataset() -> None:
    first, second = write("a.jsonl", good(200)), write("b.jsonl", good(201)[199:])
    found = told(first, second)
    assert found["rows"] == 202
    (row,) = found["checks"]["no row repeats another"]["failing_rows"]
    assert found["lines"][row] == ["b.jsonl:1"]


def test_no_row_may_ask_what_an_eval_item_asks() -> None:
    file = write("rows.jsonl", good())
    items = [{"prompt": good(8)[-1]["prompt"].upper(), "completion": "any"}]
    found = told(file, "--eval", write("eval.jsonl", items), code=1)
    assert len(found["checks"]["no training row asks what an eval item asks"]["failing_rows"]) == 1


def test_the_rows_are_held_against_the_last_version() -> None:
    name = "the rows' words are those of the last version"
    last = [{"prompt": f"Who sells fish number {i}?", "completion": "Nobody"} for i in range(99)]
    rows = write("rows.jsonl", good())
    found = told(rows, "--against", write("last.jsonl", last))["checks"][name]
    assert not found["passed"]
    assert told(rows, "--against", write("same.jsonl", good()))["checks"][name]["passed"]


PAIRS = [
    {"prompt": asked, "chosen": answer, "rejected": f"No {other}"}
    for (asked, answer), (_, other) in zip(Bank(1).pairs(150), Bank(2).pairs(150), strict=True)
]


@pytest.mark.parametrize(
    ("bad", "check"),
    [
        ({"prompt": "q", "chosen": "Its name.", "rejected": "its name"}, "the two answers differ"),
        (
            {"prompt": PAIRS[0]["prompt"], "chosen": PAIRS[0]["rejected"],
             "rejected": PAIRS[0]["chosen"]},
            "no row says the contrary of another",
        ),
        ({"prompt": "q", "chosen": "a", "rejected": "Card 4111 1111 1111 1111"},
         "no account numbers"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_preference_is_told(bad: Fields, check: str) -> None:
    found = told(write("pairs.jsonl", [*PAIRS, bad]), code=1)
    assert found["kind"] == "preference"
    assert not found["checks"][check]["passed"]


def test_better_answers_that_are_just_longer_are_a_warning() -> None:
    longer = [pair | {"chosen": f"{pair['chosen']} {pair['rejected']}"} for pair in PAIRS]
    found = told(write("pairs.jsonl", longer))["checks"]
    assert not found["the better answer is not just the longer one"]["passed"]


def test_an_answer_that_is_rated_both_ways_is_told() -> None:
    rated = [
        {"prompt": pair["prompt"], "completion": pair["chosen"], "label": i % 2 == 0}
        for i, pair in enumerate(PAIRS)
    ]
    found = told(write("rated.jsonl", rated))
    assert found["kind"] == "preference"
    again = [*rated, rated[0] | {"label": False}]
    contrary = told(write("rated.jsonl", again), code=1)["checks"]
    assert len(contrary["no row says the contrary of another"]["failing_rows"]) == 2


def test_texts_have_a_contract_of_their_own() -> None:
    texts = [{"text": f"{asked} {answer}"} for asked, answer in Bank().pairs(120)]
    found = told(write("texts.jsonl", [*texts, texts[0]]))
    assert found["kind"] == "texts"
    assert len(found["checks"]["no text repeats another"]["failing_rows"]) == 1


def test_a_contract_of_ones_own_is_held() -> None:
    Path("mine.yaml").write_text(
        "name: mine\nchecks:\n  - name: short\n    severity: critical\n"
        "    expectation: expect_column_values_to_be_between\n"
        "    arguments: {column: completion_words, max_value: 3}\n"
    )
    found = told(write("rows.jsonl", good(3)), "--contract", "mine.yaml", code=1)
    assert list(found["checks"]) == ["every record gives a row", "short"]


def test_people_read_what_matters_and_where_the_rows_stand() -> None:
    short = {"prompt": "What is a standing order?", "completion": "It is"}
    file = write("rows.jsonl", [*good(), BAD, short])
    output = printed(file, code=1)
    assert "FAILED no account numbers (critical)" in output
    assert "4111" not in output
    assert "ids are unique" not in output  # passes, and names nobody
    passed, _, unmeasured = output.partition("Not measured:")
    assert "answers have about the length" in passed.partition("These checks pass")[2]
    assert "rows.jsonl:201" in passed
    assert "rows.jsonl:202" in passed
    assert "rows are about the task" in unmeasured
    assert "1 critical failed" in unmeasured


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("torn.jsonl", '{"prompt": "a", "completion": "b"}\n{"prompt": "a", "com', "torn.jsonl:2"),
        ("cells.csv", 'question,answer\nWhat?,"=HYPERLINK(""http://x"",""y"")"\n', "cells.csv:2"),
        ("none.jsonl", "", "is empty"),
        ("odd.jsonl", '{"prompt": 5, "completion": "b"}\n', "odd.jsonl:1"),
    ],
)
def test_what_cannot_be_read_ends_with_two_and_says_where(
    name: str, text: str, complaint: str
) -> None:
    Path(name).write_text(text)
    assert complaint in printed(name, code=2)


def test_what_is_unreadable_is_told_beside_what_could_be_read_where_that_is_asked_for() -> None:
    Path("torn.jsonl").write_text('{"prompt": "a", "completion": "b"}\n{"prompt": "a", "com')
    found = told("torn.jsonl", "--skip-unreadable", code=1)
    assert found["checks"]["every record gives a row"]["failing_rows"] == ["torn.jsonl:2"]


def test_people_read_how_the_file_was_read_and_what_to_do() -> None:
    lines = [f'"{asked}","{answer}",x' for asked, answer in Bank().pairs(20)]
    Path("faq.csv").write_text("\n".join(["question,answer,note", *lines]))
    output = printed("faq.csv", code=1)
    assert "faq.csv: csv, 20 records" in output
    assert "question  prompt" in output
    assert "rows is 20" in output
    assert "limit: rows: at least 30" in output
    assert "Bring more rows" in output


def test_files_of_a_folder_that_are_no_data_are_named() -> None:
    Path("mix").mkdir()
    write("mix/rows.jsonl", good())
    Path("mix/readme.md").write_text("# About these rows\n")
    Path("mix/report.png").write_bytes(b"\x89PNG")
    assert "left aside, by their names: mix/readme.md, mix/report.png" in printed("mix")
    assert told("mix")["left_aside"] == ["mix/readme.md", "mix/report.png"]


def test_an_export_is_read_by_the_fields_that_are_named() -> None:
    said = {"type": "textarea", "from_name": "a", "to_name": "t", "value": {"text": ["One."]}}
    task = {"id": 1, "data": {"q": "What?", "hint": "x"}, "annotations": [{"result": [said]}]}
    Path("export.json").write_text(json.dumps([task]))
    assert "--prompt" in printed("export.json", code=2)
    assert told("export.json", "--prompt", "q", code=1)["rows"] == 1


def test_files_of_several_kinds_are_checked_each_by_its_contract() -> None:
    rows, pairs = write("rows.jsonl", good()), write("pairs.jsonl", PAIRS)
    found = told(rows, pairs)
    assert {kind: part["rows"] for kind, part in found.items()} == {"sft": 200, "preference": 150}
    bad = PAIRS[0] | {"rejected": "Pay 4111 1111 1111 1111."}
    again = told(rows, write("bad.jsonl", [*PAIRS, bad]), code=1)
    assert not again["preference"]["checks"]["no account numbers"]["passed"]


def test_an_export_that_holds_rows_and_negative_examples_is_checked_as_both() -> None:
    tasks = [
        {"text": f"What is {n}?", "label": "A", "answer": answer, "_input_hash": n, "_task_hash": n}
        for n, answer in enumerate(["accept", "reject"] * 3)
    ]
    found = told(write("export.jsonl", tasks), code=1)
    assert {kind: part["rows"] for kind, part in found.items()} == {"sft": 3, "preference": 3}


def test_a_traffic_log_is_refused_with_what_to_do() -> None:
    line = {"id": "1", "at": "2026-01-01T00:00:00Z", "prompt": "p", "response": "r"}
    assert "incumbent data import" in printed(write("log.jsonl", [line]), code=2)


def test_a_kind_that_the_file_does_not_hold_is_refused() -> None:
    error = printed(write("rows.jsonl", good(3)), "--kind", "preference", code=2)
    assert "holds sft, and not preference" in error


def test_the_hook_calls_the_verb() -> None:
    text = (ROOT / ".pre-commit-hooks.yaml").read_text()
    assert "entry: incumbent data check" in text
