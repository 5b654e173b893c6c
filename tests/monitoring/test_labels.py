"""Corrections become rows to train on; what nobody corrected becomes a queue."""

import json
from pathlib import Path

import pytest

from monitoring.trigger.labels import add_labelled, add_rows, read_answers, write_queue
from project.errors import InputError
from project.records.data import Message, Row
from project.records.traffic import Feedback, Traffic

PATH = Path("labelled.jsonl")


def asked(name: str, correction: str | None = None) -> Traffic:
    feedback = Feedback(rating=-1, correction=correction)
    return Traffic(
        id=name,
        at="2026-03-01T00:00:00Z",
        prompt=f"what is {name}?",
        response="?",
        feedback=feedback,
    )


def test_a_correction_is_a_row_whose_slice_names_the_drift_that_it_answers() -> None:
    rows = [asked("a", "an a"), asked("b", "a b"), asked("c")]
    assert add_labelled(rows, frozenset({"a"}), "2026-02-27", PATH) == 2
    a, b = Row.read_lines(PATH)
    assert (a.prompt_text, a.completion_text) == ("what is a?", "an a")
    assert (a.slices, b.slices) == ({"drift": "2026-02-27"}, {})
    assert a.source == "labelled.jsonl"


def test_the_same_rows_again_change_nothing() -> None:
    rows = [asked("a", "an a")]
    add_labelled(rows, frozenset(), "2026-02-27", PATH)
    before = PATH.read_bytes()
    assert add_labelled(rows, frozenset({"a"}), "2026-03-09", PATH) == 0
    assert PATH.read_bytes() == before


def test_new_rows_are_added_behind_the_old_ones() -> None:
    add_labelled([asked("a", "an a")], frozenset(), "2026-02-27", PATH)
    assert add_labelled([asked("b", "a b")], frozenset(), "2026-02-27", PATH) == 1
    assert [row.completion_text for row in Row.read_lines(PATH)] == ["an a", "a b"]


def test_a_conversation_keeps_its_turns() -> None:
    turns = (Message(role="system", content="be kind"), Message(role="user", content="who?"))
    row = asked("a", "an a").model_copy(update={"prompt": turns})
    add_labelled([row], frozenset(), "2026-02-27", PATH)
    assert Row.read_lines(PATH)[0].prompt == turns


def test_the_queue_is_what_label_studio_imports() -> None:
    write_queue([asked("a"), asked("b")], Path("queue.json"))
    tasks = json.loads(Path("queue.json").read_bytes())
    assert [task["data"]["prompt"] for task in tasks] == ["what is a?", "what is b?"]
    assert set(tasks[0]) == {"data", "meta"}


def test_what_people_wrote_for_the_queue_comes_back_as_rows() -> None:
    """As Label Studio exports it: the task, and an annotation with a text area."""
    write_queue([asked("a"), asked("b"), asked("c")], Path("queue.json"))
    tasks = json.loads(Path("queue.json").read_bytes())
    written = {"value": {"text": ["an a"]}, "from_name": "answer", "type": "textarea"}
    tasks[0] |= {"id": 1, "annotations": [{"id": 7, "result": [written]}]}
    skipped = {"was_cancelled": True, "result": [written]}
    tasks[1] |= {"id": 2, "annotations": [skipped, {"result": []}]}
    Path("export.json").write_text(json.dumps(tasks))
    (row,) = read_answers(Path("export.json"))
    assert (row.prompt_text, row.completion_text) == ("what is a?", "an a")
    assert [add_rows([row], PATH), add_rows([row], PATH)] == [1, 0]


def test_an_export_that_is_none_is_refused_with_its_place() -> None:
    Path("export.json").write_text('[{"data": {}}]')
    with pytest.raises(InputError, match=r"export.json: 0.data.prompt: Field required"):
        read_answers(Path("export.json"))
