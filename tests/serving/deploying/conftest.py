"""A registry with versions that were judged, and a follower over replicas that are fakes."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from evaluation.evaluation_settings import Decoding
from evaluation.report.dev_items import DevComparison, DevItem, kept_path
from project.files import write_lines
from project.records.adapters import Adapter, AdapterVersion, ModelPin, Opponent
from project.records.data import Row
from project.records.scores import ItemScore
from registry.deployment_history import deployments
from registry.store import Registry
from serving.deploying.follower import Follower
from serving.deploying.pools import HttpPools
from serving.deploying.route_table import RouteTable
from serving.exchange import Deployment, deployment_of
from serving.serving_settings import PoolParams, ServingParams
from tests.conftest import BASE
from tests.serving.deploying.fake_replica import FakeReplica, words_of

MakeAdapter = Callable[[str], tuple[Adapter, Path]]
PROMPTS = [f"question {'?' * number}" for number in range(12)]


def row(prompt: str) -> Row:
    return Row.of(prompt, "an answer", group=prompt, source="test")


def keep_answers(version: AdapterVersion, weights: str) -> None:
    """As after `submit`: what these weights answered on dev, and the bare base beside them."""
    comparison = DevComparison(version=version.number, opponent=Opponent(), better={}, gating=())
    items = [
        DevItem(
            row=row(prompt),
            champion=words_of("base", prompt),
            challenger=words_of(weights, prompt),
            scores=ItemScore(item=row(prompt).id, champion={}, challenger={}),
        )
        for prompt in PROMPTS
    ]
    lines = [comparison.canonical(), *(item.canonical() for item in items)]
    write_lines(kept_path(version.family, version.number), lines)


def settings(*pools: tuple[str, list[FakeReplica]], slots: int = 3) -> ServingParams:
    return ServingParams(
        backend="vllm",
        pools=tuple(
            PoolParams(base=base, replicas=tuple(r.replica for r in replicas), slots=slots)
            for base, replicas in pools
        ),
    )


@dataclass
class Site:
    """All that a gateway deploys with, and its clock."""

    registry: Registry
    make: MakeAdapter
    replicas: list[FakeReplica]
    params: ServingParams
    now: float = 0.0
    told: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.follower = self.gateway()
        self.table = self.follower.table

    def gateway(self) -> Follower:
        """A further one on the same registry and replicas; or this one, started again."""
        by_url = {replica.replica: replica for replica in self.replicas}
        return Follower(
            self.registry,
            HttpPools(self.params, lambda url, pool: by_url[url]),
            RouteTable(),
            self.params,
            Decoding(),
            clock=lambda: self.now,
            tell=self.told.append,
        )

    def submit(self, weights: str, *, judged: bool = True, base: ModelPin = BASE) -> int:
        adapter, folder = self.make(weights)
        adapter = adapter.model_copy(update={"base": base})
        version = self.registry.submit(adapter, folder, "trained")
        if judged:
            keep_answers(version, weights)
        return version.number

    def promote(self, weights: str, *, judged: bool = True, base: ModelPin = BASE) -> int:
        number = self.submit(weights, judged=judged, base=base)
        self.registry.promote(number, "by hand", force=True)
        return number

    def follow(self, follower: Follower | None = None) -> None:
        asyncio.run((follower or self.follower).once())

    def name(self, number: int) -> str:
        return self.deployment(number).name

    def deployment(self, number: int) -> Deployment:
        return deployment_of(self.registry.version(number))

    @property
    def deployed(self) -> int | None:
        return self.table.champion.version if self.table.champion else None

    def moves(self) -> list[int]:
        return [event.version for event in self.registry.history(kind="deploy")]

    def failures(self) -> list[tuple[int, str, str | None]]:
        found = deployments(self.registry).failures
        told = [(failure.version, failure.told.step, failure.told.replica) for failure in found]
        return sorted(told, key=str)  # replicas fail side by side


@pytest.fixture
def replicas() -> list[FakeReplica]:
    return [FakeReplica("http://one"), FakeReplica("http://two")]


@pytest.fixture
def site(registry: Registry, make_adapter: MakeAdapter, replicas: list[FakeReplica]) -> Site:
    return Site(registry, make_adapter, replicas, settings(("a-base", replicas)))
