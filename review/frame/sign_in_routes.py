"""What every server has: sign-in and sign-out, whether it lives, what programs can ask, headers."""

import hmac
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypedDict

from fastapi import APIRouter, Depends, FastAPI, Form, HTTPException, Query, Request
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from pydantic import ValidationError
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from review.frame.access_control import (
    MINUTES,
    AccessControl,
    Flow,
    Provider,
    ProviderError,
    SignInRefusedError,
)
from review.frame.pages import onward, page
from review.frame.request_checks import address_of, own_origin, refuse_haste
from review.frame.users_file import HOURS, local, seal, unsealed

# --- api routes -----------------------------------------------------------------------------------

router = APIRouter(include_in_schema=False)


@router.get("/healthz")
def healthz() -> PlainTextResponse:
    """Tell whoever watches the server that it lives; it tells nothing of the project."""
    return PlainTextResponse("ok\n")


@router.get("/api")
def api(request: Request) -> HTMLResponse:
    """All that lies under /api."""
    listed = tuple(endpoints(request.app.openapi()))
    return page(request, "api.html", endpoints=listed)


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
        schema = get_openapi(title=app.title, version=app.version, routes=app.routes)
        paths = {path: item for path, item in schema["paths"].items() if path.startswith("/api/")}
        app.openapi_schema = {**schema, "paths": paths}
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


def parameter(query: dict[str, Any]) -> Parameter:
    kind = kind_of(query.get("schema", {}))
    return Parameter(query["name"], query["in"], kind, query.get("required", False))


def kind_of(schema: dict[str, Any]) -> str:
    """A schema in a few words."""
    if "anyOf" in schema:
        kinds = (kind_of(option) for option in schema["anyOf"])
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


# --- session cookie -------------------------------------------------------------------------------

# A session begun, as the cookie that a browser gets.


class CookieKind(TypedDict):
    path: str
    secure: bool
    httponly: bool
    samesite: Literal["strict"]


def gate_of_app(request: Request) -> AccessControl:
    gate: AccessControl = request.app.state.gate
    return gate


TheGate = Annotated[AccessControl, Depends(gate_of_app)]
Next = Annotated[str, Query(alias="next", max_length=2000)]  # where to go then


def cookie_kind(gate: AccessControl) -> CookieKind:
    """Out of reach of scripts, and sent by pages of this site alone."""
    secure = gate.sessions.secure
    return CookieKind(path="/", secure=secure, httponly=True, samesite="strict")


def begun(gate: AccessControl, name: str, response: Response, proof: str = "") -> Response:
    """Begin a session. It never takes over what a browser brought: that may be somebody else's."""
    session = gate.sessions.begin(name, gate.site.clock(), proof)
    value = gate.sessions.sealed(session)
    response.set_cookie(gate.sessions.cookie, value, max_age=HOURS * 3600, **cookie_kind(gate))
    return response


# --- oidc routes ----------------------------------------------------------------------------------

Code = Annotated[str, Query(max_length=4000)]


@router.get("/sign-in/oidc")
async def to_the_provider(request: Request, gate: TheGate, to: Next = "/") -> Response:
    """Remember, in a sealed cookie, what the answer has to match, and go."""
    flow = Flow.begun(local(to), gate.site.clock())
    try:
        address = await provider_of(gate).address(flow, back(request, gate))
    except ProviderError as error:
        raise HTTPException(502, f"{error}. Try again later.") from None
    going = RedirectResponse(address, 303)
    # Lax, as the way back comes from the provider's site; a strict cookie would not be sent then.
    going.set_cookie(
        flow_cookie(gate),
        seal(gate.site.secret, "oidc flow", flow.canonical()),
        max_age=MINUTES * 60,
        secure=gate.sessions.secure,
        httponly=True,
        samesite="lax",
    )
    return going


@router.get("/sign-in/oidc/back")
async def from_the_provider(
    request: Request,
    gate: TheGate,
    code: Code = "",
    state: Code = "",
    error: Code = "",
    iss: Code = "",
) -> Response:
    """Take the provider's answer, if it is the one to what this browser asked."""
    provider, flow = provider_of(gate), flow_of(request, gate)
    if flow is None or not hmac.compare_digest(flow.state.encode(), state.encode()):
        raise HTTPException(403, "This sign-in was not begun here, or took too long. Begin again.")
    if error:
        raise HTTPException(403, f"The provider did not sign you in: {error}")
    try:
        if iss and iss != (await provider.metadata()).issuer:
            raise SignInRefusedError("the answer is of another provider")
        name = await provider.name(code, flow, back(request, gate), gate.site.clock())
    except SignInRefusedError as refusal:
        raise HTTPException(403, f"You are not signed in: {refusal}.") from None
    except ProviderError as failure:
        raise HTTPException(502, f"{failure}. Try again later.") from None
    done = begun(gate, name, onward(request, flow.next))
    done.delete_cookie(flow_cookie(gate), secure=gate.sessions.secure, httponly=True)
    return done


def provider_of(gate: AccessControl) -> Provider:
    if gate.provider is None:
        raise HTTPException(404)
    return gate.provider


def flow_cookie(gate: AccessControl) -> str:
    return f"{gate.sessions.cookie}-flow"


def flow_of(request: Request, gate: AccessControl) -> Flow | None:
    """What this browser began, if it was not too long ago."""
    value = unsealed(gate.site.secret, "oidc flow", request.cookies.get(flow_cookie(gate), ""))
    try:
        flow = Flow.model_validate_json(value) if value else None
    except ValidationError:
        return None
    return flow if flow and flow.until > gate.site.clock().timestamp() else None


def back(request: Request, gate: AccessControl) -> str:
    """Our address that the provider sends people back to; it has to be told of it."""
    return f"{own_origin(request, gate.site.params.url)}/sign-in/oidc/back"


USED = (
    "This address was used already, or is of an earlier start. Stop `incumbent review` and "
    "start it again: it prints a new one."
)


@router.get("/sign-in")
def sign_in_page(
    request: Request,
    gate: TheGate,
    to: Next = "/",
    token: Annotated[str, Query(max_length=200)] = "",
) -> Response:
    """The form or the link of the way that the settings name, or the end of a printed address."""
    way = gate.site.params.sign_in
    if gate.found(request):
        return RedirectResponse(local(to), 303)
    if token and way == "token":
        if not gate.token.take(token):
            raise HTTPException(403, USED)
        return begun(gate, gate.site.opened.actor, onward(request, local(to)))
    return page(request, "sign_in.html", way=way, next=local(to), problem="")


@router.post("/sign-in")
def sign_in(
    request: Request,
    gate: TheGate,
    name: Annotated[str, Form(max_length=200)],
    password: Annotated[str, Form(max_length=2000)],
    to: Annotated[str, Form(alias="next", max_length=2000)] = "/",
) -> Response:
    """Take a name and a password."""
    if gate.users is None:
        raise HTTPException(404)
    refuse_haste(gate.attempts_of_address, address_of(request))
    refuse_haste(gate.attempts, name)
    if not gate.users.verified(name, password):
        problem = "Name or password is wrong."
        return page(request, "sign_in.html", 401, way="users", next=local(to), problem=problem)
    proof = gate.users.proof(name) or ""
    return begun(gate, name, RedirectResponse(local(to), 303), proof)


@router.post("/sign-out")
def sign_out(request: Request, gate: TheGate) -> Response:
    if session := gate.session_of(request):
        gate.sessions.end(session, gate.site.clock())
    gone = RedirectResponse("/sign-in", 303)
    gone.delete_cookie(gate.sessions.cookie, **cookie_kind(gate))
    return gone
