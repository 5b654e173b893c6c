"""An experiment's whole life: users, what they say, a verdict, and the champion for all again."""

import asyncio
import random
from pathlib import Path
from unittest.mock import patch

import pytest

from project.errors import IncumbentError
from registry.experiment_events import (
    Observation,
    put_observations,
    running_experiment,
)
from serving.deploying.route_table import RouteTable
from serving.experiments import experiments as module
from tests.serving.experiments.conftest import AT, FakeGateway


def talk(gateway: FakeGateway, rates: dict[int, float], users: int, *, every: int = 100) -> int:
    """Users come one after the other and rate their answer, until the experiment is over; returns
    how many came.
    """
    luck = random.Random(1)
    gateway.step()
    for number in range(users):
        answer = gateway.ask(f"user {number}")
        liked = luck.random() < rates[answer.assignment.deployment.version or 0]
        gateway.rate(answer, 1 if liked else -1)
        if number % every == every - 1:
            gateway.step()
            if gateway.experiments.running is None:
                return number + 1
    return users


def test_harm_ends_an_experiment_and_all_users_get_the_champion_again(gateway: FakeGateway) -> None:
    gateway.open()
    came = talk(gateway, {1: 0.9, 2: 0.5}, 1000)
    found, result = gateway.ended()
    assert came < 500
    assert found.end and found.end.verdict == "harm"
    assert found.ended and "v2 is worse: the users' rating is" in found.ended.reason
    assert result.metric and result.metric.harm >= result.metric.harm_needed
    assert result.metric.interval[0] < result.metric.difference < result.metric.interval[1] < 0
    assert {gateway.ask(f"user {n}").assignment.deployment.version for n in range(50)} == {1}


def test_a_better_challenger_wins_and_is_not_promoted_by_it(gateway: FakeGateway) -> None:
    gateway.open(mode="ab")
    talk(gateway, {1: 0.5, 2: 0.9}, 1000)
    found, result = gateway.ended()
    assert found.end and found.end.verdict == "better"
    assert result.health.sound
    champion = gateway.registry.champion()
    assert champion and champion.number == 1


def test_a_canary_is_there_to_find_harm_alone(gateway: FakeGateway) -> None:
    gateway.open(mode="canary")
    assert talk(gateway, {1: 0.5, 2: 0.9}, 500) == 500
    assert running_experiment(gateway.registry) is not None


def test_later_feedback_undoes_no_verdict(gateway: FakeGateway) -> None:
    gateway.open()
    unheard = [gateway.ask(f"late {number}") for number in range(500)]
    talk(gateway, {1: 0.9, 2: 0.4}, 1000)
    found, result = gateway.ended()
    for answer in unheard:
        gateway.rate(answer, 1)
    gateway.step()
    assert gateway.ended() == (found, result)
    assert result.health.waiting == 500


@pytest.mark.parametrize(
    ("name", "harm"),
    [
        ("errors", {"status": lambda version, user: 500 if version == 2 else 200}),
        (
            "refusals",
            {
                "text": lambda v, user: (
                    "I can't help with that." if v == 2 else "I can, and I do so gladly."
                )
            },
        ),
        ("slow", {"latency": lambda version, user: 900.0 if version == 2 else 100.0}),
        ("long", {"text": lambda version, user: "word " * (90 if version == 2 else 10)}),
    ],
)
def test_what_users_do_not_say_ends_an_experiment_too(
    gateway: FakeGateway, name: str, harm: dict[str, object]
) -> None:
    gateway.open()
    for what, value in harm.items():
        setattr(gateway, what, value)
    for number in range(400):
        gateway.ask(f"user {number}")
    gateway.step()
    found, result = gateway.ended()
    assert found.end and found.end.verdict == "harm"
    worse = [one.name for one in result.guardrails if one.harm >= one.harm_needed]
    assert worse == [name]


def test_a_shadow_is_stopped_by_what_nobody_saw(gateway: FakeGateway) -> None:
    gateway.status = lambda version, user: 500 if version == 2 else 200
    gateway.open(mode="shadow", share=1.0)
    for number in range(60):
        assert gateway.ask(f"user {number}").status == 200
    gateway.step()
    found, result = gateway.ended()
    assert found.end and found.end.verdict == "harm"
    assert result.metric is None


def test_of_each_user_only_what_came_first_counts(gateway: FakeGateway) -> None:
    gateway.open()
    for _ in range(5):
        gateway.rate(gateway.ask("ann"), -1, resolved=True)
        gateway.step()
    assert len(gateway.observations()) == 5  # one a metric
    gateway.rate(gateway.ask("ann"), 1)
    with patch.object(module, "put_observations") as put:
        gateway.step()
    assert put.call_args.args[1] == [], "who comes again costs the registry nothing"


