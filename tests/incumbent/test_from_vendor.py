"""A vendor's files come in by what the old model learnt: it is no item."""

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from curation.curation_settings import CollectParams, CurateParams, FileSource, Format
from incumbent.cli import app
from incumbent.importing.vendor_files import read_vendor_files
from incumbent.init.findings import Findings, find
from incumbent.init.own_sources import HowRead
from incumbent.project_files import copy_project
from project.errors import InputError
from project.model_pins import BaseChoice
from project.records.data import Row, Split
from project.records.preferences import PreferencePair, read_preferences
from project.settings import load
from tests.incumbent.imported import SOURCES, brought, given, project_beside_files, refused
from tests.vendor_fixture import (
    CHATS,
    HELD_OUT,
    MODEL,
    PAIRS,
    TRAINING,
    VALIDATION,
    chat,
    job,
    pair,
    turn,
    write_vendor_files,
)

OPENAI = ("--from-vendor", "openai")
Q1, Q2 = ("What is a bond?", "A loan to a state."), ("What is a share?", "A part of a company.")


@pytest.fixture(autouse=True)
def project(isolate: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return project_beside_files(isolate, monkeypatch)


def rows(name: str) -> list[Row]:
    return list(Row.read_lines(SOURCES / f"{name}.jsonl"))


def answers(name: str) -> list[str]:
    return [row.completion_text for row in rows(name)]


# --- what was learnt, and what was not ------------------------------------------------------------


def test_what_the_old_model_learnt_is_for_training_alone_and_the_rest_is_not() -> None:
    write_vendor_files(Path("../given"))
    files = [f"../given/{name}" for name in (f"{TRAINING}.jsonl", "pairs.jsonl", "job.json")]
    told = brought(*files, f"../given/{VALIDATION}.jsonl", *OPENAI, "--as", "tuned")
    assert load(CurateParams).train_only == ("tuned.jsonl",)
    assert {row.source for row in rows("tuned")} == {"tuned.jsonl"}
    assert len(rows("tuned")) == CHATS + CHATS // 10 + PAIRS
    assert len(rows("tuned-validation")) == HELD_OUT
    paths = [str(one.path) for one in load(CollectParams).sources if one.kind == "file"]
    assert paths[1:] == ["datasets/sources/tuned.jsonl", "datasets/sources/tuned-validation.jsonl"]
    assert all(
        isinstance(one, PreferencePair)
        for one in read_preferences(Path("datasets/preferences/tuned.jsonl"))
    )
    assert f"{MODEL} of gpt-4o-mini-2024-07-18, trained on {TRAINING}, 3 epochs" in told
    assert f"{HELD_OUT} rows that the old model did not learn" in told
    assert f"add-contestant --hosted {MODEL} --url https://api.openai.com/v1" in told


def test_an_answer_of_weight_0_is_context_and_no_answer_to_learn() -> None:
    brought(given("a.jsonl", chat(Q1, Q2, weights=(0, 1)), chat(Q1, weights=(0,))), *OPENAI)
    (row,) = rows("a")
    assert [one.content for one in row.prompt] == [*Q1, Q2[0]]
    assert row.completion_text == Q2[1]


def test_every_answer_that_was_learnt_is_a_row_and_all_stay_together() -> None:
    brought(given("a.jsonl", chat(Q1, Q2)), *OPENAI)
    assert answers("a") == [Q1[1], Q2[1]]
    assert len({row.group for row in rows("a")}) == 1


def test_a_call_of_a_tool_is_kept_and_left_out_or_learnt_as_text_where_that_is_asked_for() -> None:
    call = {"type": "function", "function": {"name": "fee", "arguments": '{"of": "card"}'}}
    turns = [turn("user", "The fee?"), {"role": "assistant", "tool_calls": [call]}]
    file = given("a.jsonl", chat(Q1), {"messages": turns, "tools": [{"name": "fee"}]})
    brought(file, *OPENAI)
    assert [(one.name, one.arguments) for one in rows("a")[1].calls] == [("fee", {"of": "card"})]
    brought(file, *OPENAI, "--tools", "text", "--replace")
    assert '"name": "fee"' in answers("a")[1] and not rows("a")[1].calls
    told = brought(file, *OPENAI, "--tools", "refuse", "--replace")
    assert "1 no conversation: a turn calls a tool" in told


def test_of_a_conversation_with_tools_every_answer_that_was_learnt_is_a_row() -> None:
    asked, told = chat(Q1, Q2, weights=(0, 1))["messages"], {"name": "fee"}
    brought(given("a.jsonl", {"messages": asked, "functions": [told]}), *OPENAI)
    (row,) = rows("a")
    assert row.tools == ({"type": "function", "function": told},)
    assert (row.completion_text, {one.weight for one in row.prompt}) == (Q2[1], {None})


def test_what_was_held_out_teaches_no_preference() -> None:
    file = given("a.jsonl", chat(Q1))
    held = given("held.jsonl", pair(*Q2, "No idea."))
    brought(file, "--validation", held, *OPENAI)
    assert answers("a-validation") == [Q2[1]]
    assert not Path("datasets/preferences").exists()


def test_without_rows_that_it_did_not_learn_it_says_that_there_is_no_verdict() -> None:
    told = brought(given("a.jsonl", chat(Q1)), given("job.json", job()), *OPENAI)
    assert "there can be no verdict" in told and "--validation" in told
    copy = given("copy.jsonl", chat(Q1))
    told = brought(given("a.jsonl", chat(Q1)), "--validation", copy, *OPENAI, "--dry-run")
    assert "there can be no verdict" in told


def test_programs_read_it_as_json() -> None:
    told = brought(given("a.jsonl", chat(Q1)), given("job.json", job()), *OPENAI, "--json")
    found = json.loads(told)
    assert [(one["name"], one["learnt"], one["rows"]) for one in found["parts"]] == [("a", True, 1)]
    assert MODEL in found["next"]


@pytest.mark.parametrize(
    ("vendor", "record", "answer"),
    [
        ("openai", {"prompt": "What is a bond? ->", "completion": " A loan."}, "A loan."),
        ("together", {"prompt": "What is a bond?", "completion": "A loan."}, "A loan."),
        ("together", chat(Q1, Q2, weights=(0, 1)), Q2[1]),
        ("together", pair(*Q1, "No idea."), Q1[1]),
        ("fireworks", chat(Q1, weight=2.0), Q1[1]),
        ("databricks", {"prompt": "What is a bond?", "response": "A loan."}, "A loan."),
        ("databricks", chat(Q1), Q1[1]),
    ],
)
def test_other_vendors_have_their_own_fields(vendor: str, record: object, answer: str) -> None:
    brought(given("a.jsonl", record), "--from-vendor", vendor)
    assert answers("a") == [answer]


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("vendor", "record", "complaint"),
    [
        ("openai", {"text": "A bond is a loan."}, r"OpenAI's files have messages.*are documents"),
        ("openai", chat(Q1, weight=2.0), "not known of rows of OpenAI"),
        ("databricks", chat(Q1, weights=(0,)), "not known of turns of Databricks"),
        (
            "openai",
            {"messages": [turn("user", "2 + 2?")], "answer": "4"},
            "in which nobody answers",
        ),
        ("fireworks", chat(Q1, weight=0.0), "weight says that they were not learnt"),
        ("openai", "no JSON", "a.jsonl:1"),
    ],
)
def test_what_is_not_known_of_a_vendor_is_refused(
    vendor: str, record: object, complaint: str
) -> None:
    said = refused(given("a.jsonl", record), "--from-vendor", vendor)
    assert re.search(complaint, said), said


