"""A registry that earlier code made opens, verifies and goes on: stored bytes keep their digest."""

import shutil
from datetime import date
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import select

from evaluation.decision.policy import Policy
from evaluation.decision.registry_check import changed_decisions, decisions
from evaluation.decision.rule import rule
from monitoring.drift.array_bytes import from_bytes
from monitoring.drift.reference import Reference
from monitoring.night_history import nights_before
from monitoring.report import night_page
from project.errors import IncumbentError
from project.near_duplicates import WordPrints
from project.records.adapters import Adapter
from project.records.events import DETAILS, LookTaken, PromptReference
from project.records.evidence import Evidence, Verdict
from registry.alpha_ledger.looks import SealedSet
from registry.audit import problems
from registry.garbage import collect
from registry.storage.event_chain import stored
from registry.storage.tables import looks
from tests.conftest import BASE, NUMERICS, decision_on, keep_decision
from tests.places import Place, evidence_on, made
from tests.registries import make

OLD = sorted(path.name for path in make.ROOT.iterdir() if (path / "registry.db").exists())


@pytest.fixture(params=OLD)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    shutil.copytree(make.ROOT / request.param, tmp_path / request.param)
    return Place(tmp_path / request.param)


def test_there_is_one_of_each_form_that_stored_records_had() -> None:
    assert OLD == ["before-numerics", "before-typed-events"]


def test_events_are_read_as_they_were_written(place: Place) -> None:
    with place.open() as registry:
        history = registry.history()
        with registry.engine.connect() as connection:
            rows = [row.record for row in stored(connection)]
    assert [event.canonical().decode() for event in history] == rows


@pytest.mark.parametrize("place", ["before-typed-events"], indirect=True)
def test_one_of_them_has_events_of_every_kind(place: Place) -> None:
    later_kinds = {"reopen", "adopt", "restore"}
    later_kinds |= {"rotate", "erase", "ask", "show", "vote", "unvote"}
    later_kinds |= {"deploy", "deploy-failed", "experiment", "experiment-end"}
    with place.open() as registry:
        assert {event.kind for event in registry.history()} == set(DETAILS) - later_kinds


def test_its_nights_and_references_are_read(place: Place) -> None:
    with place.open() as registry:
        nights = nights_before(registry.engine, registry.family, date(2027, 1, 1))
        frozen = [e.detail for e in registry.history() if isinstance(e.detail, PromptReference)]
        references = [registry.artifacts.get(detail.reference) for detail in frozen]
    if place.root.name == "before-numerics":
        assert (nights, references) == ((), [])
        return
    assert [night.verdict.value for night in nights] == ["no_drift", "drift"]
    assert "loans" in night_page.page(nights[-1], nights[:-1], None)
    for data in references:
        old, now = from_bytes(data), from_bytes(Reference.from_bytes(data).to_bytes())
        names, old_names = now.pop("topics"), old.pop("topics")
        assert ((names == old_names) | (names == "")).all()  # a mere number is no name any more
        assert all(np.array_equal(now[name], array) for name, array in old.items())


def test_what_was_rolled_back_stays_so_under_a_newer_rule(place: Place) -> None:
    """The same scores under the same policy are no new evidence, whatever a new rule says."""
    with place.open() as registry:
        stored = registry.decision(2)
        assert stored is not None
        assert stored.pins is not None
        evidence = registry.artifacts.get_record(Evidence, stored.evidence)
        policy = registry.artifacts.get_record(Policy, stored.policy)
        look = registry.look(stored.pins, policy.digest)
        assert look is not None
        assert registry.decision_at(stored.pins, policy.digest) == stored
        registry.record_decision(
            2, rule(evidence, policy, look.number, look.budget), evidence, policy
        )
        assert registry.rolled_back(2)
        with pytest.raises(IncumbentError, match="was rolled back"):
            registry.promote(2, "once more", by="policy")


def test_it_keeps_its_looks(place: Place) -> None:
    """Each with the policy of its decision, so that another policy is another look."""
    with place.open() as registry:
        taken = registry.history(kind="open")
        with registry.engine.connect() as connection:
            rows = connection.execute(select(looks).order_by(looks.c.event)).all()
        assert [row.event for row in rows] == [event.seq for event in taken]
        assert [row.number for row in rows] == [e.told(LookTaken).opening for e in taken]
        assert {row.policy for row in rows} == {make.POLICY.digest}
        first = registry.decision(1)
        assert first is not None
        assert first.pins is not None
        sealed = SealedSet(make.EXAM, WordPrints.of(make.EXAM.items))
        ask = partial(registry.count_look, 1, first.pins, sealed, alpha=0.05)
        assert ask(policy=make.POLICY.digest).number == first.opening
        own = sum(row.champion == "" for row in rows)  # nobody else was against the bare base
        assert ask(policy="9" * 64).number == own + 1


def test_what_events_name_for_ever_is_there(place: Place) -> None:
    with place.open() as registry:
        kept = {digest for event in registry.history() for digest in event.detail.kept()}
        assert len(kept) > 8
        assert kept <= set(registry.artifacts.digests())
        assert not kept & set(collect(registry))


def test_it_verifies_clean_and_every_decision_is_made_again(place: Place) -> None:
    with place.open() as registry:
        assert list(problems(registry)) == []
        decided = decisions(registry)
        assert len(decided) == 3
        assert list(changed_decisions(registry, decided)) == []


def test_it_rolls_back_and_forth(place: Place) -> None:
    with place.open() as registry:
        assert registry.rollback("better after all", to=2).number == 2
        assert registry.rollback("no", to=1).number == 1
        assert list(problems(registry)) == []


def test_the_next_challenger_is_pinned_with_its_numerics(place: Place, tmp_path: Path) -> None:
    """The champion was made before there were any; it keeps its record, and it can be beaten."""
    adapter, files = made("next", tmp_path)
    adapter = adapter.model_copy(update={"numerics": NUMERICS})
    with place.open() as registry:
        version = registry.submit(adapter, files, "made on another kind of machine")
        assert registry.version(version.number).adapter.numerics == NUMERICS
        evidence = evidence_on(registry, version)
        assert evidence.pins is not None
        pins = evidence.pins.model_copy(update={"numerics": NUMERICS})
        pins = pins.model_copy(update={"eval_set": make.EXAM.digest})
        sealed = SealedSet(make.EXAM, WordPrints.of(make.EXAM.items))
        evidence = evidence.model_copy(update={"pins": pins})
        decision = decision_on(evidence, Verdict.PROMOTE)
        keep_decision(registry, version.number, decision, evidence, pins, sealed)
        assert registry.promote(version.number, "it won") == registry.champion()
        assert list(problems(registry)) == []


def test_a_record_without_numerics_has_the_bytes_that_it_always_had() -> None:
    old = Adapter(files="f" * 64, base=BASE, recipe="c" * 64, dataset="d" * 64)
    assert b"numerics" not in old.canonical()
    assert Adapter.model_validate_json(old.canonical()).digest == old.digest
    new = old.model_copy(update={"numerics": NUMERICS})
    assert Adapter.model_validate_json(new.canonical()) == new
