"""The gateway of the project in the current folder, behind a socket, until somebody ends it."""

import asyncio
import logging
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass

from evaluation.evaluation_settings import Decoding
from project.errors import InputError
from project.interruption import ended_by_signals
from project.listening import address_of, is_private, listening
from project.settings import PARAMS, load
from registry.store import Registry
from serving.callers.key_file import KeyFile
from serving.deploying.follower import Follower
from serving.deploying.pools import Pools, pools_of
from serving.deploying.route_table import RouteTable
from serving.deploying.state import ServingState
from serving.experiments.experiments import Experiments
from serving.http_server import COMMAND, Server
from serving.openai_api.gateway import Gateway
from serving.serving_settings import ServingParams
from serving.telemetry.metrics import Metrics
from serving.telemetry.traces import Traces
from serving.traffic_log.traffic_log import TrafficLog

log = logging.getLogger(__name__)
RESTART_SECONDS = 1.0


@dataclass(frozen=True)
class Service:
    """A gateway, and what runs beside it as long as it serves."""

    gateway: Gateway
    follower: Follower
    experiments: Experiments
    traffic: TrafficLog
    pools: Pools

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        await asyncio.to_thread(self.traffic.start)
        parts = (self.follower.run, self.experiments.run)
        tasks = [asyncio.create_task(kept_running(part)) for part in parts]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.to_thread(self.traffic.close)
            await self.pools.close()
            await asyncio.to_thread(self.gateway.traces.close)


async def kept_running(part: Callable[[], Awaitable[None]]) -> None:
    """Begin a part again that broke: a gateway without it would go on, and nobody would notice."""
    while True:
        try:
            await part()
        except Exception:
            log.exception("%s broke, and begins again", part.__qualname__)
        await asyncio.sleep(RESTART_SECONDS)


@contextmanager
def service_here(tell: Callable[[str], None] = log.info) -> Iterator[Service]:
    """What the settings of the current folder ask for. `tell` hears where the traffic goes."""
    with Registry.here() as registry:
        yield service_of(registry, tell)


def service_of(registry: Registry, tell: Callable[[str], None] = log.info) -> Service:
    """The same for a registry that is open. All times are by its clock."""
    params, decoding = load(ServingParams), load(Decoding)
    table, pools = RouteTable(), pools_of(params)
    follower = Follower(registry, pools, table, params, decoding, tell=tell)
    experiments = Experiments(registry, table)
    traffic = TrafficLog.here(registry.clock)
    gateway = Gateway(
        registry.family,
        params,
        decoding,
        table,
        experiments,
        observers=(traffic, experiments),
        state=follower.state,
        keys=KeyFile(params.keys) if params.keys else None,
        wake=follower.wake,
        clock=registry.clock,
        traces=Traces.from_environment(),
    )
    watch = gateway.metrics.watch
    watch("traffic_rows_dropped", "Rows that the log lost.", lambda: traffic.dropped)
    watch("observations_dropped", "That experiments lost.", lambda: experiments.dropped)
    watch_deploying(gateway.metrics, follower.state)
    return Service(gateway, follower, experiments, traffic, pools)


def watch_deploying(metrics: Metrics, state: Callable[[], ServingState]) -> None:
    """Numbers to be called for: above 0 a person should look."""
    metrics.watch(
        "champion_not_deployed", "Whether traffic goes elsewhere.", lambda: state().differs
    )
    metrics.watch("replicas_away", "Replicas that do not answer.", lambda: state().away)
    metrics.watch("replicas_full", "With no slot for a further version.", lambda: state().full)


@dataclass(frozen=True)
class Access:
    """What `incumbent serve` was told to leave open. A proxy on this machine cannot be told from a
    program on it, so that neither is open unless somebody says so.
    """

    without_keys: bool = False
    open_metrics: bool = False  # without a key, for whoever connects from this machine

    def warnings(self) -> Iterator[str]:
        reach = "every program on this machine, and everybody whom a proxy on it passes on"
        if self.without_keys:
            yield f"Nobody needs a key: {reach}, may ask, and may read /metrics."
        elif self.open_metrics:
            yield f"/metrics needs no key: {reach}, may read it. It names all callers."


def refuse_open_door(host: str, params: ServingParams, access: Access) -> None:
    """Raise InputError where nobody needs a key, and nobody said that this is meant; and for an
    address that others reach, in any case.
    """
    if params.keys is not None:
        if access.without_keys:
            raise InputError(
                "names a file of keys: leave --without-keys out, or put `keys: null` there",
                file=PARAMS,
                field="serving.keys",
            )
        return
    if not is_private(host):
        raise InputError(
            f"{host} can be reached by other machines, and nobody needs a key: put `keys: "
            "keys.yaml` there and run `incumbent serve --add-key NAME`, or leave --host out",
            file=PARAMS,
            field="serving.keys",
        )
    if not access.without_keys:
        raise InputError(
            "names no file, so that nobody would need a key: put `keys: keys.yaml` there and run "
            "`incumbent serve --add-key NAME`. To try it alone on this machine: `incumbent serve "
            "--without-keys`",
            file=PARAMS,
            field="serving.keys",
        )


@contextmanager
def server_here(
    host: str, port: int, tell: Callable[[str], None], access: Access
) -> Iterator["Serving"]:
    """The project's gateway on an address, as its settings allow it."""
    refuse_open_door(host, load(ServingParams), access)
    with service_here(tell=tell) as service, listening(host, port, COMMAND) as bound:
        service.gateway.open_metrics = access.open_metrics
        yield Serving(service, bound)


@dataclass(frozen=True)
class Serving:
    """A gateway behind a socket that listens already."""

    service: Service
    socket: socket.socket

    @property
    def address(self) -> str:
        return f"http://{address_of(self.socket)}"

    def run(self) -> None:
        """Serve until a signal ends it: running answers end first, and the log is written."""
        server = Server(self.service.gateway, self.service.running)
        with suppress(KeyboardInterrupt), ended_by_signals():
            if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
                signal.signal(signal.SIGHUP, server.handle_exit)  # uvicorn minds the others
            server.serve_on(self.socket)
