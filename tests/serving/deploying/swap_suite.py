"""What a real engine has to stand: swaps under load, losses, and adapters that do nothing.

The same suite runs on vLLM and on the embedded backend; each gives the fixture `engine`. What loads
torch is imported where it is used, so that the fast tests do not wait for it.
"""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from evaluation.evaluation_settings import Decoding
from evaluation.generation.backends.backend import Backend, Body, Endpoint, Engine, Names
from evaluation.report.dev_items import DevComparison, DevItem, kept_path
from project.canonical import digest_folder
from project.files import write_lines
from project.records.adapters import Adapter, Opponent
from project.records.data import Row
from project.records.events import Deployed
from project.records.scores import ItemScore
from registry.deployment_history import deployments
from registry.store import Registry
from serving.deploying import version_loading
from serving.deploying.follower import Follower
from serving.deploying.pools import HttpPools
from serving.deploying.route_table import RouteTable
from serving.exchange import Deployment, deployment_of
from serving.serving_settings import PoolParams, ServingParams
from tests.conftest import BASE

URL = "http://127.0.0.1:1/v1"  # of the settings; the replica is put in by the test
ROWS = [
    Row.of(f"Say what {what} is.", "It is.", group=what, source="test")
    for what in (
        "a card",
        "a loan",
        "a fee",
        "an account",
        "a rate",
        "a limit",
        "a bank",
        "debt",
        "a branch",
        "a cheque",
        "cash",
        "a bond",
    )
]
DECODING = Decoding(max_new_tokens=12)
Texts = dict[str, str]  # by item


def answers_of(base: Path, adapter: Path | None) -> Texts:
    """As evaluation makes them."""
    from evaluation.generation.answering_model import AnsweringModel

    model = AnsweringModel(base, adapter, DECODING, "float32")
    return {answer.item: answer.text for answer in model.answer(ROWS)}


@dataclass
class Judged:
    """Adapters of one base, and what evaluation got from them."""

    base: Path
    adapters: dict[str, Path]
    bare: Texts
    texts: dict[str, Texts]

    @classmethod
    def of(cls, base: Path, adapters: dict[str, Path]) -> "Judged":
        texts = {name: answers_of(base, folder) for name, folder in adapters.items()}
        return cls(base, adapters, answers_of(base, None), texts)


@dataclass
class OtherDisk:
    """A replica that reads other files than this machine has: a stale copy, or spoilt ones."""

    inner: Backend
    swaps: dict[str, Path] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.replica = self.inner.replica

    async def answer(self, endpoint: Endpoint, body: Body) -> Body:
        return await self.inner.answer(endpoint, body)

    def stream(self, endpoint: Endpoint, body: Body) -> AsyncIterator[Body]:
        return self.inner.stream(endpoint, body)

    async def names(self) -> Names:
        return await self.inner.names()

    async def load(self, name: str, adapter: Path) -> None:
        await self.inner.load(name, self.swaps.get(name, adapter))

    async def unload(self, name: str) -> None:
        await self.inner.unload(name)

    async def engine(self) -> Engine:
        return await self.inner.engine()

    async def close(self) -> None:
        await self.inner.close()


@dataclass
class RealSite:
    registry: Registry
    judged: Judged
    replica: OtherDisk

    def __post_init__(self) -> None:
        params = ServingParams(backend="vllm", pools=(PoolParams(base="m", replicas=(URL,)),))
        self.table = RouteTable()
        pools = HttpPools(params, lambda url, pool: self.replica)
        self.follower = Follower(self.registry, pools, self.table, params, DECODING)

    def submit(self, name: str) -> Deployment:
        folder = self.judged.adapters[name]
        files = digest_folder(folder)
        adapter = Adapter(files=files, base=BASE, recipe="c" * 64, dataset="d" * 64)
        version = self.registry.submit(adapter, folder, "trained")
        keep(self.judged, name, version.family, version.number)
        return deployment_of(version)

    def promote(self, name: str) -> Deployment:
        deployment = self.submit(name)
        assert deployment.version is not None
        self.registry.promote(deployment.version, "by hand", force=True)
        return deployment

    async def ask(self, deployment: Deployment, row: Row) -> str:
        backend = self.table.replica(deployment)
        assert backend is not None
        with self.table.answering(deployment, backend):
            body = {
                "model": deployment.name,
                "messages": [message.model_dump() for message in row.prompt],
                "temperature": 0,
                "max_tokens": DECODING.max_new_tokens,
            }
            answer = await backend.answer(Endpoint.CHAT, body)
        assert answer["model"] == deployment.name
        return str(answer["choices"][0]["message"]["content"]).strip()


def keep(judged: Judged, name: str, family: str, number: int) -> None:
    comparison = DevComparison(version=number, opponent=Opponent(), better={}, gating=())
    items = [
        DevItem(
            row=row,
            champion=judged.bare[row.id],
            challenger=judged.texts[name][row.id],
            scores=ItemScore(item=row.id, champion={}, challenger={}),
        )
        for row in ROWS
    ]
    lines = [comparison.canonical(), *(item.canonical() for item in items)]
    write_lines(kept_path(family, number), lines)


def without_effect(folder: Path, target: Path) -> Path:
    """B = 0."""

    def zeroed(name: str, weight: Any) -> tuple[str, Any]:
        return name, weight * 0 if "lora_B" in name else weight

    return respun(folder, target, zeroed)


