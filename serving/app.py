"""The application: which path leads to what."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from evaluation.generation.backends.backend import Endpoint
from project.untrusted_input import shortened
from serving.callers.api_error import ApiError, fault
from serving.openai_api.answering import Answering
from serving.openai_api.door import Door
from serving.openai_api.feedback import FeedbackDoor
from serving.openai_api.gateway import Gateway
from serving.openai_api.model_list import ModelList
from serving.openai_api.replicas import away
from serving.openai_api.shadows import Shadows
from serving.openai_api.who_answers import nothing_deployed

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
        middleware=[Middleware(Door, gateway=gateway)],
        exception_handlers={HTTPException: refused, Exception: broken},
        lifespan=lifespan,
    )
    # A redirect would name http and the request's Host, and clients would send their key there.
    app.router.redirect_slashes = False
    app.state.gateway = gateway
    return app


def routes(gateway: Gateway, shadows: Shadows) -> list[Route]:
    chat = Answering(gateway, shadows, Endpoint.CHAT)
    completions = Answering(gateway, shadows, Endpoint.COMPLETIONS)
    models = ModelList(gateway)
    return [
        Route("/v1/chat/completions", chat, methods=["POST"]),
        Route("/v1/completions", completions, methods=["POST"]),
        Route("/v1/models", models, methods=["GET"]),
        Route("/v1/models/{model:path}", models, methods=["GET"]),
        Route("/v1/feedback", FeedbackDoor(gateway), methods=["POST"]),
        Route("/v1/incumbent/serving", serving),
        Route("/healthz", alive),
        Route("/readyz", ready),
        Route("/metrics", metrics),
    ]


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
    own = {name: state[name] for name in ("family", "champion", "adapter", "experiments")}
    return {**own, "deployed": named}


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
    """Of what the door does not serve: the paths of load balancers."""
    return JSONResponse(fault().body, fault().status)
