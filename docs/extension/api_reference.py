"""The generated part of docs/reference/http-api.md: what programs can ask of `incumbent review`."""

from collections.abc import Iterator

from fastapi import FastAPI

from docs.extension.tables import table
from review.frame.sign_in_routes import ApiEndpoint, api_description, endpoints
from review.page_server import ROUTERS

HEAD = ("method and path", "takes", "answers with", "what it does")


def endpoint_lines() -> Iterator[str]:
    """One table of all endpoints under /api, from the routes."""
    yield from table(HEAD, map(row_of, endpoints(api_description(api()))))


def row_of(endpoint: ApiEndpoint) -> tuple[str, str, str, str]:
    takes = ", ".join(f"{one.name} ({one.kind})" for one in endpoint.parameters)
    kind = endpoint.answer.rpartition("__")[2]  # without its module
    does = endpoint.description or endpoint.summary
    return f"`{endpoint.method} {endpoint.path}`", takes, f"`{kind}`" if kind else "", does


def api() -> FastAPI:
    """The routes alone: a description needs no project behind them."""
    app = FastAPI(title="Incumbent")
    for router in ROUTERS:
        app.include_router(router)
    return app
