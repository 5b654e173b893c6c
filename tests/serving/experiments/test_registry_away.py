"""Experiments while the registry is away, restored from a backup, or filled by made-up users."""

from unittest.mock import patch

import pytest

from project.errors import IncumbentError
from serving.deploying.route_table import RouteTable
from serving.experiments import experiments as module
from serving.experiments.experiments import STALE
from tests.serving.experiments.conftest import FakeGateway

AWAY = IncumbentError("connection refused")


def versions(gateway: FakeGateway) -> set[int | None]:
    asked = [gateway.ask(f"user {number}") for number in range(40)]
    return {answer.assignment.deployment.version for answer in asked}


def test_while_nobody_would_hear_of_harm_the_champion_answers_everybody(
    gateway: FakeGateway, table: RouteTable, caplog: pytest.LogCaptureFixture
) -> None:
    now = [0.0]
    gateway = gateway.another(table, clock=lambda: now[0])
    gateway.open()
    with patch.object(module, "running_experiment", side_effect=AWAY):
        now[0] += STALE
        gateway.step()
        assert versions(gateway) == {1, 2}
        now[0] += 1
        gateway.step()
        assert versions(gateway) == {1}
        assert gateway.experiments.assign("v2", None, "r") is None
        assert "the champion answers everybody until then" in caplog.text
    gateway.step()
    assert versions(gateway) == {1, 2}


def test_what_was_answered_without_an_experiment_counts_for_nothing(
    gateway: FakeGateway, table: RouteTable
) -> None:
    now = [0.0]
    gateway = gateway.another(table, clock=lambda: now[0])
    gateway.open()
    now[0] += STALE + 1
    gateway.ask("ann")
    gateway.step()
    assert gateway.observations() == []


def test_an_unforeseen_fault_of_a_step_loses_nothing_that_waits(gateway: FakeGateway) -> None:
    gateway.open()
    gateway.ask("ann")
    with (
        patch.object(module, "put_observations", side_effect=RuntimeError("a fault")),
        pytest.raises(RuntimeError),
    ):
        gateway.step()
    gateway.step()
    assert len(gateway.observations()) == 4


def test_a_caller_who_makes_up_users_fills_no_memory(
    gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_USERS", 2)
    gateway.open()
    ann = gateway.ask("ann")
    gateway.ask("ben")
    gateway.step()
    gateway.ask("made up")
    assert gateway.experiments.dropped == 4
    gateway.rate(ann, 1)
    assert gateway.experiments.dropped == 4  # who is known may still say something


def test_another_experiment_under_the_same_number_begins_anew(gateway: FakeGateway) -> None:
    """As after the registry was restored from a backup of before."""
    experiment = gateway.open()
    gateway.ask("ann")
    gateway.step()
    told = experiment.told.model_copy(update={"salt": "another"})
    other = experiment.opened.model_copy(update={"detail": told})
    restored = experiment.model_copy(update={"opened": other})
    with patch.object(module, "running_experiment", return_value=restored):
        gateway.step()
    assert gateway.experiments._arrivals.newest > 0
    assert gateway.experiments._read_of == restored
