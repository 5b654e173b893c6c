"""A registry that 0.1.0 made opens, verifies and goes on, for ever: stored bytes stay true."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from evaluation.decision.decision_replay import RULES, Rule, check_registry
from evaluation.decision.policy import Policy
from evaluation.decision.rule import VERSION, rule
from incumbent.cli import app
from monitoring import night_page
from monitoring.drift.reference import Reference
from monitoring.night_history import nights_before
from project.canonical import digest_folder
from project.errors import IncumbentError
from project.records.drift import Action, DriftState, DriftVerdict, RetrainOutcome
from project.records.events import DETAILS, LookTaken, PromptReference
from project.records.evidence import Decision, Evidence, Verdict
from registry.audit import problems
from registry.garbage import collect
from registry.storage.tables import looks, metadata, stored
from registry.store import Registry
from tests.places import Place
from tests.registries import make

RELEASE = "0.1.0"
# Of every byte in it. It was committed with the release and does not change any more: code that
# reads it otherwise is wrong.
DIGEST = "071a9124b05daa549aa7da321c30a51881d0bed3c121359112a1d0af2fc30b7c"

LATER_KINDS = {"withdraw", "accept", "consent", "changed"}  # of events, which code has learnt since


@pytest.fixture
def place(tmp_path: Path) -> Place:
    shutil.copytree(make.ROOT / RELEASE, tmp_path / ".incumbent" / "registry")
    return Place(tmp_path / ".incumbent" / "registry")


@pytest.fixture
def registry(place: Place) -> Iterator[Registry]:
    with place.open() as opened:
        yield opened


# --- what is in it ------------------------------------------------------------------------------


def test_no_byte_of_it_has_changed() -> None:
    assert digest_folder(make.ROOT / RELEASE) == DIGEST


def test_it_has_an_event_of_every_kind_and_a_row_in_every_table(registry: Registry) -> None:
    assert {event.kind for event in registry.history()} == set(DETAILS) - LATER_KINDS
    with registry.engine.connect() as connection:
        rows = {t.name: connection.execute(select(t)).first() for t in metadata.sorted_tables}
    assert all(rows.values()), rows


def test_it_has_a_decision_of_every_kind(registry: Registry) -> None:
    decided = [registry.decision(version.number) for version in registry.versions()]
    made = [decision for decision in decided if decision]
    assert {decision.verdict for decision in made} == set(Verdict)
    assert None in {decision.opening for decision in made}
    assert {decision.rule for decision in made} == {1}


def test_it_has_a_night_of_every_kind(registry: Registry) -> None:
    nights = nights_before(registry.engine, registry.family, date(2027, 1, 1))
    assert {night.verdict for night in nights} == set(DriftVerdict)
    assert {night.state for night in nights} == set(DriftState)
    assert {night.action for night in nights} == set(Action)
    assert {night.outcome for night in nights} == {None, *RetrainOutcome}
    assert "loans" in night_page.page(nights[-1], nights[:-1], None)


# --- it holds -----------------------------------------------------------------------------------


def test_incumbent_verifies_it(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place.root.parents[1])
    monkeypatch.setenv("INCUMBENT_HOME", ".incumbent")
    key = place.root / make.PUBLIC_KEY
    Path("params.yaml").write_text(f"registry: {{family: test, public_keys: [{key}]}}\n")
    done = CliRunner().invoke(app, ["registry", "verify"])
    assert done.exit_code == 0, done.output
    assert "6 decisions made again from the evidence: the same bytes" in done.output


def test_events_are_read_as_they_were_written(registry: Registry) -> None:
    with registry.engine.connect() as connection:
        rows = [row.record for row in stored(connection)]
    assert [event.canonical().decode() for event in registry.history()] == rows


def test_references_are_read_as_they_were_written(registry: Registry) -> None:
    frozen = [e.detail for e in registry.history() if isinstance(e.detail, PromptReference)]
    stored_bytes = [registry.artifacts.get(detail.reference) for detail in frozen]
    assert [Reference.from_bytes(data).to_bytes() for data in stored_bytes] == stored_bytes


def test_what_events_name_for_ever_is_there(registry: Registry) -> None:
    (erasure,) = registry.history(kind="erase")
    kept = {digest for event in registry.history() for digest in event.detail.kept()}
    kept -= set(erasure.detail.model_dump()["artifacts"])
    assert len(kept) > 20
    assert kept <= set(registry.artifacts.digests())
    assert not kept & set(collect(registry))


@contextmanager
def flipped(file: Path, place: int) -> Iterator[None]:
    before = file.read_bytes()
    file.chmod(0o644)
    file.write_bytes(before[:place] + bytes([before[place] ^ 1]) + before[place + 1 :])
    yield
    file.write_bytes(before)


def test_a_byte_that_changes_in_what_is_kept_is_found(place: Place, registry: Registry) -> None:
    (erasure,) = registry.history(kind="erase")
    kept = {digest for event in registry.history() for digest in event.detail.kept()}
    for digest in sorted(kept - set(erasure.detail.model_dump()["artifacts"])):
        (file,) = place.root.glob(f"artifacts/*/{digest}")
        with flipped(file, file.stat().st_size // 2):
            assert any(digest[:12] in problem for problem in problems(registry)), digest
    assert list(problems(registry)) == []


def test_a_byte_that_changes_in_an_event_is_found(place: Place) -> None:
    with sqlite3.connect(place.root / "registry.db") as database:
        rows = database.execute("SELECT seq, record FROM events").fetchall()
        for seq, record in rows[:: len(rows) // 6]:
            changed = record.replace('"at":"2026-', '"at":"2027-')
            change = "UPDATE events SET record = ? WHERE seq = ?"
            database.execute(change, (changed, seq))
            database.commit()
            with place.open() as registry:
                assert any(f"event {seq}" in problem for problem in problems(registry))
            database.execute(change, (record, seq))
            database.commit()


# --- it goes on ---------------------------------------------------------------------------------


def test_what_was_rolled_back_stays_so(registry: Registry) -> None:
    """The same scores under the same policy are no new evidence, whatever a new rule says."""
    made = registry.decision(2)
    assert made and made.pins
    evidence = registry.artifacts.get_record(Evidence, made.evidence)
    policy = registry.artifacts.get_record(Policy, made.policy)
    look = registry.look(made.pins, policy.digest)
    assert look is not None
    registry.record_decision(2, rule(evidence, policy, look.number, look.budget), evidence, policy)
    assert registry.rolled_back(2)
    with pytest.raises(IncumbentError, match="was rolled back"):
        registry.promote(2, "once more", by="policy")


def test_its_looks_count_on(registry: Registry) -> None:
    """Each is found by its measurement and its policy; another policy is another look."""
    taken = registry.history(kind="open")
    with registry.engine.connect() as connection:
        rows = connection.execute(select(looks).order_by(looks.c.event)).all()
    assert [row.event for row in rows] == [event.seq for event in taken]
    assert [row.number for row in rows] == [e.told(LookTaken).opening for e in taken]
    first = registry.decision(1)
    assert first is not None
    assert first.pins is not None
    ask = partial(registry.count_look, 1, first.pins, make.SEALED, alpha=0.05)
    assert ask(policy=make.STRICT.digest).number == first.opening
    bare = sum(row.champion == "" for row in rows) + 1  # and the one that was adopted
    assert ask(policy="9" * 64).number == bare + 1


def test_it_rolls_back_and_forth(registry: Registry) -> None:
    assert registry.rollback("better after all", to=2).number == 2
    assert registry.rollback("no", to=1).number == 1
    assert list(problems(registry)) == []


def test_the_next_challenger_wins(registry: Registry, tmp_path: Path) -> None:
    version, policy = make.submitted(registry, "next", tmp_path), Policy(gating=("rougeL",))
    evidence = make.weighed(registry, version, 0.4, policy)
    assert evidence.pins is not None
    look = registry.count_look(
        version.number, evidence.pins, make.SEALED, policy=policy.digest, alpha=policy.alpha
    )
    make.keep(registry, version, evidence, policy, look)
    assert registry.promote(version.number, "it won") == registry.champion()
    assert check_registry(registry).problems == ()


class NextPolicy(Policy):
    """Of a rule to come: it asks what no policy said before."""

    patience: int


def next_rule(*asked: Any) -> Decision:
    return rule(*asked).model_copy(update={"rule": VERSION + 1, "reasons": ("in other words",)})


def test_its_decisions_are_made_again_by_their_rule_once_there_is_another_one(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(RULES, VERSION + 1, Rule(NextPolicy, next_rule))
    version, policy = make.submitted(registry, "next", tmp_path), NextPolicy(patience=3)
    evidence = make.weighed(registry, version, -0.1, policy, sealed=False)
    registry.record_decision(version.number, next_rule(evidence, policy, None), evidence, policy)
    checked = check_registry(registry)
    assert (checked.problems, checked.decisions) == ((), 7)
