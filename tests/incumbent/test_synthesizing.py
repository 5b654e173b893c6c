"""Rows that a model wrote: asked for, shown to people, accepted with their mark, or not at all."""

import json
from pathlib import Path
from textwrap import wrap
from typing import Any

import pytest
import yaml

from incumbent.verbs.data_rows import accept_labels
from monitoring.trigger.labels import LABELLED, read_labels
from project import paths
from project.canonical import digest_json
from project.errors import InputError
from project.model_pins import ModelChoice, pin
from project.records.adapters import Numerics
from project.records.data import Row, Split
from project.records.record import write_records
from tests.incumbent.tiny_project import exit_code
from tests.judge_server import Asked, Behaviour, Reply, judge_server
from training.precision import measure_machine

REVIEW, ROWS = Path("datasets/queue/synthetic.json"), Path("datasets/queue/synthetic.jsonl")
EXPORT = Path("export.json")
TRAIN = [
    ("How can a customer block a card that was lost abroad?", "Call the service at any hour."),
    ("After how many years is a loan paid back?", "After five years at the latest."),
    ("Which rate has a savings account this spring?", "Two per cent, for the first year."),
    ("Where do I see the statement of last month?", "In the app, below documents."),
]
ITEM = Row.of("May a child open an account?", "With both parents.", group="i", source="faq.csv")


@pytest.fixture(autouse=True)
def project() -> None:
    """A curated dataset, whose sealed items hold one question."""
    curate = {"train_only": ["rehearsal.jsonl"]}
    settings = {"curation": {"curate": curate}, "registry": {"family": "test"}}
    Path("params.yaml").write_text(yaml.safe_dump(settings))
    rows = [Row.of(q, a, group=str(i), source="faq.csv") for i, (q, a) in enumerate(TRAIN)]
    rows += [Row.of("2 + 2 = ?", "4", group="x", source="rehearsal.jsonl")]
    for part, own in {Split.TRAIN: rows, Split.DEV: [], Split.SEALED: [ITEM]}.items():
        write_records(paths.rows_of(part), own)


def writes(asked: Asked) -> Reply:
    """A good model: every paraphrase and every pair is another one."""
    new = " ".join(wrap(digest_json(asked.question), 8))
    if "<<<" in asked.question:
        return Reply(f'"Say it anew: {new}"')
    return Reply(f"Question: And what of {new}?\nAnswer: The same as ever for {new}.")


def run(*arguments: str) -> int:
    return exit_code("data", "synthesize", *arguments)


def synthesized(behaviour: Behaviour, *arguments: str) -> tuple[int, list[Asked]]:
    with judge_server(behaviour) as server:
        return run("--with", server.url, "--model", "m", *arguments), server.asked


def tasks() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(REVIEW.read_bytes())
    return found


def annotated(tasks: list[dict[str, Any]]) -> None:
    """As Label Studio exports them: the first draft confirmed, the second mended, the rest not."""
    for task, text in zip(tasks, ("", "A mended answer."), strict=False):
        draft = task["predictions"][0]["result"][0]
        value = {"text": [text]} if text else draft["value"]
        task["annotations"] = [{"result": [draft | {"value": value}]}]
    EXPORT.write_text(json.dumps(tasks))


# --- asked ----------------------------------------------------------------------------------------


