"""Four eyes: whoever submitted a version does not promote it, and no program promotes anything."""

from copy import copy
from pathlib import Path

import pytest

from project.errors import IncumbentError
from project.records.adapters import AdapterVersion
from project.records.evidence import Verdict
from registry.store import Registry
from tests.places import decide, submit, win


@pytest.fixture
def version(registry: Registry, tmp_path: Path) -> AdapterVersion:
    """Version 2, which ann submitted, against champion 1; from now on two persons are needed."""
    win(registry, "first", tmp_path)
    registry.actor = "ann"
    made = decide(registry, submit(registry, "second", tmp_path))
    registry.four_eyes = True
    return made


def by(registry: Registry, actor: str) -> Registry:
    other = copy(registry)
    other.actor = actor
    return other


def champion(registry: Registry) -> int:
    found = registry.champion()
    return found.number if found else 0


@pytest.mark.parametrize("name", ["ann", "Ann", " ann ", "ＡＮＮ"])
@pytest.mark.parametrize("force", [False, True])
def test_who_submitted_it_does_not_promote_it_under_any_spelling(
    registry: Registry, version: AdapterVersion, name: str, force: bool
) -> None:
    with pytest.raises(IncumbentError, match="submitted test v2 and may not promote it too"):
        by(registry, name).promote(2, "mine", force=force)
    assert champion(registry) == 1


def test_another_person_promotes_it(registry: Registry, version: AdapterVersion) -> None:
    by(registry, "bob").promote(2, "I looked too")
    assert champion(registry) == 2


@pytest.mark.parametrize("actor", ["ann", "nightly"])
def test_no_program_promotes_what_nobody_looked_at(
    registry: Registry, version: AdapterVersion, actor: str
) -> None:
    with pytest.raises(IncumbentError, match="waits for a person to promote it"):
        by(registry, actor).promote(2, "it won", by="policy")
    assert champion(registry) == 1


def test_submitting_it_again_under_another_name_makes_nobody_a_second_person(
    registry: Registry, version: AdapterVersion, tmp_path: Path
) -> None:
    assert submit(by(registry, "bob"), "second", tmp_path) == version
    with pytest.raises(IncumbentError, match="ann submitted test v2"):
        by(registry, "ann").promote(2, "mine")


def test_one_person_rolls_back_to_what_that_person_submitted(
    registry: Registry, version: AdapterVersion
) -> None:
    by(registry, "bob").promote(2, "I looked too")
    by(registry, "bob").rollback("users complain", to=1)
    by(registry, "ann").rollback("it was not that", to=2)
    assert champion(registry) == 2


def test_a_rollback_brings_nothing_in_that_two_persons_never_let_in(
    registry: Registry, version: AdapterVersion
) -> None:
    with pytest.raises(IncumbentError, match="never was champion"):
        by(registry, "ann").rollback("let me", to=2)


def test_without_four_eyes_one_person_does_both(
    registry: Registry, version: AdapterVersion
) -> None:
    registry.four_eyes = False
    registry.promote(2, "mine")
    assert champion(registry) == 2


@pytest.mark.parametrize("expected", [0, 2, 7])
def test_a_promotion_over_another_champion_than_was_seen_moves_nothing(
    registry: Registry, version: AdapterVersion, expected: int
) -> None:
    before = registry.history()
    with pytest.raises(IncumbentError, match=r"version 1 is champion now, and .*: nothing was"):
        by(registry, "bob").promote(2, "stale", expected=expected)
    assert registry.history() == before


def test_a_promotion_by_another_decision_than_was_seen_moves_nothing(
    registry: Registry, version: AdapterVersion
) -> None:
    made = registry.decision_made(2)
    assert made is not None
    decide(registry, version, Verdict.HOLD)
    decide(registry, version)  # the first one again, which is the newest now
    decide(registry, version, Verdict.HOLD)
    with pytest.raises(IncumbentError, match="a newer decision"):
        by(registry, "bob").promote(2, "stale", expected=1, seen=made.decision, force=True)
    decide(registry, version)
    by(registry, "bob").promote(2, "seen", expected=1, seen=made.decision)
    assert champion(registry) == 2
