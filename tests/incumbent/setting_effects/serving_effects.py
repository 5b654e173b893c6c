"""What the keys of section `serving` do to replicas, to what is deployed on them, to the log."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from evaluation.evaluation_settings import Decoding
from evaluation.generation.backends.backend import BackendError, Endpoint
from monitoring.monitoring_settings import TrafficParams
from project import paths
from project.canonical import digest_folder
from project.files import home
from project.records.adapters import Adapter, ModelPin
from project.settings import load
from registry.store import Registry
from serving.deploying.follower import Follower
from serving.deploying.pools import EmbeddedPools, pools_of
from serving.deploying.route_table import RouteTable
from serving.serving_settings import ServingParams
from serving.traffic_log.traffic_log import TrafficLog
from tests.conftest import BASE
from tests.evaluation.engine_server import engine_server
from tests.incumbent.setting_effects.effect import Effect, Output
from tests.incumbent.setting_effects.training_effects import TINY, pin_models
from tests.serving.deploying.conftest import Site
from tests.serving.deploying.fake_replica import FakeReplica
from tests.serving.traffic_log.exchanges import exchange, ids_in

# --- replicas over HTTP ---------------------------------------------------------------------------

PORT = "127.0.0.1:1"  # stands for that of the server that is asked
POOL: dict[str, Any] = {"base": BASE.name, "replicas": [f"http://{PORT}/v1"]}


def loading() -> dict[str, Any]:
    """What a replica gets to see of an adapter that is loaded: paths, key and folder."""
    with engine_server() as engine:
        params = Path("params.yaml")
        params.write_text(params.read_text().replace(PORT, engine.url.split("/")[2]))
        asyncio.run(load_one())
        return {
            "paths": [asked.path for asked in engine.asked],
            "keys": [asked.authorization for asked in engine.asked],
            "folders": list(engine.adapters.values()),
        }


async def load_one() -> None:
    pools = pools_of(load(ServingParams))
    (replica,) = (await pools.fitting(BASE)).replicas
    with suppress(BackendError):  # the server speaks as vLLM does, and no other way
        await replica.load("one", home() / "adapters" / "one")
    await pools.close()


# --- what is deployed -----------------------------------------------------------------------------


@contextmanager
def site() -> Iterator[Site]:
    """A follower with the settings of params.yaml, over two replicas that are fakes."""
    replicas = [FakeReplica("http://one"), FakeReplica("http://two")]
    with Registry.here() as registry:
        yield Site(registry, make_adapter, replicas, load(ServingParams))


def make_adapter(name: str) -> tuple[Adapter, Path]:
    folder = Path("adapters") / name
    folder.mkdir(parents=True)
    (folder / "adapter_model.safetensors").write_text(name)
    (folder / "adapter_config.json").write_text("{}")
    files = digest_folder(folder)
    return Adapter(files=files, base=BASE, recipe="c" * 64, dataset="d" * 64), folder


def holding() -> list[str]:
    """The replicas that hold the champion, once it is deployed."""
    with site() as here:
        here.promote("ant")
        here.follow()
        return [one.replica for one in here.replicas if one.loaded]


def most_on_a_server() -> int:
    """Adapters that a replica holds at a time, of three champions one after the other."""
    with site() as here:
        return most_loaded(here, here.follower)


def most_embedded() -> int:
    with site() as here:
        pools = EmbeddedPools(here.params, lambda pin: here.replicas[0])
        follower = Follower(here.registry, pools, RouteTable(), here.params, Decoding())
        return most_loaded(here, follower)


def most_loaded(here: Site, follower: Follower) -> int:
    for weights in ("ant", "bee", "cat"):
        here.promote(weights)
        here.follow(follower)
    return here.replicas[0].most


def read_together() -> int:
    """Of three answers, those that the embedded backend begins in one step."""
    from serving.embedded.draft import AnswerDraft, AnswerText
    from serving.embedded.embedded_backend import EmbeddedBackend

    pin_models()
    backend = EmbeddedBackend.of(ModelPin.read(paths.BASE), load(ServingParams))
    asyncio.run(backend.close())  # its thread would go on by itself
    body = {"model": backend.name, "messages": [{"role": "user", "content": "What is 1?"}]}
    asked = backend.questions.read(Endpoint.CHAT, body)
    batch = backend.thread.batch
    for _ in range(3):
        text = AnswerText(backend.decode, asked.stops)
        batch.waiting.append(AnswerDraft(asked, None, text, hear=lambda _: None, streamed=False))
    batch.step()
    return len(batch.drafts)


# --- the traffic log ------------------------------------------------------------------------------


def logged() -> list[str]:
    """Of ten users' answers, those that are kept."""
    with TrafficLog.here() as log:
        for number in range(10):
            log.answered(exchange(number, user=f"u{number}"))
    return ids_in(load(TrafficParams).folder)


def readable_after_ten_seconds() -> list[str]:
    """An answer that was logged so long ago, if it can be read by now."""
    now = [0.0]
    params = load(ServingParams).traffic
    log = TrafficLog("traffic", params, redact=True, ticks=lambda: now[0])
    log.write([exchange("a")])
    now[0] = 10.0
    log.write([])
    log.sender.send_all()
    log.spool.release()
    return ids_in("traffic")


def served(a: Any, b: Any, output: Output, shown: str | None = None, **beside: Any) -> Effect:
    others = {f"serving.{name}": value for name, value in beside.items()}
    return Effect((a, b), output, shown, others)


VLLM: dict[str, Any] = {"backend": "vllm", "pools": [POOL]}
FAKES = {"base": BASE.name, "replicas": ["http://one", "http://two"]}
DEPLOYING: dict[str, Any] = {"backend": "vllm", "pools": [FAKES]}
SERVING: dict[str, Effect] = {
    "backend": served("vllm", "sglang", loading, "paths", pools=[POOL]),
    "key_variable": served(None, "INCUMBENT_ACTOR", loading, "keys", **VLLM),
    "pools": served([FAKES | {"base": "other"}], [FAKES], holding, backend="vllm"),
    "pools.base": served("other", BASE.name, holding, **DEPLOYING),
    "pools.replicas": served(["http://one"], ["http://two"], holding, **DEPLOYING),
    "pools.slots": served(2, 3, most_on_a_server, **DEPLOYING),
    "pools.adapters": served("/here", "/there", loading, "folders", **VLLM),
    "slots": served(2, 3, most_embedded),
    "batch_size": Effect((2, 3), read_together, beside=TINY, models="tiny"),
    "require_attestation": served(True, False, holding, **DEPLOYING),
    "traffic": served({"share": 0}, {}, logged),
    "traffic.share": served(0.5, 1, logged),
    "traffic.seconds": served(5, 50, readable_after_ten_seconds),
}


EFFECTS = {f"serving.{name}": effect for name, effect in SERVING.items()}
