"""What users corrected waits for a person after every night, also where nothing drifts."""

import json
from collections import Counter
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from monitoring.night import new_notes
from monitoring.night_history import nights_before
from monitoring.traffic.traffic_store import TrafficStore
from monitoring.trigger import acceptance
from monitoring.trigger.acceptance import accept, read_set_aside, set_aside
from monitoring.trigger.labels import labelled_row, read_labels
from monitoring.trigger.waiting_corrections import queue_corrections
from project.errors import InputError
from project.records.drift import Action, DriftVerdict
from project.records.traffic import Feedback
from registry.store import Registry
from tests.monitoring.test_acceptance import with_contract
from tests.quick_nights import Make, day, rows_of, run, watched_site

DAY = date(2026, 11, 24)
QUEUE = Path("datasets/queue/user-corrections.json")
KEEP = 90


@pytest.fixture
def store(tmp_path: Path) -> TrafficStore:
    return TrafficStore(tmp_path / "traffic", redact=False, quarantine=Path("quarantine"))


def put(store: TrafficStore, day: date, name: str, *lines: dict[str, Any]) -> None:
    path = store.root / str(day) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def answer(name: str, day: date = DAY, **fields: Any) -> dict[str, Any]:
    asked = {"prompt": f"What is {name}?", "response": "No idea.", "user": f"user of {name}"}
    return {"id": name, "at": f"{day}T10:00:00Z", "caller": "app"} | asked | fields


def corrects(name: str, text: str, day: date = DAY) -> dict[str, Any]:
    return {"feedback_of": name, "at": f"{day}T11:00:00Z", "caller": "app", "correction": text}


def night(store: TrafficStore, day: date = DAY) -> int:
    return queue_corrections(store, day, KEEP).waiting


def waiting() -> dict[str, str]:
    """Drafts by the answers that they correct."""
    tasks = json.loads(QUEUE.read_bytes())
    return {t["data"]["id"]: t["predictions"][0]["result"][0]["value"]["text"][0] for t in tasks}


def test_a_correction_waits_and_those_of_later_nights_join_it(store: TrafficStore) -> None:
    put(store, DAY, "g-1.jsonl", answer("a"), answer("b"))
    put(store, DAY, "feedback-g-2.jsonl", corrects("a", "It is a."))
    assert night(store) == 1
    later = DAY + timedelta(days=1)
    put(store, later, "g-3.jsonl", answer("c", later))
    put(store, later, "feedback-g-4.jsonl", corrects("c", "It is c.", later))
    assert night(store, later) == 2
    assert waiting() == {"a": "It is a.", "c": "It is c."}


def test_one_that_comes_weeks_later_is_found_beside_its_answer(store: TrafficStore) -> None:
    put(store, DAY, "g-1.jsonl", answer("a"))
    later = DAY + timedelta(days=20)
    put(store, later, "feedback-g-2.jsonl", corrects("a", "It is a.", later))
    put(store, later, "g-3.jsonl", answer("b", later))
    assert night(store, later) == 1
    assert waiting() == {"a": "It is a."}


def test_without_corrections_there_is_no_file(store: TrafficStore) -> None:
    put(store, DAY, "g-1.jsonl", answer("a"))
    assert night(store) == 0
    assert not QUEUE.exists()


def test_what_somebody_accepted_leaves(store: TrafficStore, registry: Registry) -> None:
    put(store, DAY, "g-1.jsonl", answer("a"), answer("b"))
    put(store, DAY, "feedback-g-2.jsonl", corrects("a", "It is a."), corrects("b", "It is b."))
    night(store)
    tasks = json.loads(QUEUE.read_bytes())
    tasks[0]["annotations"] = [{"result": tasks[0]["predictions"][0]["result"]}]
    Path("export.json").write_text(json.dumps(tasks))
    accept(read_labels(Path("export.json")), registry, "right")
    assert night(store) == 1
    assert waiting() == {"b": "It is b."}


def test_what_is_older_than_the_traffic_is_kept_leaves(store: TrafficStore) -> None:
    put(store, DAY, "g-1.jsonl", answer("a"))
    put(store, DAY, "feedback-g-2.jsonl", corrects("a", "It is a."))
    night(store)
    assert night(store, DAY + timedelta(days=KEEP)) == 1
    assert night(store, DAY + timedelta(days=KEEP + 1)) == 0


def test_a_conversation_that_somebody_accepted_waits_no_longer(
    store: TrafficStore, registry: Registry
) -> None:
    turns = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "What is a?"}]
    put(store, DAY, "g-1.jsonl", answer("a", prompt=turns))
    put(store, DAY, "feedback-g-2.jsonl", corrects("a", "It is a."))
    assert night(store) == 1
    tasks = json.loads(QUEUE.read_bytes())
    written = {"type": "textarea", "from_name": "answer", "value": {"text": ["It is a."]}}
    export = Path("export.json")
    export.write_text(
        json.dumps([task | {"annotations": [{"result": [written]}]} for task in tasks])
    )
    accept(read_labels(export), registry, "checked")
    assert night(store, DAY + timedelta(days=1)) == 0


