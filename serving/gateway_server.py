"""The gateway of the project in the current folder, behind a socket, until somebody ends it."""

import asyncio
import logging
import signal
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from evaluation.evaluation_settings import Decoding
from evaluation.generation.backends.backend import Endpoint
from project.child_processes import ended_by_signals
from project.disclosure import DisclosureParams
from project.errors import InputError
from project.listening import address_of, is_private, listening
from project.settings import PARAMS, load
from project.untrusted_input import shortened
from project.web_server import IDLE, STRANGERS, OpenConnections, WebServer
from registry.store import Registry
from serving.deploying.follower import Follower
from serving.deploying.pools import Pools, pools_of
from serving.deploying.route_table import RouteTable, ServingState
from serving.exchange import Deployment
from serving.experiments.experiments import Experiments
from serving.openai_api.answering import AnswerEndpoint, FeedbackEndpoint, Shadows
from serving.openai_api.evidence_shown import EvidenceSource
from serving.openai_api.gateway import WAITING, Gateway, models, not_found, nothing_deployed
from serving.openai_api.replicas import away
from serving.openai_api.request_body import ApiError, fault
from serving.openai_api.request_middleware import RequestMiddleware
from serving.openai_api.who_asks import KeyFile
from serving.serving_settings import ServingParams
from serving.traffic_log.metrics import Metrics, Traces
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
    """The same for a registry that is open. All times are by its clock. Raises InputError where
    the engine cannot answer as versions were judged.
    """
    params, decoding = load(ServingParams), load(Decoding)
    if decoding.constrained and params.backend not in ("embedded", "vllm"):
        raise InputError(
            f"{params.backend} holds calls to no grammar here, and the versions were judged with "
            "one: judge them without, or let vLLM or the embedded engine serve",
            file=PARAMS,
            field="evaluation.decoding.constrained",
        )
    table, pools = RouteTable(), pools_of(params)
    evidence = EvidenceSource(params.retrieval)
    prepare = evidence.prepare
    follower = Follower(registry, pools, table, params, decoding, prepare=prepare, tell=tell)
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
        evidence=evidence,
        disclosure=load(DisclosureParams),
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
        unsaid = "whom a proxy on it passes on without saying so"
        reach = f"every program on this machine, and everybody {unsaid}"
        if self.without_keys:
            yield f"Nobody needs a key: {reach}, may ask, and may read /metrics."
        elif self.open_metrics:
            yield f"/metrics needs no key: {reach}, may read it. It names all callers."


def refuse_keyless_address(host: str, params: ServingParams, access: Access) -> None:
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
    refuse_keyless_address(host, load(ServingParams), access)
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
        server = GatewayServer(self.service.gateway, self.service.running)
        with suppress(KeyboardInterrupt), ended_by_signals():
            if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
                signal.signal(signal.SIGHUP, server.handle_exit)  # uvicorn minds the others
            server.serve_on(self.socket)


# --- app ------------------------------------------------------------------------------------------

# The application: which path leads to what.

Running = Callable[[], AbstractAsyncContextManager[None]]


@asynccontextmanager
async def alone() -> AsyncIterator[None]:
    """Nothing runs beside the application."""
    yield


def create_app(gateway: Gateway, beside: Running = alone) -> Starlette:
    """What serves a gateway; `beside` runs as long as it does."""
    shadows = Shadows(gateway)
    gateway.metrics.watch("shadows_left_out", "Of a busy gateway.", lambda: shadows.left_out)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with beside():
            yield
            await shadows.close()

    app = Starlette(
        routes=routes(gateway, shadows),
        middleware=[Middleware(RequestMiddleware, gateway=gateway)],
        exception_handlers={HTTPException: refused, Exception: broken},
        lifespan=lifespan,
    )
    # A redirect would name http and the request's Host, and clients would send their key there.
    app.router.redirect_slashes = False
    app.state.gateway = gateway
    return app


def routes(gateway: Gateway, shadows: Shadows) -> list[Route]:
    chat = AnswerEndpoint(gateway, shadows, Endpoint.CHAT)
    completions = AnswerEndpoint(gateway, shadows, Endpoint.COMPLETIONS)
    return [
        Route("/v1/chat/completions", chat, methods=["POST"]),
        Route("/v1/completions", completions, methods=["POST"]),
        Route("/v1/models", model_list, methods=["GET"]),
        Route("/v1/models/{model:path}", model_list, methods=["GET"]),
        Route("/v1/feedback", FeedbackEndpoint(gateway), methods=["POST"]),
        Route("/v1/incumbent/serving", serving),
        Route("/healthz", alive),
        Route("/readyz", ready),
        Route("/metrics", metrics),
    ]


