"""The registry's check: started by a button, and its newest result."""

from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from evaluation.decision.decision_replay import RegistryCheck, check_registry
from project.canonical import stamp
from project.errors import IncumbentError
from project.records.record import Record
from registry.store import Registry
from review.access.users_file import ThePerson
from review.frame.pages import page
from review.site import TheSite

# --- last check -----------------------------------------------------------------------------------

# The registry's newest check in this process: made on demand, one at a time.


class CheckMade(Record):
    """When the registry was checked, for whom, and what was found."""

    at: str  # RFC 3339, UTC
    by: str
    seconds: float
    found: RegistryCheck


@dataclass
class LastCheck:
    made: CheckMade | None = None
    running: Lock = field(default_factory=Lock)

    def check(self, registry: Registry) -> CheckMade:
        """Check everything. Raises IncumbentError while another check runs, or without the duty."""
        registry.roles.require("administer", registry.actor)
        if not self.running.acquire(blocking=False):
            raise IncumbentError("the registry is being checked already: wait for that result")
        try:
            begun = registry.clock()
            found = check_registry(registry)
            seconds = (registry.clock() - begun).total_seconds()
            self.made = CheckMade(at=stamp(begun), by=registry.actor, seconds=seconds, found=found)
        finally:
            self.running.release()
        return self.made


def last_check(app: FastAPI) -> LastCheck:
    """The application's own."""
    found: LastCheck = app.state.last_check
    return found


# --- verify routes --------------------------------------------------------------------------------

VERIFY_TEMPLATE = Path(__file__).parent / "templates" / "verify.html"

router = APIRouter()


@router.get("/verify", response_class=HTMLResponse)
def show_check(request: Request, person: ThePerson) -> HTMLResponse:
    made = last_check(request.app).made
    return page(request, VERIFY_TEMPLATE, made=made, may=person.may("administer"))


@router.post("/verify", response_class=RedirectResponse)
def start_check(request: Request, site: TheSite, person: ThePerson) -> RedirectResponse:
    last_check(request.app).check(site.registry(person.name))
    return RedirectResponse("/verify", 303)


@router.get("/api/verify")
def read_check(request: Request) -> CheckMade | None:
    """The newest check in this process; null: none was made yet."""
    return last_check(request.app).made


@router.post("/api/verify")
def make_check(request: Request, site: TheSite, person: ThePerson) -> CheckMade:
    """Check chain, tables, artifacts, signatures, and every decision again. It takes its time."""
    return last_check(request.app).check(site.registry(person.name))
