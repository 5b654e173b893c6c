"""Sign in by a printed address or by a password, and sign out."""

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Form, HTTPException, Query, Request
from fastapi.responses import RedirectResponse, Response

from review.access.request_checks import address_of, refuse_haste
from review.access.sessions import local
from review.frame import oidc_routes
from review.frame.error_pages import onward
from review.frame.oidc_routes import Next, TheGate, begun, cookie_kind
from review.frame.pages import page

router = APIRouter(include_in_schema=False)
router.include_router(oidc_routes.router)
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
