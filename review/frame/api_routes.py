"""What every server has: whether it is alive, and what programs can ask it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse, PlainTextResponse
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from review.frame.pages import TEMPLATES, page

router = APIRouter(include_in_schema=False)


@router.get("/healthz")
def healthz() -> PlainTextResponse:
    """Tell whoever watches the server that it lives; it tells nothing of the project."""
    return PlainTextResponse("ok\n")


@router.get("/api")
def api(request: Request) -> HTMLResponse:
    """All that lies under /api."""
    found = tuple(endpoints(request.app.openapi()))
    return page(request, TEMPLATES / "api.html", endpoints=found)


# --- api page -------------------------------------------------------------------------------------

# What programs can ask, as a page: read from the OpenAPI description of this server.

METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True)
class Parameter:
    name: str
    place: str  # path, query, header
    kind: str
    required: bool


@dataclass(frozen=True)
class ApiEndpoint:
    """One thing that programs can ask."""

    method: str
    path: str
    summary: str
    description: str
    parameters: tuple[Parameter, ...]
    answer: str  # the name of the model, if it has one


def api_description(app: FastAPI) -> dict[str, Any]:
    """OpenAPI of what lies under /api: pages are for people, and not for programs."""
    if app.openapi_schema is None:
        found = get_openapi(title=app.title, version=app.version, routes=app.routes)
        paths = {path: one for path, one in found["paths"].items() if path.startswith("/api/")}
        app.openapi_schema = {**found, "paths": paths}
    return app.openapi_schema


def endpoints(description: dict[str, Any]) -> Iterator[ApiEndpoint]:
    for path, operations in sorted(description["paths"].items()):
        for method in METHODS:
            if operation := operations.get(method):
                yield endpoint(method, path, operation)


def endpoint(method: str, path: str, operation: dict[str, Any]) -> ApiEndpoint:
    return ApiEndpoint(
        method=method.upper(),
        path=path,
        summary=operation.get("summary", ""),
        description=operation.get("description", ""),
        parameters=tuple(map(parameter, operation.get("parameters", ()))),
        answer=answer_of(operation),
    )


def parameter(found: dict[str, Any]) -> Parameter:
    kind = kind_of(found.get("schema", {}))
    return Parameter(found["name"], found["in"], kind, found.get("required", False))


def kind_of(schema: dict[str, Any]) -> str:
    """A schema in a few words."""
    if "anyOf" in schema:
        kinds = (kind_of(one) for one in schema["anyOf"])
        return " or ".join(kind for kind in kinds if kind != "null")
    if "enum" in schema:
        return ", ".join(map(str, schema["enum"]))
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if schema.get("type") == "array":
        return f"list of {kind_of(schema.get('items', {}))}"
    return str(schema.get("format") or schema.get("type", "any"))


def answer_of(operation: dict[str, Any]) -> str:
    for status, response in operation.get("responses", {}).items():
        schema = response.get("content", {}).get("application/json", {}).get("schema")
        if status.startswith("2") and schema:
            return kind_of(schema)
    return ""


# --- security headers -----------------------------------------------------------------------------

# What a browser is told to refuse, with every answer.

# With the policy no-referrer browsers would send `Origin: null` with our own forms.
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; object-src 'none'; frame-ancestors 'none'; "
    "base-uri 'none'; form-action 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
FOR_EVER = "public, max-age=31536000, immutable"  # of an asset whose address names its bytes


class SecurityHeaders:
    def __init__(self, app: ASGIApp, *, secure: bool) -> None:
        self.app = app
        self.secure = secure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                headers["Cache-Control"] = cache_control(scope, message["status"])
                if self.secure:
                    headers["Strict-Transport-Security"] = "max-age=31536000"
            await send(message)

        await self.app(scope, receive, with_headers if scope["type"] == "http" else send)


def cache_control(scope: Scope, status: int) -> str:
    """How long a browser may keep an answer: what a page shows is never for a disk."""
    if not scope["path"].startswith("/assets/"):
        return "no-store"
    return FOR_EVER if status == 200 and scope["query_string"] else "no-cache"
