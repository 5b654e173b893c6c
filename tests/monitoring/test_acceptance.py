"""Labels wait until a person accepts them, so many at a time, and a record says by whom and why."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from curation.checks.waivers import WAIVERS
from curation.eval_sets import EVAL_SETS, Extension, read_changes
from evaluation.preference.preference_pairs import PREFERENCES
from incumbent.cli import app
from incumbent.verbs.data_rows import accept_labels
from monitoring.trigger import acceptance
from monitoring.trigger.acceptance import (
    WAIVE,
    Acceptance,
    accept,
    accepted_prompts,
    read_set_aside,
)
from monitoring.trigger.labels import LABELLED, Label, label_of
from project.errors import IncumbentError, InputError
from project.files import write_bytes
from project.paths import rows_of
from project.records.data import Row, Split
from project.records.preferences import RatedAnswer, read_preferences
from project.records.record import write_records
from registry.store import Registry
from tests.curation.test_gate import CONTRACT
from tests.monitoring.test_labels import asked, queued, written

Accept = Callable[..., Acceptance]


@pytest.fixture
def taken(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> Accept:
    monkeypatch.setattr(acceptance, "LABELS_AT_ONCE", 5)

    monkeypatch.setattr(acceptance, "LABELS_PER_USER", 3)

    def take(labels: list[Label]) -> Acceptance:
        return accept(labels, registry, "checked")

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
    before = LABELLED.read_bytes(), EVAL_SETS.read_bytes()
    assert taken([label("x"), label("y")]).new == 0
    assert (LABELLED.read_bytes(), EVAL_SETS.read_bytes()) == before
    assert taken([label("x"), label("z")]) == Acceptance(new=1, known=1, left_out=())
    assert answers() == ["a x", "a y", "a z"], "new rows are behind the old ones"
    assert [len(change.rows) for change in read_changes().values()] == [2, 1]


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


@pytest.mark.parametrize(
    ("said", "answer"),
    [("the answer", "the answer"), ("Pay to DE89 3704 0044 0532 0130 00.", "an x")],
    ids=["accepted as it is", "with an account number"],
)
def test_an_answer_that_is_right_or_must_not_be_kept_is_no_negative_example(
    taken: Accept, said: str, answer: str
) -> None:
    with_contract()
    row = asked("x", answer, "jane").model_copy(update={"response": said})
    assert taken([label_of(row, answer, None)]).new == 1
    assert not (PREFERENCES / LABELLED.name).exists()


def test_acceptances_at_once_lose_no_row_and_no_record(taken: Accept) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda name: taken([label(name)]), "abcdefgh"))
    assert [one.new for one in found] == [1] * 8
    assert sorted(answers()) == [f"a {name}" for name in "abcdefgh"]
    assert len(read_changes()) == 8


def test_the_rest_of_a_long_file_is_accepted_after_its_start(taken: Accept) -> None:
    found = [taken(many(12, None)) for _ in range(4)]
    # Rows without a user are users of their own: five are taken of those, and not three.
    assert [(one.new, one.known) for one in found] == [(5, 0), (5, 5), (2, 10), (0, 12)]


def test_one_user_has_so_many_rows_and_all_have_so_many(taken: Accept) -> None:
    found = taken([*many(500, "jane"), *many(2, "joe"), *many(4, None)])
    assert answers() == ["a jane0", "a jane1", "a joe0", "a joe1", "a None0"]  # in turns
    assert found.left_out == (
        "497 left out: over 3 labels of one user",
        "4 left out: over 5 labels at once",
    )


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
    assert "10 left out: over 50 labels of one user" in first.stdout
    (change,) = read_changes().values()
    assert (change.by, change.reason) == ("tester", "checked")
    assert "0 of 50 rows are new" in CliRunner().invoke(app, arguments).stdout
    assert len(read_changes()) == 1


def test_only_those_who_may_promote_accept_and_say_why(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="say why"):
        accept_labels(export(Path("export.json"), 1), " ")
    Path("roles.yaml").write_text("submit: [tester]\npromote: [ann]\n")
    monkeypatch.setenv("INCUMBENT_ROLES", "roles.yaml")
    with pytest.raises(IncumbentError, match="tester may not promote: that is for ann"):
        accept_labels(export(Path("export.json"), 1), "checked")
    assert not EVAL_SETS.exists()


def with_contract(**curate: object) -> None:
    """A project with the contract's critical checks, as its pipeline has them."""
    contract = Path("datasets/contracts/sft.yaml")
    contract.parent.mkdir(parents=True)
    own = yaml.safe_load(CONTRACT.read_text())
    own["checks"] = [one for one in own["checks"] if one["severity"] == "critical"]
    contract.write_text(yaml.safe_dump(own))
    curation = {"validate": {"contract": str(contract)}, "curate": curate}
    Path("params.yaml").write_text(yaml.safe_dump({"curation": curation}))