def under_a_foreign_prefix(folder: Path, target: Path) -> Path:
    """Keys that an engine may leave aside, as none of its modules is called so."""
    return respun(folder, target, lambda name, weight: (name.replace(".layers", ".h"), weight))


def respun(folder: Path, target: Path, change: Callable[[str, Any], tuple[str, Any]]) -> Path:
    from safetensors.torch import load_file, save_file

    shutil.copytree(folder, target)
    file = target / "adapter_model.safetensors"
    save_file(dict(change(*pair) for pair in load_file(file).items()), file)
    return target


def at_a_wrong_scale(folder: Path, target: Path) -> Path:
    """Half of lora_alpha."""
    shutil.copytree(folder, target)
    config = json.loads((target / "adapter_config.json").read_text())
    config["lora_alpha"] /= 2
    (target / "adapter_config.json").write_text(json.dumps(config))
    return target


Story = Callable[[RealSite], Awaitable[None]]


@dataclass(frozen=True)
class RealEngine:
    judged: Judged
    make: Callable[[], Backend]
    restart: Callable[[], None] | None = None  # where it is a process of its own

    def run(self, registry: Registry, story: Story) -> None:
        async def whole() -> None:
            backend = self.make()
            try:
                for name in (await backend.names()).adapters:
                    await backend.unload(name)
                await story(RealSite(registry, self.judged, OtherDisk(backend)))
            finally:
                await backend.close()

        asyncio.run(whole())


class SwapSuite:
    """Its tests take the fixture `engine`."""

    @pytest.fixture(autouse=True)
    def patient(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A look waits until a version is loaded, on a slow machine too."""
        monkeypatch.setattr(version_loading, "GRACE", 600.0)

    def test_a_promotion_moves_the_traffic_when_answers_are_as_they_were_judged(
        self, engine: RealEngine, registry: Registry
    ) -> None:
        async def story(site: RealSite) -> None:
            one = site.promote("ant")
            await site.follower.once()
            assert site.table.champion == one
            told = registry.history(kind="deploy")[0].told(Deployed)
            assert told.agreement is not None and float(told.agreement) > 0.9
            for row in ROWS[:3]:
                assert await site.ask(one, row) == engine.judged.texts["ant"][row.id]

        engine.run(registry, story)

    def test_swaps_under_load_lose_and_mix_no_request(
        self, engine: RealEngine, registry: Registry, swaps: int
    ) -> None:
        async def story(site: RealSite) -> None:
            names = ["ant", "bee", "cat", "dog"]
            versions = [site.promote(name) for name in names]
            animals = dict(zip((v.name for v in versions), names, strict=True))
            await site.follower.once()
            done, answered = asyncio.Event(), []

            async def user(row: Row) -> None:
                while not done.is_set():
                    champion = site.table.champion
                    assert champion is not None
                    text = await site.ask(champion, row)
                    assert text == engine.judged.texts[animals[champion.name]][row.id]
                    answered.append(animals[champion.name])

            users = [asyncio.create_task(user(row)) for row in ROWS[:2]]
            for number in range(swaps):
                # Every second swap needs a load.
                target = versions[(number // 4 * 2 + number % 2) % len(versions)]
                await asyncio.to_thread(registry.rollback, "to and fro", target.version)
                while site.table.champion != target:  # a slot may wait for answers to end
                    await site.follower.once()
            done.set()
            await asyncio.gather(*users)
            assert len(answered) >= swaps

        engine.run(registry, story)
        assert deployments(registry).failures == ()

    @pytest.mark.parametrize(
        "spoil",
        [without_effect, under_a_foreign_prefix, at_a_wrong_scale, None],
        ids=["B is 0", "a foreign prefix", "a wrong scale", "the previous weights"],
    )
    def test_an_adapter_that_does_nothing_gets_no_traffic(
        self,
        engine: RealEngine,
        registry: Registry,
        tmp_path: Path,
        spoil: Callable[[Path, Path], Path] | None,
    ) -> None:
        adapters = engine.judged.adapters
        spoilt = spoil(adapters["bee"], tmp_path / "spoilt") if spoil else adapters["ant"]

        async def story(site: RealSite) -> None:
            one = site.promote("ant")
            await site.follower.once()
            two = site.promote("bee")
            site.replica.swaps[two.name] = spoilt
            await site.follower.once()
            assert site.table.champion == one
            assert site.table.deployed(two.version) is None
            assert two.name not in (await site.replica.names()).adapters

        engine.run(registry, story)
        (failure,) = deployments(registry).failures
        # An engine may refuse keys that it does not know: that is as good.
        assert failure.told.step == "golden" or spoil is under_a_foreign_prefix, failure

    def test_a_replica_that_was_restarted_is_repaired(
        self, engine: RealEngine, registry: Registry
    ) -> None:
        if engine.restart is None:
            pytest.skip("it lives and dies with the gateway")
        restart = engine.restart

        async def story(site: RealSite) -> None:
            one = site.promote("ant")
            await site.follower.once()
            await asyncio.to_thread(restart)
            assert (await site.replica.names()).adapters == frozenset()
            await site.follower.once()
            assert site.table.champion == one
            assert await site.ask(one, ROWS[0]) == engine.judged.texts["ant"][ROWS[0].id]

        engine.run(registry, story)
