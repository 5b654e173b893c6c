"""What should be labelled goes to Label Studio as a queue, and comes back as labels."""

import json
from pathlib import Path
from typing import Any

import pytest

from monitoring.traffic.voices import CONTEXT
from monitoring.trigger.labels import Label, label_of, pseudonym, read_labels, write_queue
from project.errors import InputError
from project.records.data import EvidencePassage, Message
from project.records.traffic import Feedback, Traffic

QUEUE, EXPORT = Path("queue.json"), Path("export.json")


def asked(name: str, correction: str | None = None, user: str | None = None) -> Traffic:
    feedback = Feedback(rating=-1, correction=correction)
    return Traffic(
        id=name,
        at="2026-03-01T00:00:00Z",
        user=user,
        prompt=f"what is {name}?",
        response="?",
        feedback=feedback,
    )


def queued(rows: list[Traffic], **more: Any) -> list[dict[str, Any]]:
    write_queue(rows, QUEUE, **more)
    tasks: list[dict[str, Any]] = json.loads(QUEUE.read_bytes())
    return tasks


def written(text: str) -> dict[str, Any]:
    return {"value": {"text": [text]}, "from_name": "answer", "type": "textarea"}


def labels(tasks: list[dict[str, Any]]) -> list[Label]:
    EXPORT.write_text(json.dumps(tasks))
    return read_labels(EXPORT)


def test_the_queue_is_what_label_studio_imports() -> None:
    tasks = queued([asked("a"), asked("b")])
    assert [task["data"]["prompt"] for task in tasks] == ["what is a?", "what is b?"]
    assert set(tasks[0]) == {"data", "meta"}


def test_what_a_user_wrote_is_a_draft_that_says_nothing_of_its_user_but_who_is_the_same() -> None:
    a, b = queued([asked("a", " an a ", "jane"), asked("b", "a b", "jane")])
    (result,) = a["predictions"][0]["result"]
    assert (result["from_name"], result["to_name"]) == ("answer", "prompt")
    assert result["value"] == {"text": ["an a"]}
    assert a["data"]["user"] == b["data"]["user"] == pseudonym(asked("c", None, "jane"))
    assert "jane" not in QUEUE.read_text()


def test_predictions_are_never_read_as_labels() -> None:
    tasks = queued([asked("a", "an a", "jane"), asked("b", "a b", "jane")])
    tasks[0]["annotations"] = []
    tasks[1]["annotations"] = [{"result": []}, {"was_cancelled": True, "result": [written("x")]}]
    assert labels(tasks) == []


def test_what_people_wrote_for_the_queue_comes_back_with_its_drift_and_its_user() -> None:
    """As Label Studio exports it: the task, and an annotation with a text area."""
    tasks = queued([asked("a", "wrong", "jane"), asked("b")], drifted={"a"}, since="2026-02-27")
    for task, text in zip(tasks, ("an a", "a b"), strict=True):
        task |= {"id": 1, "annotations": [{"id": 7, "result": [written(text)]}]}
    a, b = labels(tasks)
    assert (a.row.prompt_text, a.row.completion_text) == ("what is a?", "an a")
    assert (a.row.slices, b.row.slices) == ({"drift": "2026-02-27"}, {})
    assert (a.user, b.user) == (pseudonym(asked("a", None, "jane")), None)
    assert (a.row.source, a.row.group) == ("labelled.jsonl", a.row.id)


def test_what_was_asked_on_passages_stays_on_them_and_an_abstention_says_that_none_answers() -> (
    None
):
    """A label without them would teach to answer from memory."""
    shown = (EvidencePassage(id="fees.md#1", text="The fee is 3 crowns.", source="fees.md"),)
    rows = [asked(name).model_copy(update={"evidence": shown}) for name in "ab"]
    tasks = queued(rows)
    for task, text in zip(tasks, ("It is 3 crowns [1].", "I do not know."), strict=True):
        task["annotations"] = [{"result": [written(text)]}]
    a, b = (one.row for one in labels(tasks))
    assert a.evidence == b.evidence == shown
    assert (a.answerable, b.answerable) == (True, False)
    assert label_of(rows[0], "It is 3 crowns [1].", None).row.evidence == shown


def test_a_conversation_keeps_its_turns() -> None:
    turns = (Message(role="system", content="be kind"), Message(role="user", content="who?"))
    row = asked("a").model_copy(update={"prompt": turns})
    (task,) = queued([row])
    (label,) = labels([task | {"annotations": [{"result": [written("me")]}]}])
    assert label.row.prompt == turns
    assert label.row.id == label_of(row, "me", None).row.id


def test_people_see_what_was_asked_last_and_below_it_what_it_came_with() -> None:
    said = [("system", "be kind"), ("user", "a card"), ("assistant", "which?"), ("user", "mine")]
    turns = tuple(Message.model_validate({"role": role, "content": text}) for role, text in said)
    (task,) = queued([asked("a").model_copy(update={"prompt": turns})])
    assert task["data"]["prompt"].splitlines() == [
        *("mine", "", CONTEXT),
        *("system: be kind", "user: a card", "assistant: which?"),
    ]
    (alone,) = queued([asked("a").model_copy(update={"prompt": turns[-1:]})])
    assert alone["data"]["prompt"] == "mine"


def test_a_queue_of_an_earlier_version_still_comes_back() -> None:
    task = {"data": {"id": "a", "prompt": "what is a?", "response": "?"}, "meta": {}}
    (label,) = labels([task | {"annotations": [{"result": [written("an a")]}]}])
    assert (label.user, label.row.slices) == (None, {})


def test_rows_of_json_lines_are_labels_too() -> None:
    path = Path("experts.jsonl")
    path.write_text('{"prompt": "what is a?", "completion": "an a"}\n')
    (label,) = read_labels(path)
    assert (label.row.source, label.row.completion_text) == ("labelled.jsonl", "an a")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[{"data": {}}]', "0.data.prompt: Field required"),
        ('[{"data": {"prompt": ""}}]', "0.data.prompt: "),
        ('[{"data": {"prompt": "a", "drift": "soon"}}]', "0.data.drift: "),
        ('[{"data": {"prompt": "a", "messages": [{"role": "x"}]}}]', "0.data.messages.0.role: "),
        ('[{"data": {"prompt": "a"}, "annotations": 1}]', "0.annotations: "),
        ('{"prompt": "a"}', "must be a valid array"),
        ("[", "Invalid JSON"),
    ],
)
def test_an_export_that_is_none_is_refused_with_its_place(text: str, said: str) -> None:
    EXPORT.write_text(text)
    with pytest.raises(InputError, match=rf"^export\.json: {said}"):
        read_labels(EXPORT)
