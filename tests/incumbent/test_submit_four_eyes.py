"""A submission where four eyes are asked for: a winner waits for somebody else, and it says so."""

from pathlib import Path

import pytest

from evaluation.decision.policy import Policy
from evaluation.look_decision import Decided
from incumbent.submission import SubmissionOutcome, print_outcome, promote_winner
from project.records.adapters import AdapterVersion, Opponent
from project.records.evidence import Verdict
from registry.registry_settings import RegistryParams
from registry.store import Registry
from tests.conftest import decision_on
from tests.places import decide, evidence_on, submit


@pytest.fixture
def winner(registry: Registry, tmp_path: Path) -> AdapterVersion:
    return decide(registry, submit(registry, "a", tmp_path))


def test_the_policy_promotes_a_winner_where_one_person_is_enough(
    registry: Registry, winner: AdapterVersion
) -> None:
    assert promote_winner(registry, winner, "it won")
    assert registry.champion() == winner


def test_where_four_eyes_are_asked_for_a_winner_waits_and_nothing_fails(
    registry: Registry, winner: AdapterVersion
) -> None:
    registry.four_eyes = True
    assert not promote_winner(registry, winner, "it won")
    assert registry.champion() is None


def test_who_submitted_a_winner_hears_that_somebody_else_approves_it(
    registry: Registry, winner: AdapterVersion, capsys: pytest.CaptureFixture[str]
) -> None:
    evidence = evidence_on(registry, winner)
    outcome = SubmissionOutcome(
        version=winner,
        decided=Decided(evidence, decision_on(evidence, Verdict.PROMOTE)),
        opponent=Opponent(),
        answered_in=None,
        is_champion=False,
        fallen=False,
        promoted=False,
        awaited=True,
        frozen=(),
    )
    print_outcome(outcome, Policy())
    assert "not tester, but somebody else approves it" in capsys.readouterr().out


def test_params_ask_for_four_eyes() -> None:
    Path("params.yaml").write_text("registry: {four_eyes: true}")
    with Registry.here() as registry:
        assert registry.four_eyes
    assert not RegistryParams().four_eyes
