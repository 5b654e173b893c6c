"""Labels wait until a person accepts them, so many at a time, and a record says by whom and why."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from typer.testing import CliRunner

from curation.splitting.eval_sets import EVAL_SETS, Extension, read_changes
from evaluation.preference.pairs.preference_pairs import PREFERENCES
from incumbent.cli import app
from incumbent.verbs.data_rows import accept_labels
from monitoring.monitoring_settings import TriggerParams
from monitoring.trigger.acceptance import Acceptance, accept, accepted_prompts
from monitoring.trigger.labels import LABELLED, Label, label_of
from project.errors import IncumbentError, InputError
from project.files import write_bytes
from project.records.data import Row
from project.records.preferences import RatedAnswer, read_preferences
from registry.store import Registry
from tests.monitoring.test_labels import asked, queued, written

PARAMS = TriggerParams(labels_per_user=3, labels_at_once=5)
Accept = Callable[..., Acceptance]


@pytest.fixture
def taken(registry: Registry) -> Accept:
    def take(labels: list[Label], params: TriggerParams = PARAMS) -> Acceptance:
        return accept(labels, registry, "checked", params)

    return take


def label(name: str, user: str | None = None) -> Label:
    return label_of(asked(name, f"a {name}", user), f"a {name}", None)


def many(count: int, user: str | None) -> list[Label]:
    return [label(f"{user}{i}", user) for i in range(count)]


def answers() -> list[str]:
    return [row.completion_text for row in Row.read_lines(LABELLED)] if LABELLED.exists() else []


def test_an_acceptance_adds_rows_and_says_by_whom_and_why(taken: Accept) -> None:
    assert taken([label("x"), label("y")]) == Acceptance(new=2, known=0, left_out=())
    (change,) = read_changes().values()
    assert isinstance(change, Extension)
    assert (change.by, change.reason, change.source) == ("tester", "checked", "labelled.jsonl")
    assert change.rows == tuple(row.id for row in Row.read_lines(LABELLED))
    assert accepted_prompts() == {"what is x?", "what is y?"}


def test_the_answer_that_a_user_corrected_is_a_negative_example(taken: Accept) -> None:
    taken([label("x", "jane"), label("y")])
    found = read_preferences(PREFERENCES / LABELLED.name)
    assert found == tuple(
        RatedAnswer(
            prompt=f"what is {name}?",
            completion=label(name).bad or "",
            label=False,
            source="labelled.jsonl",
            annotator=label(name, user).user,
        )
        for name, user in (("x", "jane"), ("y", None))
    )


def test_an_answer_that_was_accepted_as_it_is_is_no_negative_example(taken: Accept) -> None:
    right = asked("x", "the answer", None).model_copy(update={"response": "the answer"})
    taken([label_of(right, "the answer", None)])
    assert not (PREFERENCES / LABELLED.name).exists()


def test_the_same_labels_again_change_nothing(taken: Accept) -> None:
    taken(many(9, "jane"))
    before = LABELLED.read_bytes(), EVAL_SETS.read_bytes()
    assert taken(many(9, "jane")).new == 0
    assert (LABELLED.read_bytes(), EVAL_SETS.read_bytes()) == before


def test_acceptances_at_once_lose_no_row_and_no_record(taken: Accept) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda name: taken([label(name)]), "abcdefgh"))
    assert [one.new for one in found] == [1] * 8
    assert sorted(answers()) == [f"a {name}" for name in "abcdefgh"]
    assert len(read_changes()) == 8


def test_the_rest_of_a_long_file_is_accepted_after_its_start(taken: Accept) -> None:
    found = [taken(many(12, None)) for _ in range(4)]
    assert [(one.new, one.known) for one in found] == [(5, 0), (5, 5), (2, 10), (0, 12)]


def test_new_rows_are_added_behind_the_old_ones(taken: Accept) -> None:
    taken([label("x")])
    assert taken([label("x"), label("y")]) == Acceptance(new=1, known=1, left_out=())
    assert answers() == ["a x", "a y"]
    assert [len(change.rows) for change in read_changes().values()] == [1, 1]


def test_one_user_has_so_many_rows_and_all_have_so_many(taken: Accept) -> None:
    found = taken([*many(500, "jane"), *many(2, "joe"), *many(4, None)])
    assert answers() == ["a jane0", "a jane1", "a jane2", "a joe0", "a joe1"]
    assert found.left_out == (
        "497 left out: over monitoring.trigger.labels_per_user, 3",
        "4 left out: over monitoring.trigger.labels_at_once, 5",
    )


def test_rows_without_a_user_are_users_of_their_own(taken: Accept) -> None:
    assert taken(many(5, None)).new == 5


def test_what_a_crash_left_without_a_record_is_accepted_the_next_time(taken: Accept) -> None:
    write_bytes(LABELLED, label("x").row.canonical() + b"\n")
    assert accepted_prompts() == set()
    assert taken([label("x")]).new == 1
    assert answers() == ["a x"]
    assert accepted_prompts() == {"what is x?"}


def export(path: Path, count: int) -> Path:
    """An annotator confirms what one user wrote, in a project with default settings."""
    Path("params.yaml").write_text("")
    tasks = queued([asked(f"n{i}", f"a {i}", "jane") for i in range(count)])
    for i, task in enumerate(tasks):
        task["annotations"] = [{"result": [written(f"a {i}")]}]
    path.write_text(json.dumps(tasks))
    return path


def test_the_command_says_what_it_took_and_what_it_left_out() -> None:
    arguments = ["data", "labels", str(export(Path("export.json"), 60)), "--reason", "checked"]
    first = CliRunner().invoke(app, arguments)
    assert first.exit_code == 0, first.output
    assert "50 of 50 rows are new in datasets/sources/labelled.jsonl" in first.stdout
    assert "10 left out: over monitoring.trigger.labels_per_user, 50" in first.stdout
    (change,) = read_changes().values()
    assert (change.by, change.reason) == ("tester", "checked")
    assert "0 of 50 rows are new" in CliRunner().invoke(app, arguments).stdout
    assert len(read_changes()) == 1


def test_only_those_who_may_promote_accept(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("roles.yaml").write_text("submit: [tester]\npromote: [ann]\n")
    monkeypatch.setenv("INCUMBENT_ROLES", "roles.yaml")
    with pytest.raises(IncumbentError, match="tester may not promote: that is for ann"):
        accept_labels(export(Path("export.json"), 1), "checked")
    assert not EVAL_SETS.exists()


def test_an_acceptance_needs_a_reason() -> None:
    with pytest.raises(InputError, match="say why"):
        accept_labels(export(Path("export.json"), 1), " ")