def test_the_file_that_was_trained_on_is_no_validation_file() -> None:
    file, held = given("a.jsonl", chat(Q1)), given(f"{TRAINING}.jsonl", chat(Q2))
    said = refused(file, given("job.json", job()), "--validation", held, *OPENAI)
    assert "is what ftjob-abc123 trained on" in said


def test_a_job_without_a_model_or_of_another_vendor_is_refused() -> None:
    file = given("a.jsonl", chat(Q1))
    assert "made no model" in refused(file, given("j.json", job(fine_tuned_model=None)), *OPENAI)
    other = given("j.json", {"id": "ft-1", "training_file": "file-1"})
    assert "a `fine_tuning.job` of OpenAI" in refused(file, other, "--from-vendor", "together")


def test_a_validation_file_alone_is_refused() -> None:
    job_file = given("job.json", job())
    said = refused(given(f"{VALIDATION}.jsonl", chat(Q1)), job_file, *OPENAI)
    assert "name what the old model was trained on too" in said
    assert "--from-vendor" in refused(given("a.csv", "a,b"), "--validation", job_file)


# --- a project of it ------------------------------------------------------------------------------


def test_of_a_new_project_only_what_was_not_learnt_is_items(
    word_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = found_in_a_project(word_base, tmp_path, monkeypatch)
    items = [row for part in (Split.DEV, Split.SEALED) for row in found.part(part)]
    assert {row.source for row in items} == {"validation.jsonl"}
    assert len(items) > 0.9 * HELD_OUT
    assert {row.source for row in found.part(Split.TRAIN)} >= {"training.jsonl"}
    assert len(found.pairs) == PAIRS


def test_few_rows_that_were_not_learnt_are_too_few_for_a_project(
    word_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match=r"^20 distinct rows that the old model did not learn"):
        found_in_a_project(word_base, tmp_path, monkeypatch, held_out=20)


def found_in_a_project(
    base: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, held_out: int = HELD_OUT
) -> Findings:
    """What `init` finds in the fixture's files, whose copies lie where a project has them."""
    write_vendor_files(folder / "files", held_out)
    vendor = read_vendor_files([*(folder / "files").iterdir()], (), "openai", HowRead())
    assert vendor
    (folder / "new").mkdir()
    monkeypatch.chdir(folder / "new")
    copy_project(Path(), sample=False)
    names = [path.name for path in vendor.write(SOURCES)]
    assert names == ["training.jsonl", "validation.jsonl", "pairs.jsonl"]
    formats: tuple[Format | None, ...] = (None, None, "preferences")
    sources = [
        FileSource(kind="file", path=SOURCES / name, format=form, answers_as_rows=form is not None)
        for name, form in zip(names, formats, strict=True)
    ]
    return find(sources, BaseChoice(model=str(base)), base, ("training.jsonl",))


def test_a_project_of_learnt_rows_alone_is_refused_and_says_what_to_bring() -> None:
    file = given("a.jsonl", chat(Q1))
    done = CliRunner().invoke(app, ["init", "../own", "--from", file, *OPENAI, "--yes"])
    assert "there can be no verdict. Name its validation file" in str(done.exception)
    assert not Path("../own").exists()