def written_by(name: str, prompt: str, answer: str) -> Label:
    row = asked(name, answer, "jane").model_copy(update={"prompt": prompt})
    return label_of(row, answer, None)


ITEM = Row.of("How do I block a card that I lost abroad?", "So.", group="i", source="bank.csv")
OWN_ITEM = Row.of("How much is a transfer abroad?", "So.", group="o", source=LABELLED.name)
BAD = {
    "no account numbers": written_by("iban", "Whom do I pay?", "DE89 3704 0044 0532 0130 00, say."),
    "no secrets": written_by("secret", "Which is it?", "The password is Hunter2!, as ever."),
    "no row is longer than the base reads": written_by("long", "Which is long?", "word " * 600),
    "no training row asks what an eval item asks": written_by("item", ITEM.prompt_text, "So."),
}


def test_what_would_shut_the_gate_is_set_aside_with_its_reason(
    taken: Accept, pinned_base: None, word_base: Path
) -> None:
    with_contract()
    params = yaml.safe_load(Path("params.yaml").read_text()) | {"base": {"model": str(word_base)}}
    Path("params.yaml").write_text(yaml.safe_dump(params))
    write_records(rows_of(Split.SEALED), [ITEM, OWN_ITEM])
    fine = [written_by("fine", OWN_ITEM.prompt_text, "Nothing."), label("x")]
    found = taken([*BAD.values(), *fine])
    assert answers() == ["Nothing.", "a x"]
    assert found.left_out == (
        *(
            f'1 set aside that the gate would refuse: "{check}"; see datasets/queue/set-aside.jsonl'
            for check in BAD
        ),
        WAIVE,
    )
    kept = read_set_aside(Path("datasets/queue/set-aside.jsonl"))
    assert {one.id for one in kept} == {one.row.id for one in BAD.values()}


def test_a_row_that_somebody_excused_is_accepted(taken: Accept) -> None:
    with_contract()
    bad = BAD["no account numbers"]
    waiver = {"check": "no account numbers", "rows": [bad.row.id], "by": "ann", "reason": "ours"}
    WAIVERS.write_text(yaml.safe_dump({"waivers": [waiver | {"until": "2027-01-01"}]}))
    assert taken([bad]) == Acceptance(new=1, known=0, left_out=())


@pytest.mark.parametrize("prompt", ["", " ", ()], ids=str)
def test_a_row_that_asks_nothing_gets_into_no_file(taken: Accept, prompt: Any) -> None:
    row = asked("x", "an x", "jane").model_copy(update={"prompt": prompt})
    found = taken([label_of(row, "an x", None), label("y")])
    assert answers() == ["a y"]
    assert found.left_out == ("1 set aside without a prompt; see datasets/queue/set-aside.jsonl",)


def test_the_file_of_what_was_set_aside_keeps_the_newest(taken: Accept) -> None:
    for number in range(3):
        rows = [asked(f"{number} {i}", "so", "jane") for i in range(600)]
        taken(
            [
                label_of(row.model_copy(update={"prompt": " " * (number * 600 + i)}), "so", None)
                for i, row in enumerate(rows)
            ]
        )
    kept = read_set_aside(Path("datasets/queue/set-aside.jsonl"))
    assert len(kept) == 1_000