async def model_list(request: Request) -> Response:
    """The names that are answered now, or one of them, as OpenAI has it."""
    answering = models(request.app.state.gateway)
    name = request.path_params.get("model")
    if name is None:
        cards = [listed_model(known, deployment) for known, deployment in answering.items()]
        return JSONResponse({"object": "list", "data": cards})
    if name not in answering:
        raise not_found(name)
    return JSONResponse(listed_model(name, answering[name]))


def listed_model(name: str, deployment: Deployment) -> dict[str, Any]:
    """`created` is OpenAI's; when a version was made stands in the registry."""
    return {
        "id": name,
        "object": "model",
        "created": 0,
        "owned_by": "incumbent",
        "root": deployment.name,
        "parent": deployment.contestant.base.name,
    }


async def serving(request: Request) -> Response:
    """What answers, and what the registry wants; how, for operators alone."""
    gateway: Gateway = request.app.state.gateway
    if gateway.state is None:
        raise HTTPException(404)
    state = gateway.state().model_dump(mode="json")
    shows_all = gateway.shows_all_to(request.state.served.caller)
    return JSONResponse(state if shows_all else for_callers(state))


def for_callers(state: dict[str, Any]) -> dict[str, Any]:
    """Which digest answers; without the system prompt, and what replicas are called and say."""
    deployed = state["deployed"]
    named = {name: deployed[name] for name in ("version", "name")} if deployed else None
    fields = {name: state[name] for name in ("family", "champion", "adapter", "experiments")}
    return {**fields, "deployed": named}


async def alive(_: Request) -> Response:
    return PlainTextResponse("ok\n")


async def ready(request: Request) -> Response:
    """Whether a champion is deployed, on a replica that was there when it was last asked."""
    gateway: Gateway = request.app.state.gateway
    champion = gateway.table.champion
    if champion is not None and gateway.table.replica(champion) is not None:
        return PlainTextResponse("ok\n")
    error = away(champion, []) if champion else nothing_deployed(gateway.family)
    return JSONResponse(error.body, error.status, error.headers)


async def metrics(request: Request) -> Response:
    gateway: Gateway = request.app.state.gateway
    return Response(gateway.metrics.page(), media_type="text/plain; version=0.0.4; charset=utf-8")


def refused(request: Request, error: Exception) -> Response:
    """A path or a method that there is not."""
    assert isinstance(error, HTTPException)
    told = ApiError(error.status_code, no_route(request, error), code="unknown_url")
    return JSONResponse(told.body, told.status, error.headers)


def no_route(request: Request, error: HTTPException) -> str:
    path = shortened(request.url.path)
    if allowed := (error.headers or {}).get("Allow"):
        return f"{path} takes {allowed}, and not {request.method}."
    return f"Nothing is at {path}: OpenAI's API is under /v1, such as /v1/chat/completions."


def broken(_: Request, __: Exception) -> Response:
    """Answer a failure at a path beside OpenAI's API, such as those of load balancers."""
    return JSONResponse(fault().body, fault().status)


# --- http server ----------------------------------------------------------------------------------

# A gateway behind a socket.

PATIENCE = 20  # seconds for answers that are on their way when the server is ended
KEEP_ALIVE_SECONDS = 75  # longer than load balancers keep an idle connection: they end it, not we
COMMAND = "incumbent serve"


class GatewayServer(WebServer):
    """A gateway, and what runs beside it as long as it serves."""

    def __init__(self, gateway: Gateway, beside: Running = alone, patience: int = PATIENCE) -> None:
        params = gateway.params
        super().__init__(
            create_app(gateway, beside),
            room=OpenConnections((1 + WAITING) * params.running + IDLE, STRANGERS),
            patience=patience,
            lifespan="on",
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
        )


@contextmanager
def running(
    gateway: Gateway, beside: Running = alone, host: str = "127.0.0.1", port: int = 0
) -> Iterator[str]:
    """A gateway that serves in a thread as long as the block runs; yields its address."""
    with listening(host, port, COMMAND) as bound:
        server = GatewayServer(gateway, beside)
        thread = threading.Thread(target=server.serve_on, args=(bound,), name="gateway")
        address = f"http://{address_of(bound)}"
        thread.start()
        try:
            server.up.wait()
            yield address
        finally:
            server.should_exit = True
            thread.join()