def test_an_earlier_experiments_many_rows_delay_no_verdict(gateway: FakeGateway) -> None:
    fields = {"experiment": 1, "arm": "champion", "metric": "errors", "value": 0.0, "at": AT}
    rows = [Observation.model_validate(fields | {"unit": f"{n:064}"}) for n in range(20_000)]
    put_observations(gateway.registry.engine, rows)
    gateway.open()
    assert talk(gateway, {1: 0.9, 2: 0.4}, 300, every=20) < 200


def test_who_has_no_name_or_asks_by_name_counts_for_nothing(gateway: FakeGateway) -> None:
    gateway.open()
    for user, asked in ((None, "champion"), ("ann", "v2"), ("ann", "challenger")):
        gateway.rate(gateway.ask(user, asked), -1)
    gateway.status = lambda version, user: 400
    gateway.ask("ben")  # whose mistake is no error of the version
    gateway.step()
    assert gateway.observations() == []


def test_the_registry_learns_no_names_of_users(gateway: FakeGateway, tmp_path: Path) -> None:
    gateway.open()
    gateway.rate(gateway.ask("ann@example.com"), 1)
    gateway.step()
    stored = [file.read_bytes() for file in (tmp_path / "registry").rglob("*") if file.is_file()]
    assert not any(b"ann@example" in data for data in stored)


def test_a_new_champion_ends_the_experiment_without_a_verdict(gateway: FakeGateway) -> None:
    gateway.open()
    gateway.registry.promote(2, "a person's choice", force=True)
    gateway.step()
    found, _ = gateway.ended()
    assert found.end and found.end.verdict == "stopped"
    assert found.ended and found.ended.reason == "v2 is the champion now"


def test_two_gateways_count_together_and_end_an_experiment_once(
    gateway: FakeGateway, table: RouteTable
) -> None:
    gateway.open()
    both = [gateway.another(table) for _ in range(2)]
    luck = random.Random(1)
    for one in both:
        one.step()
    for number in range(600):
        one = both[number % 2]
        answer = one.ask(f"user {number}")
        liked = luck.random() < (0.9 if answer.assignment.deployment.version == 1 else 0.5)
        one.rate(answer, 1 if liked else -1)
        if number % 50 == 49:
            both[0].step()
            both[1].step()
    assert [one.experiments.running for one in both] == [None, None]
    assert len(gateway.registry.history(kind="experiment-end")) == 1
    _, result = gateway.ended()
    assert result.users.champion + result.users.challenger > 0
    assert result.health.both_arms == 0


def test_feedback_at_another_gateway_than_the_answer_s_counts_in_its_arm(
    gateway: FakeGateway, table: RouteTable
) -> None:
    gateway.open()
    one, other = gateway, gateway.another(table)
    other.step()
    answer = one.ask("ann")
    other.rate(answer, 1)
    one.step()
    other.step()
    found = gateway.observations()
    assert {row.metric for row in found} == {"rating", "errors", "refusals", "slow", "long"}
    assert {(row.unit, row.arm) for row in found} == {(found[0].unit, answer.assignment.arm)}


def test_a_gateway_that_starts_anew_goes_on_from_what_was_written(
    gateway: FakeGateway, table: RouteTable
) -> None:
    gateway.open()
    rates = {1: 0.9, 2: 0.5}
    talk(gateway, rates, 100)
    gateway.ask("somebody whose answer was not written yet")
    talk(gateway.another(table), rates, 1000)
    _, result = gateway.ended()
    assert result.counted == gateway.observations()[-1].id


def test_what_waits_is_kept_while_the_registry_cannot_be_reached_as_far_as_there_is_room(
    gateway: FakeGateway, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway.open()
    gateway.ask("ann")
    with patch.object(module, "put_observations", side_effect=IncumbentError("no disk")):
        gateway.step()
    assert "experiments wait for the registry: no disk" in caplog.text
    monkeypatch.setattr(module, "WAITING", 6)
    gateway.ask("ben")
    assert gateway.experiments.dropped == 2, "there is no room for all of these"
    gateway.step()
    assert len(gateway.observations()) == 6


def test_a_gateway_that_ends_writes_what_waits(gateway: FakeGateway) -> None:
    gateway.open_one()

    async def serve() -> None:
        task = asyncio.create_task(gateway.experiments.run())
        while gateway.experiments.running is None:
            await asyncio.sleep(0)
        gateway.ask("ann")
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(serve())
    assert len(gateway.observations()) == 4
