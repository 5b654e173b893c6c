"""A registry with a champion and a challenger, and a gateway that is only as much as is needed."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from project.records.adapters import AdapterVersion
from project.records.data import Message
from project.records.traffic import Outcome
from registry.experiment_events import (
    Arrival,
    Experiment,
    ExperimentResult,
    experiments,
    open_experiment,
    read_observations,
    result_of,
)
from registry.store import Registry
from serving.deploying.route_table import RouteTable
from serving.exchange import Assignment, Exchange, FeedbackGiven, deployment_of
from serving.experiments.experiments import Experiments, shadow_assignment
from serving.experiments.opening import experiment_asked_for
from serving.serving_settings import ServingParams
from tests.places import submit, win
from tests.serving.deploying.fake_replica import FakeReplica

AT = "2026-01-01T00:00:00.000Z"
Open = Callable[..., Experiment]


@pytest.fixture
def contest(registry: Registry, tmp_path: Path) -> tuple[AdapterVersion, AdapterVersion]:
    """The champion, and who is tried."""
    return win(registry, "a", tmp_path), submit(registry, "b", tmp_path)


@pytest.fixture
def table(contest: tuple[AdapterVersion, AdapterVersion]) -> RouteTable:
    champion, challenger = map(deployment_of, contest)
    found = RouteTable(champion=champion)
    for deployment in (champion, challenger):
        found.hold(deployment, FakeReplica())
    return found


@pytest.fixture
def open_one(registry: Registry, contest: tuple[AdapterVersion, AdapterVersion]) -> Open:
    """Open an experiment with v2, with a salt that every run has."""

    def opened(**asked: Any) -> Experiment:
        fields: dict[str, Any] = {"mode": "canary", "share": 0.5, "metric": "rating", "alpha": 0.05}
        told = experiment_asked_for(registry, contest[1], ServingParams(), **fields | asked)
        told = told.model_copy(update={"salt": "salt"})
        return open_experiment(registry, 2, told, "to see")

    return opened


@dataclass
class FakeGateway:
    """Answers are as a test says: by the version that gave them, and the user."""

    experiments: Experiments
    registry: Registry
    open_one: Open
    text: Callable[[int, str], str] = lambda version, user: "an answer"
    latency: Callable[[int, str], float] = lambda version, user: 100.0
    status: Callable[[int, str], int] = lambda version, user: 200
    numbers: "count[int]" = field(default_factory=count)

    def open(self, **asked: Any) -> Experiment:
        """Open an experiment, which the gateway knows of then."""
        opened = self.open_one(**asked)
        self.step()
        return opened

    def another(self, table: RouteTable, **clock: Any) -> "FakeGateway":
        """A gateway beside this one, or in its place, with the same registry."""
        experiments = Experiments(self.registry, table, **clock)
        return FakeGateway(experiments, self.registry, self.open_one)

    def observations(self) -> Sequence[Arrival]:
        """What is stored of the experiment."""
        (opened,) = experiments(self.registry)
        return read_observations(self.registry.engine, opened.number)

    def ended(self) -> tuple[Experiment, ExperimentResult]:
        """The experiment, which has ended, and its result."""
        (found,) = experiments(self.registry)
        result = result_of(self.registry, found)
        assert result is not None, "it has ended"
        return found, result

    def ask(self, user: str | None, asked: str = "champion") -> Exchange:
        name = f"a{next(self.numbers)}"
        assignment = self.experiments.assign(asked, user, name)
        assert assignment is not None, "somebody answers"
        answer = self.exchange(name, user, asked, assignment)
        self.experiments.answered(answer)
        if shadow := shadow_assignment(assignment):
            self.experiments.answered(self.exchange(f"{name}-shadow", user, asked, shadow))
        return answer

    def exchange(self, name: str, user: str | None, asked: str, assignment: Assignment) -> Exchange:
        version, who = assignment.deployment.version or 0, user or ""
        return Exchange(
            id=name,
            at=AT,
            caller="app",
            user=user,
            asked=f"test@{asked}",
            messages=(Message(role="user", content="What?"),),
            text=self.text(version, who),
            assignment=assignment,
            prompt_tokens=3,
            answer_tokens=2,
            latency_ms=self.latency(version, who),
            status=self.status(version, who),
        )

    def rate(self, answer: Exchange, rating: int, **outcome: Any) -> None:
        told = Outcome(**outcome) if outcome else None
        fields = {"id": answer.id, "at": AT, "caller": "app", "rating": rating, "outcome": told}
        self.experiments.fed_back(FeedbackGiven.model_validate(fields), answer.ref)

    def step(self) -> None:
        asyncio.run(self.experiments.once())


@pytest.fixture
def gateway(registry: Registry, table: RouteTable, open_one: Open) -> FakeGateway:
    return FakeGateway(Experiments(registry, table), registry, open_one)