def test_a_server_is_asked_once_a_row_and_never_shown_an_item(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, asked = synthesized(writes, "--rows", "4")
    assert code == 0
    assert len(asked) == 4
    assert {request.body["model"] for request in asked} == {"m"}
    shown = "".join(request.question for request in asked)
    assert ITEM.prompt_text not in shown
    assert "2 + 2" not in shown
    assert "4 of 4 replies of m passed (100%)" in capsys.readouterr().out


def test_what_a_server_said_is_kept_and_not_asked_again() -> None:
    synthesized(writes, "--rows", "4")
    first = REVIEW.read_bytes(), ROWS.read_bytes()
    for file in (REVIEW, ROWS):
        file.unlink()
    assert synthesized(writes, "--rows", "4") == (0, [])
    assert (REVIEW.read_bytes(), ROWS.read_bytes()) == first


def test_a_reply_like_an_item_is_dropped_and_counted(capsys: pytest.CaptureFixture[str]) -> None:
    reply = Reply(f"Question: {ITEM.prompt_text}\nAnswer: Yes.")
    code, _ = synthesized(lambda _: reply, "--rows", "2", "--kind", "new")
    said = capsys.readouterr().out
    assert (code, REVIEW.exists()) == (0, False)
    assert "0 of 2 replies of m passed (0%)" in said
    assert "dropped: 2 near-duplicates of eval items" in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--with", "http://127.0.0.1:1/v1"], "--model: name the model that the server is to use"),
        (["--with", "bas"], "--with: is base, champion or a URL, which must be the base URL"),
        (["--with", "base", "--model", "m"], "--model or --key-variable: is for a server alone"),
        (["--with", "base"], "outputs/base.json: is not there: run `dvc repro` first"),
        (
            ["--with", "http://127.0.0.1:1/v1", "--model", "m", "--key-variable", "NONE_SUCH"],
            "--with.key_variable: the environment variable 'NONE_SUCH' is not set",
        ),
        (
            ["--with", "http://127.0.0.1:1/v1", "--model", "m", "--to", "rows.jsonl"],
            "rows.jsonl: must be named .json",
        ),
    ],
)
def test_bad_usage_is_told_in_a_line(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--rows", "2", *arguments) == 2
    assert f"error: {said}" in capsys.readouterr().err


def test_a_review_that_waits_is_not_written_over(capsys: pytest.CaptureFixture[str]) -> None:
    synthesized(writes, "--rows", "2")
    before = REVIEW.read_bytes()
    code, asked = synthesized(writes, "--rows", "4")
    assert (code, asked, REVIEW.read_bytes()) == (2, [], before)
    assert "may wait for its review" in capsys.readouterr().err


# --- shown to people ------------------------------------------------------------------------------


def test_a_task_has_a_draft_the_seed_and_the_models_name() -> None:
    synthesized(writes, "--rows", "2")
    for task, line in zip(tasks(), ROWS.read_text().splitlines(), strict=True):
        row = json.loads(line)
        assert (task["data"]["id"], task["data"]["synthetic"]) == (row["id"], "m")
        assert task["data"]["prompt"] == row["prompt"][-1]["content"]
        assert task["data"]["response"].startswith(f"made of: {row['about']['prompt']}")
        (draft,) = task["predictions"]
        assert draft["model_version"] == "m"
        assert draft["result"][0]["value"] == {"text": [row["completion"][0]["content"]]}
        assert "annotations" not in task


# --- accepted, or not -----------------------------------------------------------------------------


def test_nothing_enters_that_nobody_confirmed() -> None:
    synthesized(writes, "--rows", "4")
    assert read_labels(REVIEW) == []


def test_what_a_person_confirmed_or_mended_comes_back_with_its_mark() -> None:
    synthesized(writes, "--rows", "4")
    found = tasks()
    annotated(found)
    accept_labels(EXPORT, "checked by the cards team")
    rows = Row.read_lines(LABELLED)
    assert [row.synthetic for row in rows] == ["m", "m"]
    assert rows[0].id == found[0]["data"]["id"]
    assert rows[1].completion_text == "A mended answer."


def test_the_rows_beside_can_be_accepted_as_they_are() -> None:
    synthesized(writes, "--rows", "4")
    accept_labels(ROWS, "read them all")
    rows = Row.read_lines(LABELLED)
    assert {(row.synthetic, row.source) for row in rows} == {("m", "labelled.jsonl")}
    assert [row.id for row in rows] == [task["data"]["id"] for task in tasks()]


# --- a real model ---------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_embedded_base_writes_and_what_passes_is_marked_as_its(
    base_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = pin(ModelChoice(model=str(base_model)), "base")
    base.write(paths.BASE)
    machine = measure_machine()
    Numerics(precision=machine.fastest, processor=machine.processor).write(paths.NUMERICS)
    assert run("--rows", "6", "--with", "base") == 0
    assert f" of 6 replies of {base.name} passed" in capsys.readouterr().out
    if REVIEW.exists():
        assert {task["data"]["synthetic"] for task in tasks()} == {base.name}
    else:
        with pytest.raises(InputError):
            read_labels(REVIEW)
