"""What people said in annotation tools comes in by one command, which says how it was read."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from incumbent.cli import app
from project.records.data import Row
from tests.conftest import ROOT
from tests.incumbent.imported import SOURCES, brought, given, project_beside_files, refused

EXPORTS = ROOT / "tests/curation/exports"
COUNTED = ("rows", "preference_pairs", "good_answers", "negative_examples", "documents")
# What examples are read with whose records leave several readings.
NAMED = {
    "pair_choices.json": "--answer A=one --answer B=two",
    "pairwise.json": "--answer left=one --answer right=two",
    "flat.json": "--control preference",
    "nested.json": "--control preference",
    "ratings.json": "--good 4 --good 5 --bad 1",
}
ROW = {"prompt": "Who?", "completion": "Me."}
OTHERS: dict[str, Any] = {
    "rows.jsonl": ROW,
    "table.csv": "Question,Answer\nWho?,Me.\nWho?,Me.\nWhat?,\n",
    "texts.jsonl": {"text": "A fee is a price."},
    "manual.md": "# Fees\n\nA fee is a price.",
    "call.txt": "Customer: Hello?\nAgent: Yes.",
    "log.jsonl": {
        "id": "a",
        "at": "2026-03-01T00:00:00Z",
        "prompt": "Who?",
        "response": "You.",
        "feedback": {"rating": -1, "correction": "Me."},
    },
}

CORRECTED = {
    "prompt": [{"role": "user", "content": "Who?"}],
    "completion": [{"role": "assistant", "content": "Me."}],
    "about": {"why": "worst", "answer": "x"},
}


@pytest.fixture(autouse=True)
def project(isolate: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return project_beside_files(isolate, monkeypatch)


def summary(*arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(brought(*arguments, "--json"))
    return found


@pytest.mark.parametrize("path", sorted(EXPORTS.rglob("*.json*")), ids=lambda path: path.name)
def test_all_that_was_read_of_an_export_is_accounted_for(path: Path) -> None:
    named = NAMED.get(path.name, "").split()
    found = summary(str(path), *named, "--dry-run")
    assert found["read"] == sum(found[name] for name in COUNTED) + sum(found["left_out"].values())
    assert found["read"] > 0


@pytest.mark.parametrize("name", OTHERS)
def test_so_is_all_that_was_read_of_other_files(name: str) -> None:
    found = summary(given(name, OTHERS[name]))
    waiting = sum(found.get("waiting", {}).values())
    counts = sum(found[name] for name in COUNTED) + sum(found["left_out"].values())
    assert found["read"] == counts + waiting > 0


def test_a_refusal_names_the_whole_command_which_then_is_right() -> None:
    path = str(EXPORTS / "label_studio/pairwise.json")
    said = refused(path, "--as", "my-pairs", "--dry-run", "--redact")
    (command,) = re.findall("^  (incumbent data import .*)$", said, re.M)
    typed = shlex.split(command)[3:]
    assert {"--as", "my-pairs", "--dry-run", "--redact"} <= set(typed)
    assert "3 preference pairs" in brought(*typed)


def test_a_dry_run_shows_the_first_things_as_they_would_be_read() -> None:
    path = str(EXPORTS / "prodigy/answers.jsonl")
    said = brought(path, "--dry-run")
    assert re.search(r"such as +prompt: How do I block my card\?\n +answer: Call us\.", said)
    assert "bad answer: Call us." in said
    shown = summary(path, "--dry-run")["such_as"]
    assert [sorted(one) for one in shown] == [
        ["answer", "prompt"],
        ["bad answer", "prompt"],
        ["answer", "prompt"],
    ]
    assert "such as" not in brought(path)


def test_what_was_taken_for_what_is_said_in_the_json_too() -> None:
    notes = summary(str(EXPORTS / "label_studio/judged.json"))["notes"]
    assert any(
        note.startswith("the answer that was judged: 'answer', by its name") for note in notes
    )


@pytest.mark.parametrize(
    ("record", "what"),
    [
        ({"prompt": "Who?", "chosen": "Me.", "rejected": "You."}, "a file of preference pairs"),
        ({"prompt": "Who?", "completion": "You.", "label": False}, "a file of rated answers"),
        (CORRECTED, "corrected answers to dev items, which are for training alone"),
    ],
)
def test_what_is_no_label_of_the_queue_says_how_it_comes_in(record: Any, what: str) -> None:
    file = given("bad.jsonl", record)
    done = CliRunner().invoke(app, ["data", "labels", file])
    said = str(done.exception)
    assert what in said and said.endswith(f"type\n  incumbent data import {file}")
    brought(file, "--as", "bad")


def test_a_format_that_the_records_are_not_of_is_told() -> None:
    complaint = "is of Label Studio, by its records: --format label-studio"
    assert complaint in refused(str(EXPORTS / "label_studio/pairwise.json"), "--format", "prodigy")


def test_an_option_that_means_nothing_for_the_files_is_named() -> None:
    idle = ("--control", "x", "--answer", "a=b", "--dry-run")
    note = "of no use for these files: --control, --answer"
    assert note in summary(given("table.csv", OTHERS["table.csv"]), *idle)["notes"]
    binary = str(EXPORTS / "prodigy/binary.jsonl")
    notes = summary(binary, "--messages", "x", "--dry-run")["notes"]
    assert "of no use for these files: --messages" in notes


# --- folders --------------------------------------------------------------------------------------


def written(question: str, answer: str) -> str:
    value = {"text": [answer]}
    result = [{"from_name": "reply", "type": "textarea", "value": value}]
    task = {
        "id": 1,
        "data": {"q": question},
        "annotations": [{"result": result, "completed_by": 1}],
    }
    return json.dumps([task])


def test_files_that_are_called_alike_stay_apart() -> None:
    for folder in ("ann", "ben"):
        given(f"{folder}/tasks.json", written("Who?", f"{folder}."))
        given(f"{folder}/faq.csv", f"Question,Answer\nWhat is {folder}?,A name.\n")
    brought("../given/ann/tasks.json", "../given/ben/tasks.json", "--as", "people")
    made = list(Row.read_lines(SOURCES / "people.jsonl"))
    assert [row.source for row in made] == ["ann/tasks.json", "ben/tasks.json"]
    assert [row.annotator for row in made] == ["ann/tasks.json:1", "ben/tasks.json:1"]
    tables = ["../given/ann/faq.csv", "../given/ben/faq.csv"]
    brought(*tables, "--as", "tables")
    made = list(Row.read_lines(SOURCES / "tables.jsonl"))
    assert [row.source for row in made] == ["ann/faq.csv", "ben/faq.csv"]


@pytest.mark.parametrize(
    ("name", "text", "kept"),
    [
        ("faq.csv", "Question,Answer\nWho?,Me {}.\n", "rows"),
        ("notes.md", "# About\n\nThis is {}.", "documents"),
        ("call.txt", "Customer: Hello {}?\nAgent: Yes.", "rows"),
    ],
)
def test_so_do_those_of_one_folder(name: str, text: str, kept: str) -> None:
    for folder in ("a", "b"):
        given(f"all/{folder}/{name}", text.format(folder))
    assert summary("../given/all")[kept] == 2
    end = ".documents" if kept == "documents" else ""
    lines = (SOURCES / f"all{end}.jsonl").read_text().splitlines()
    assert [json.loads(line)["source"] for line in lines] == [f"a/{name}", f"b/{name}"]


def test_files_of_a_folder_that_are_not_read_are_named_with_the_reason() -> None:
    for name in ("faq/a.csv", "faq/README.md", "faq/.cache/x.csv", "faq/logo.png"):
        given(name, "Question,Answer\nWho?,Me.")
    unread = summary("../given/faq", "--dry-run")["unread"]
    assert unread == {
        "../given/faq/.cache": "hidden",
        "../given/faq/README.md": "no data by its name",
        "../given/faq/logo.png": "no data by its name",
    }
    said = brought("../given/faq", "--dry-run")
    assert "2 files, no data by its name: ../given/faq/README.md, ../given/faq/logo.png" in said


def test_the_folder_of_a_rasa_bot_is_read_with_its_settings_beside() -> None:
    given("bot/config.yml", "pipeline:\n- name: A\npolicies:\n- rank: 1")
    given("bot/nlu.yml", "nlu:\n- intent: fees\n  examples: |\n    - What does it cost?")
    given("bot/domain.yml", "responses:\n  utter_fees:\n  - text: Nothing.")
    found = summary("../given/bot", "--dry-run")
    assert (found["rows"], found["such_as"][0]["answer"]) == (1, "Nothing.")
    files = ("../given/bot/config.yml", "../given/bot/domain.yml")
    assert found["unread"] == dict.fromkeys(files, "no record of its own")


def test_exports_of_several_tools_in_a_folder_are_told_apart() -> None:
    given("all/a.json", written("Who?", "Me."))
    given("all/b.jsonl", {"text": "Who?", "_task_hash": 1, "answer": "accept", "label": "A"})
    said = refused("../given/all")
    assert "holds files of several kinds, label-studio and prodigy: import each by itself" in said
    for name in ("a.json", "b.jsonl"):
        assert f"  incumbent data import ../given/all/{name}" in said
    given("exported/corrections.jsonl", CORRECTED)
    given("exported/negatives.jsonl", {"prompt": "Who?", "chosen": "Me.", "rejected": "You."})
    assert "several kinds, rows and preferences" in refused("../given/exported")


def test_the_encoding_that_was_read_is_in_the_json_too() -> None:
    Path("../given/cafe.csv").write_bytes(
        "Question,Answer\nWhat is a café?,A place where one drinks coffee.\n".encode("cp1252")
    )
    pair = {"prompt": "Où est le café?", "chosen": "À côté.", "rejected": "Là-bas."}
    Path("../given/cafe.json").write_bytes(json.dumps([pair], ensure_ascii=False).encode("cp1252"))
    said = {"correction": "À côté du café, là-bas."}
    log = json.dumps(OTHERS["log.jsonl"] | {"feedback": said}, ensure_ascii=False)
    Path("../given/cafe.jsonl").write_bytes(log.encode("cp1252"))
    for name in ("cafe.csv", "cafe.json", "cafe.jsonl"):
        (note,) = [
            n for n in summary(f"../given/{name}", "--dry-run")["notes"] if "windows-1252" in n
        ]
        assert note.startswith(f"../given/{name}: ")


# --- who speaks -----------------------------------------------------------------------------------

TURNS = [{"role": "Client", "content": "Who?"}, {"role": "Robo", "content": "Me."}]


@pytest.mark.parametrize(
    ("name", "held"),
    [
        ("chat.jsonl", {"messages": TURNS}),
        ("chat.jsonl", {"messages": json.dumps(TURNS)}),
        ("call.txt", "Client: Who?\nRobo: Me."),
        ("pairs.jsonl", {"prompt": TURNS[:1], "chosen": TURNS[1:], "rejected": TURNS[1:]}),
    ],
)
def test_a_role_by_another_name_can_be_named(name: str, held: Any) -> None:
    file = given(name, held)
    if name != "call.txt":
        assert "--role Robo=assistant" in refused(file)
    named = ("--role", "Robo=assistant", "--dry-run")
    if name == "pairs.jsonl":
        assert "compare an answer with itself" in refused(file, *named)
    else:
        assert summary(file, *named)["such_as"] == [{"prompt": "Who?", "answer": "Me."}]


def test_turns_of_tools_are_learnt_as_texts_where_that_is_asked_for() -> None:
    call = {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]}
    file = given(
        "chat.jsonl",
        {"messages": [{"role": "user", "content": "Who?"}, call], "tools": [{"name": "f"}]},
    )
    assert "--tools keep" in refused(file, "--tools", "refuse")
    assert summary(file, "--dry-run")["rows"] == 1
    (shown,) = summary(file, "--tools", "text", "--dry-run")["such_as"]
    assert "<tool_call>" in shown["answer"] and '"name": "f"' in shown["system"]


@pytest.mark.parametrize(
    ("role", "complaint"),
    [("Robo", "'Robo' is no NAME=ROLE"), ("Robo=bot", "'bot' is none of system, user, assistant")],
)
def test_a_wrong_role_is_told(role: str, complaint: str) -> None:
    assert complaint in refused(given("chat.jsonl", {"messages": TURNS}), "--role", role)