def test_one_user_fills_no_file(store: TrafficStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acceptance, "LABELS_PER_USER", 2)
    rows = [answer(f"a{number}", user="mallory") for number in range(9)]
    put(store, DAY, "g-1.jsonl", *rows, answer("b"))
    said = [corrects(row["id"], "Mine.") for row in rows]
    put(store, DAY, "feedback-g-2.jsonl", *said, corrects("b", "It is b."))
    assert night(store) == 3
    assert "b" in waiting()


def test_many_users_with_many_corrections_leave_a_place_to_each_other_one(
    store: TrafficStore,
) -> None:
    """In the order of the log those of the flood come first."""
    flood = [answer(f"f{i}", user=f"flooder {i % 50}") for i in range(600)]
    others = [answer(f"o{i}") for i in range(30)]
    put(store, DAY, "g-1.jsonl", *flood, *others)
    said = [corrects(row["id"], f"It is {row['id']}.") for row in (*flood, *others)]
    put(store, DAY, "feedback-g-2.jsonl", *said)
    first = queue_corrections(store, DAY, KEEP)
    assert first.waiting == 500
    assert {row["id"] for row in others} <= waiting().keys()
    assert first.notes == (
        "of the day's corrections by users 130 left out: over 500 labels at once",
    )
    later = DAY + timedelta(days=1)
    late = [answer(f"l{i}", later) for i in range(20)]
    put(store, later, "g-3.jsonl", *late)
    put(store, later, "feedback-g-4.jsonl", *(corrects(r["id"], "So.", later) for r in late))
    second = queue_corrections(store, later, KEEP)
    assert {row["id"] for row in (*others, *late)} <= waiting().keys()
    assert second.notes == ("of the corrections that wait 20 left out: over 500 labels at once",)
    users = Counter(task["data"]["user"] for task in json.loads(QUEUE.read_bytes()))
    assert max(users.values()) == 9


def test_a_quiet_night_queues_corrections_too_and_says_what_did_not_fit(make_adapter: Make) -> None:
    said = Feedback(rating=-1, correction="as it should be")
    rows = rows_of(30, on=3, rows=520)
    flood = [row.model_copy(update={"feedback": said, "user": f"f {row.id[-1]}"}) for row in rows]
    with watched_site(make_adapter) as context:
        run(context, 3, [*rows_of(3), *flood])
        (night, *_) = nights_before(context.registry.engine, "bank", day(4))
    limit = "left out: over 50 labels of one user"
    assert f"of the day's corrections by users 20 {limit}" in night.notes
    assert (night.verdict, night.action) == (DriftVerdict.NO_DRIFT, Action.NONE)
    assert len(waiting()) == 500


def test_a_file_that_is_no_queue_is_left_alone(store: TrafficStore) -> None:
    QUEUE.parent.mkdir(parents=True)
    QUEUE.write_text('[{"data": {"prompt": "mine"}}]')
    with pytest.raises(InputError, match="move"):
        night(store)
    assert "mine" in QUEUE.read_text()


@pytest.mark.parametrize("prompt", ["", "  \n", [], [{"role": "user", "content": ""}]], ids=str)
def test_a_prompt_that_asks_nothing_waits_for_nobody_and_stops_no_later_night(
    store: TrafficStore, prompt: Any
) -> None:
    put(store, DAY, "g-1.jsonl", answer("a", prompt=prompt), answer("b"))
    put(store, DAY, "feedback-g-2.jsonl", corrects("a", "It is a."), corrects("b", "It is b."))
    found = queue_corrections(store, DAY, KEEP)
    assert waiting() == {"b": "It is b."}
    assert found.notes == ()  # the night counts it with what of the traffic is set aside
    assert night(store, DAY + timedelta(days=1)) == 1


def test_a_correction_that_could_never_be_accepted_is_set_aside_with_its_reason(
    store: TrafficStore,
) -> None:
    with_contract()
    put(store, DAY, "g-1.jsonl", answer("a"), answer("b"))
    said = (corrects("a", "Pay to DE89 3704 0044 0532 0130 00."), corrects("b", "It is b."))
    put(store, DAY, "feedback-g-2.jsonl", *said)
    found = queue_corrections(store, DAY, KEEP)
    assert waiting() == {"b": "It is b."}
    assert found.notes[0] == (
        '1 set aside that the gate would refuse: "no account numbers"; '
        "see datasets/queue/set-aside.jsonl"
    )
    (one,) = read_set_aside(QUEUE.with_name("set-aside.jsonl"))
    assert (one.prompt, one.reason) == (
        "What is a?",
        'that the gate would refuse: "no account numbers"',
    )


def test_what_a_night_said_of_its_queue_is_not_said_again_of_the_corrections() -> None:
    rows = [labelled_row(f"What is {i}?", "So.", None) for i in range(3)]
    why = dict.fromkeys((row.id for row in rows), 'that the gate would refuse: "no loops"')
    of_queue = set_aside(rows, why, QUEUE, f"{DAY}T00:00:00Z")
    of_corrections = set_aside(rows[:1], why, QUEUE, f"{DAY}T00:00:00Z")
    assert of_queue[0].startswith("3 set aside") and of_corrections[0].startswith("1 set aside")
    assert new_notes(of_corrections, ["drift", *of_queue]) == []
    assert new_notes(["1 set aside without a prompt", "a note"], of_queue) == [
        "1 set aside without a prompt",
        "a note",
    ]
