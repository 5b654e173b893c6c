"""`data questions`: rows of documents, asked for, shown to people, accepted with their passages."""

import json
from pathlib import Path
from typing import Any

import pytest

from incumbent.verbs.data_rows import accept_labels
from monitoring.trigger.labels import LABELLED
from project.records.data import Row
from project.shown_passages import cited
from tests.incumbent.tiny_project import exit_code
from tests.judge_server import Asked, Reply, judge_server

REVIEW, ROWS = Path("datasets/queue/questions.json"), Path("datasets/queue/questions.jsonl")
FEES = """# Accounts

## Harbour Account

The Harbour Account costs 4.50 crowns a month. A payment on hold is called a buoy.

## Student Account

The Student Account costs 1.10 crowns a month. A free month is called a gull.

## Branches

| Branch | Street | Boxes |
| --- | --- | --- |
| Wexby | College Row | 60 |
| Dunvale | Mill Rise | 40 |
"""


@pytest.fixture(autouse=True)
def project() -> None:
    Path("params.yaml").write_text("registry: {family: test}\n")
    Path("fees.md").write_text(FEES)


def run(*arguments: str) -> int:
    return exit_code("data", "questions", *arguments)


def rows() -> list[dict[str, Any]]:
    return [json.loads(line) for line in ROWS.read_text().splitlines()]


def writes(asked: Asked) -> Reply:
    """A model that asks one good question of two passages, and invents what the third costs."""
    for name, price in {"Harbour": "4.50", "Student": "1.10", "Branches": "9.99"}.items():
        if f"{name} Account" in asked.question or name in asked.question:
            said = f"Question: What is the price of the {name} Account?\nAnswer: {price} crowns."
            return Reply(f"{said}\nQuestion: No more?")
    return Reply("I can not.")


def test_without_a_model_templates_make_rows_that_wait_with_their_mark(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("fees.md", "--unanswerable", "0.25", "--distractors", "1") == 0
    said = capsys.readouterr().out
    assert "3 passages of 1 document" in said
    assert "6 rows by templates: 4 definition, 2 table" in said
    assert "2 of them put to passages that do not answer" in said
    assert {row["synthetic"] for row in rows()} == {"templates"}
    assert [row["answerable"] for row in rows()].count(False) == 2
    for task, row in zip(json.loads(REVIEW.read_bytes()), rows(), strict=True):
        assert task["data"]["evidence"] == row["evidence"]
        assert task["data"]["response"].startswith(f"[1] {row['evidence'][0]['text']}")
        assert task["meta"]["document"] == "fees.md"
    before = ROWS.read_bytes()
    assert run("fees.md") == 2  # they may wait for their review
    assert ROWS.read_bytes() == before


@pytest.mark.parametrize("export", [ROWS, Path("export.json")])
def test_an_accepted_row_keeps_its_passages_and_whether_they_answer(export: Path) -> None:
    run("fees.md", "--unanswerable", "0.25")
    made = {row["id"]: row for row in rows()}
    tasks = json.loads(REVIEW.read_bytes())
    for task in tasks:
        task["annotations"] = [{"result": task["predictions"][0]["result"]}]
    Path("export.json").write_text(json.dumps(tasks))
    accept_labels(export, "read them all")
    accepted = Row.read_lines(LABELLED)
    assert {row.id for row in accepted} == set(made)
    for row in accepted:
        own = made[row.id]
        assert [one.model_dump(mode="json") for one in row.evidence or ()] == own["evidence"]
        assert (row.answerable, row.synthetic) == (own["answerable"], "templates")
        assert bool(cited(row.completion_text)) is own["answerable"]


def test_a_dry_run_writes_nothing_and_asks_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("fees.md", "--dry-run") == 0
    assert "nothing was written" in capsys.readouterr().out
    assert run("fees.md", "--dry-run", "--with", "http://127.0.0.1:1/v1", "--model", "m") == 0
    assert "m would be asked for 2 questions on each" in capsys.readouterr().out
    assert not REVIEW.parent.exists()


def test_a_server_is_asked_once_a_passage_and_what_it_invents_is_left_out(
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = ("fees.md", "--model", "m", "--json", "--unanswerable", "0")
    with judge_server(writes) as server:
        assert run(*arguments, "--with", server.url) == 0
        found = json.loads(capsys.readouterr().out)
        assert len(server.asked) == 3
        first = ROWS.read_bytes()
        for file in (REVIEW, ROWS):
            file.unlink()
        assert run(*arguments, "--with", server.url) == 0  # it goes on from what was said
        assert (len(server.asked), ROWS.read_bytes()) == (3, first)
    assert (found["asked"], found["rows"], found["kinds"]) == (3, 2, {"model": 2})
    assert found["left_out"] == {"with an answer that its passages do not bear out": 1}
    assert found["to"] == str(REVIEW)
    assert {row["synthetic"] for row in rows()} == {"m"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["none.md"], "none.md: "),
        (["empty.md"], "empty.md: there is no passage to ask about: empty.md: without a text"),
        (["fees.md", "--model", "m"], "is for a server: name it by --with"),
        (["fees.md", "--with", "bas"], "--with: is base, champion or a URL"),
        (["fees.md", "--to", "rows.jsonl"], "rows.jsonl: must be named .json"),
        (["fees.md", "--unanswerable", "22"], "less than or equal to 1"),
        ([], "Missing argument 'files'"),
    ],
)
def test_bad_usage_is_told_in_a_line(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("empty.md").write_text("")
    assert run(*arguments) == 2
    assert said in " ".join(capsys.readouterr().err.split())
    assert not REVIEW.parent.exists()
