"""Two people and one submission: both submit at the same time, or the second approves it."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from time import sleep
from typing import Any

import pytest

from evaluation.decision.policy import Policy
from evaluation.look_decision import Decided
from evaluation.sealed_look import SealedItems
from incumbent.output import AT_WORK
from incumbent.submission import SubmissionOutcome, print_outcome, promote_winner, submit
from project.records.adapters import AdapterVersion, Opponent
from project.records.data import DataSource
from project.records.events import LookTakenUp
from project.records.evidence import Verdict
from registry.lineage import trace
from registry.registry_settings import RegistryParams
from registry.store import Registry
from tests import places
from tests.conftest import decision_on
from tests.evaluation.test_llm_judge import likes_exclamations
from tests.judge_server import judge_server
from tests.places import decide, evidence_on
from tests.recorded_project import answer_and_compare, lay_out

# --- at the same time -----------------------------------------------------------------------------


SETTINGS = """\
registry: {{family: test}}
evaluation:
  scoring: {{metrics: [length]}}
  preference: {{source: judge, judge: {{url: '{url}', model: m}}}}
  policy: {{gating: [preference]}}
"""


def test_the_second_one_waits_and_finds_the_look_that_the_first_one_took(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    taking, taken = Event(), SealedItems.look

    def slow_look(*given: Any, **named: Any) -> Any:
        taking.set()
        sleep(1)  # in which the second one comes
        return taken(*given, **named)

    with judge_server(likes_exclamations) as judge, ThreadPoolExecutor(2) as people:
        lay_out(SETTINGS.format(url=judge.url))
        answer_and_compare()
        monkeypatch.setattr(SealedItems, "look", slow_look)
        first = people.submit(submitted)
        assert taking.wait(60)
        second = people.submit(submitted)
        told = first.result().decided.decision, second.result().decided.decision
    assert told[0] == told[1]
    assert told[0].opening == 1
    with Registry.here() as registry:
        assert len(registry.history(kind="open")) == 1
        assert not registry.history(kind=LookTakenUp.kind)
        assert trace(registry, 1).sources == (
            DataSource(name="datasets/sources/s", licence="CC0-1.0"),
        )
    assert AT_WORK.format("submission") in capsys.readouterr().err


def submitted() -> SubmissionOutcome:
    return submit(promote=False, reason="a test")


# --- four eyes ------------------------------------------------------------------------------------


@pytest.fixture
def winner(registry: Registry, tmp_path: Path) -> AdapterVersion:
    return decide(registry, places.submit(registry, "a", tmp_path))


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
