"""Labels that were accepted on one machine reach a retrain on another, and nothing is lost."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from curation.eval_sets import (
    EVAL_SETS,
    Rotation,
    accepted_ids,
    append_change,
    read_changes,
)
from incumbent.verbs.data_rows import accept_labels
from monitoring.carried_labels import (
    NEGATIVE,
    bring_labels,
    carry_accepted,
    carry_labels,
    labels_waiting,
    let_go,
)
from monitoring.night_context import NightContext
from monitoring.trigger.acceptance import accept
from monitoring.trigger.labels import LABEL_QUEUE, LABELLED, Label, labelled_row
from project.erasures import ERASED, Erasure
from project.errors import IncumbentError
from project.records.data import Row, Split
from project.records.drift import Night
from project.records.record import Digest, write_records
from registry.garbage import collect
from registry.storage.artifact_store import Artifacts
from registry.store import Registry
from tests.quick_nights import Make, opened, run, site_of


@pytest.fixture
def context(make_adapter: Make) -> Iterator[NightContext]:
    with opened(make_adapter) as registry:
        yield site_of(registry)


def machine(name: str) -> None:
    """Go on in the project of that machine."""
    folder = Path(os.environ["INCUMBENT_HOME"]).parent / f"machine-{name}"
    folder.mkdir(exist_ok=True)
    os.chdir(folder)


def label(registry: Registry, number: int, answer: str = "so") -> Row:
    row = labelled_row(f"what is number {number}?", answer, "2026-03-05")
    one = Label(row=row, user=None, bad=f"bad {number}")
    accept([one], registry, "checked")
    return row


def night(context: NightContext, labels: Digest | None) -> Night:
    return run(context, 3, []).model_copy(update={"labels": labels})


def carried(context: NightContext) -> Night:
    """A night that carries what this machine has."""
    return night(context, carry_labels(context, None))


def test_a_machine_without_labels_gets_them_with_their_acceptance(context: NightContext) -> None:
    machine("a")
    row = label(context.registry, 1)
    files = [path.read_bytes() for path in (LABELLED, EVAL_SETS, NEGATIVE)]
    before = carried(context)
    machine("b")
    assert bring_labels(context, [before]) == []
    assert [path.read_bytes() for path in (LABELLED, EVAL_SETS, NEGATIVE)] == files
    assert accepted_ids(read_changes()) == {row.id}


def test_labels_that_left_the_store_are_passed_over(context: NightContext) -> None:
    machine("a")
    first = label(context.registry, 1)
    before = carried(context)
    label(context.registry, 2)
    newest = night(context, carry_labels(context, before.labels))
    assert newest.labels not in (None, before.labels)
    context.registry.artifacts.blobs.delete(newest.labels)
    machine("b")
    assert bring_labels(context, [before, newest]) == []
    assert [row.id for row in Row.read_lines(LABELLED)] == [first.id]
    machine("c")
    assert bring_labels(context, [newest], strict=True) == []
    assert not LABELLED.exists()


def test_rows_of_both_machines_are_kept(context: NightContext) -> None:
    machine("a")
    first = label(context.registry, 1)
    before = carried(context)
    machine("b")
    second = label(context.registry, 2)
    bring_labels(context, [before], strict=True)
    assert {row.id for row in Row.read_lines(LABELLED)} == {first.id, second.id}
    assert accepted_ids(read_changes()) == {first.id, second.id}
    assert bring_labels(context, [before]) == []  # the same again changes nothing


def differing(context: NightContext) -> Night:
    """Machine b has another answer under the same id as a."""
    machine("a")
    row = label(context.registry, 1)
    before = carried(context)
    machine("b")
    label(context.registry, 1)
    other = row.model_copy(update={"source": "edited"})
    write_records(LABELLED, [other])
    return before


def test_a_retrain_is_refused_where_two_machines_disagree(context: NightContext) -> None:
    before = differing(context)
    with pytest.raises(IncumbentError, match=r"1 row of .*labelled.jsonl differ.*make them agree"):
        bring_labels(context, [before], strict=True)


def test_a_night_goes_on_with_its_own_rows_and_says_that_others_differ(
    context: NightContext,
) -> None:
    before = differing(context)
    (note,) = bring_labels(context, [before])
    assert "kept as they are here" in note
    assert [row.source for row in Row.read_lines(LABELLED)] == ["edited"]


def test_rows_that_were_erased_do_not_come_back(context: NightContext) -> None:
    machine("a")
    row = label(context.registry, 1)
    before = carried(context)
    LABELLED.unlink()
    NEGATIVE.unlink()
    gone = Erasure(at="2026-03-06T00:00:00Z", by="p", reason="asked", rows=(row.id,), texts=())
    write_records(ERASED, [gone])
    bring_labels(context, [before])
    assert not LABELLED.exists()
    after = carried(context)
    machine("b")
    bring_labels(context, [after])
    assert ERASED.exists() and not LABELLED.exists()


def test_a_set_that_was_rotated_on_both_machines_is_for_a_person_to_merge(
    context: NightContext,
) -> None:
    machine("a")
    append_change(rotation("a"))
    before = carried(context)
    machine("b")
    append_change(rotation("b"))
    with pytest.raises(IncumbentError, match="changed on two machines at once"):
        bring_labels(context, [before])


def rotation(by: str) -> Rotation:
    return Rotation(at="2026-03-06T00:00:00Z", by=by, reason="worn", part=Split.SEALED, rows=(by,))


def test_the_queue_and_what_waits_are_carried_too(context: NightContext) -> None:
    queue = LABEL_QUEUE
    waits = queue.with_name("user-corrections.json")
    machine("a")
    queue.parent.mkdir(parents=True)
    queue.write_text("[]")
    waits.write_text(json.dumps([task("a")]))
    before = carried(context)
    machine("b")
    queue.parent.mkdir(parents=True)
    waits.write_text(json.dumps([task("b")]))
    bring_labels(context, [before])
    assert queue.read_text() == "[]"
    assert [task["data"]["id"] for task in json.loads(waits.read_bytes())] == ["a", "b"]


def task(name: str) -> dict[str, object]:
    return {"data": {"id": name, "prompt": "p"}, "meta": {"at": "2026-03-06T00:00:00Z"}}


def test_a_night_says_what_it_carries_and_garbage_collection_leaves_it(
    context: NightContext,
) -> None:
    label(context.registry, 1)
    made = run(context, 3, [])
    assert made.labels is not None
    assert run(context, 4, []).labels == made.labels  # nothing changed
    collect(context.registry, dry_run=False)
    assert not context.registry.artifacts.incomplete(made.labels)
    label(context.registry, 2)
    assert run(context, 5, []).labels != made.labels
    collect(context.registry, dry_run=False)
    assert context.registry.artifacts.incomplete(made.labels)


def test_nothing_is_carried_where_there_are_no_labels(context: NightContext) -> None:
    assert run(context, 3, []).labels is None


# --- between nights -----------------------------------------------------------------------------


def test_what_is_accepted_between_nights_is_in_the_next_night_of_any_machine(
    context: NightContext,
) -> None:
    machine("a")
    first = label(context.registry, 1)
    assert carry_accepted(context.registry) == []
    machine("b")
    second = label(context.registry, 2)
    assert carry_accepted(context.registry) == []
    assert {row.id for row in Row.read_lines(LABELLED)} == {first.id, second.id}
    waiting = labels_waiting(context.registry)
    assert waiting is not None
    collect(context.registry, dry_run=False)
    machine("c")
    made = run(context, 4, [])
    assert {row.id for row in Row.read_lines(LABELLED)} == {first.id, second.id}
    assert accepted_ids(read_changes()) == {first.id, second.id}
    assert made.labels is not None
    assert labels_waiting(context.registry) is None
    assert context.registry.artifacts.incomplete(waiting), "the night carries all of it"


def test_what_somebody_accepts_during_a_night_waits_for_the_next(context: NightContext) -> None:
    machine("a")
    label(context.registry, 1)
    carry_accepted(context.registry)
    taken = labels_waiting(context.registry)
    label(context.registry, 2)
    carry_accepted(context.registry)
    let_go(context.registry, taken)
    assert labels_waiting(context.registry) not in (None, taken)


def test_a_store_that_is_away_is_told_of_and_the_labels_stay_accepted(
    make_adapter: Make, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("params.yaml").write_text("registry: {family: bank}\n")
    Path("rows.jsonl").write_text('{"prompt": "what is a?", "completion": "an a"}\n')

    def away(*_: object) -> None:
        raise IncumbentError("the store cannot be reached")

    monkeypatch.setattr(Artifacts, "put_folder", away)
    accept_labels(Path("rows.jsonl"), "checked")
    told = capsys.readouterr().out
    assert "other machines get them with the next night of this one only: the store" in told
    assert LABELLED.exists()
