"""Sign in by a printed address or by a password, and sign out."""

import hmac
from pathlib import Path
from typing import Annotated, Literal, TypedDict

from fastapi import APIRouter, Depends, Form, HTTPException, Query, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import ValidationError

from review.access.access_control import AccessControl
from review.access.oidc import MINUTES, Flow, Provider, ProviderError, SignInRefusedError
from review.access.request_checks import address_of, own_origin, refuse_haste
from review.access.sessions import HOURS, local, seal, unsealed
from review.frame.error_pages import onward
from review.frame.pages import page

router = APIRouter(include_in_schema=False)

# --- session cookie -------------------------------------------------------------------------------

# A session begun, as the cookie that a browser gets.


class CookieKind(TypedDict):
    path: str
    secure: bool
    httponly: bool
    samesite: Literal["strict"]


def gate_of_app(request: Request) -> AccessControl:
    found: AccessControl = request.app.state.gate
    return found


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


TEMPLATE = Path(__file__).parent / "templates" / "sign_in.html"
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
    return page(request, TEMPLATE, way=way, next=local(to), problem="")


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
        return page(request, TEMPLATE, 401, way="users", next=local(to), problem=problem)
    proof = gate.users.proof(name) or ""
    return begun(gate, name, RedirectResponse(local(to), 303), proof)


@router.post("/sign-out")
def sign_out(request: Request, gate: TheGate) -> Response:
    if session := gate.session_of(request):
        gate.sessions.end(session, gate.site.clock())
    gone = RedirectResponse("/sign-in", 303)
    gone.delete_cookie(gate.sessions.cookie, **cookie_kind(gate))
    return gone
