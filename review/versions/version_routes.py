"""The registry's pages, each also as JSON."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Annotated

from fastapi import APIRouter, FastAPI, Query, Request
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse

from evaluation.decision.decision_replay import RegistryCheck, check_registry
from project.canonical import stamp
from project.errors import IncumbentError
from project.records.events import Event
from project.records.record import Record
from registry.lineage import SINGLE_VOTES
from registry.model_card import card
from registry.reader import RegistryReader
from registry.storage.database import reading
from registry.store import Registry
from registry.version_search import VersionStanding, newest_events, search
from review.frame.event_words import WORDS
from review.frame.form_fields import (
    Number,
    NumberedPage,
    Reason,
    VersionNumber,
    given_reason,
    known_version,
    page_numbers,
)
from review.frame.pages import page
from review.site import Person, ThePerson, TheSite
from review.versions import lineage_routes
from review.versions.version_comparison import VersionComparison, compare
from review.versions.version_page import (
    PAGE,
    UNBLINDING,
    CompareQuery,
    EventLine,
    HistoryQuery,
    VersionPage,
    VersionsQuery,
    event_line,
    version_page,
)
from review.voting.blinding import is_voted, submitted_by_actor, traced

COLUMNS = 120  # of the model card's text

router = APIRouter(tags=["versions"])
router.include_router(lineage_routes.router)

Versions = Annotated[VersionsQuery, Query()]
Two = Annotated[CompareQuery, Query()]


class MarkdownResponse(PlainTextResponse):
    media_type = "text/markdown"


class VersionsPage(NumberedPage):
    """Some of the versions, the newest first."""

    versions: tuple[VersionStanding, ...]

    @classmethod
    def of(cls, reader: RegistryReader, asked: VersionsQuery) -> "VersionsPage":
        matches = search(reader, asked.chosen, limit=PAGE, skip=asked.skip)
        return cls(**page_numbers(matches.total, asked.page, PAGE), versions=matches.versions)


@router.get("/versions", response_class=HTMLResponse)
def show_versions(
    request: Request, site: TheSite, person: ThePerson, asked: Versions
) -> HTMLResponse:
    versions = VersionsPage.of(site.registry(person.name), asked)
    return page(request, "versions.html", found=versions, asked=asked)


@router.get("/api/versions")
def read_versions(site: TheSite, person: ThePerson, asked: Versions) -> VersionsPage:
    """Versions with what came of each, 50 a page, the newest first."""
    return VersionsPage.of(site.registry(person.name), asked)


@router.get("/versions/compare", response_class=HTMLResponse)
def show_comparison(request: Request, site: TheSite, person: ThePerson, asked: Two) -> HTMLResponse:
    champion = site.registry(person.name).champion()
    comparison = read_comparison(site, person, asked.a, asked.b) if asked.a and asked.b else None
    a = asked.a or (champion.number if champion else None)
    return page(request, "compare.html", found=comparison, a=a, b=asked.b)


@router.get("/api/versions/compare")
def read_comparison(
    site: TheSite,
    person: ThePerson,
    a: Annotated[Number, Query()],
    b: Annotated[Number, Query()],
) -> VersionComparison:
    """Two versions side by side, and whether what was measured of them may be compared."""
    reader = site.registry(person.name)
    for number in (a, b):
        known_version(reader, number)
    return compare(reader, a, b, blind=not person.decides)


@router.get("/versions/{number}", response_class=HTMLResponse)
def show_version(
    request: Request, site: TheSite, person: ThePerson, number: VersionNumber
) -> HTMLResponse:
    details, blind = read_version(site, person, number), not person.decides
    return page(request, "version.html", found=details, number=number, blind=blind)


@router.get("/api/versions/{number}")
def read_version(site: TheSite, person: ThePerson, number: VersionNumber) -> VersionPage:
    """One version: what it is, where it comes from, and all that happened to it."""
    reader = site.registry(person.name)
    known_version(reader, number)
    return version_page(reader, number, blind=not person.decides)


@router.get("/versions/{number}/card", response_class=HTMLResponse)
def show_card(
    request: Request, site: TheSite, person: ThePerson, number: VersionNumber
) -> HTMLResponse:
    text = card_of(site.registry(person.name), number, blind=not person.decides)
    return page(request, "card.html", text=text, number=number)


@router.get("/api/versions/{number}/card", response_class=MarkdownResponse)
def read_card(site: TheSite, person: ThePerson, number: VersionNumber) -> MarkdownResponse:
    """The model card, in Markdown, as `incumbent registry export` writes it."""
    text = card_of(site.registry(person.name), number, blind=not person.decides)
    return MarkdownResponse(text)


def card_of(reader: RegistryReader, number: int, *, blind: bool) -> str:
    known_version(reader, number)
    return card(traced(reader, number, blind=blind))


# --- history routes -------------------------------------------------------------------------------

# The history page, filtered and a page at a time.


Asked = Annotated[HistoryQuery, Query()]


class HistoryPage(Record):
    """Some of the events, the newest first."""

    events: tuple[EventLine, ...]
    older: int | None  # `before` of the next page; None: there is none


def history_page(reader: RegistryReader, asked: HistoryQuery, *, blind: bool) -> HistoryPage:
    """Raises IncumbentError for an event that was changed.

    `blind` leaves out all about votes, and decisions that may rest on them while votes are cast.
    With four eyes single votes on what the reader's actor submitted are left out too.
    """
    chosen = asked.chosen(blind=blind)
    with reading(reader.engine) as connection:
        events = newest_events(
            connection, reader.family, chosen, before=asked.before, limit=PAGE + 1
        )
    older = events[PAGE - 1].seq if len(events) > PAGE else None
    shown = without_own_votes(reader, events[:PAGE])
    if blind:
        decided = {event.version for event in shown if event.kind == "decide"}
        voted = {number for number in decided if is_voted(reader, number)}
        shown = [event for event in shown if event.kind != "decide" or event.version not in voted]
    return HistoryPage(events=tuple(event_line(event) for event in shown), older=older)


def without_own_votes(reader: RegistryReader, events: Sequence[Event]) -> list[Event]:
    voted = {event.version for event in events if event.kind in SINGLE_VOTES}
    submitted = {number for number in voted if number and submitted_by_actor(reader, number)}
    return [
        event
        for event in events
        if event.kind not in SINGLE_VOTES or event.version not in submitted
    ]


@router.get("/history", response_class=HTMLResponse)
def show_history(request: Request, site: TheSite, person: ThePerson, asked: Asked) -> HTMLResponse:
    blind = not person.decides
    history = history_page(site.registry(person.name), asked, blind=blind)
    kinds = {kind: words for kind, words in WORDS.items() if not (blind and kind in UNBLINDING)}
    return page(request, "history.html", found=history, asked=asked, kinds=kinds, blind=blind)


@router.get("/api/history")
def read_history(site: TheSite, person: ThePerson, asked: Asked) -> HistoryPage:
    """Events of the registry, 50 a page, the newest first; single votes only when asked for, and
    nothing of the votes for who only votes.
    """
    return history_page(site.registry(person.name), asked, blind=not person.decides)


# --- delete routes --------------------------------------------------------------------------------

# Deleting a version: a page that asks once more, and the deletion itself.


@router.get("/versions/{number}/delete", response_class=HTMLResponse)
def show_deletion(
    request: Request, site: TheSite, person: ThePerson, number: VersionNumber
) -> HTMLResponse:
    """What a deletion takes away, and the form that does it."""
    registry = site.registry(person.name)
    version = known_version(registry, number)
    held = [name for name, holder in registry.aliases().items() if holder == number]
    return page(
        request,
        "delete.html",
        label=version.label,
        number=number,
        held=held,
        deleted=registry.deleted(number),
        why_not=why_not(person),
    )


@router.post("/versions/{number}/delete", status_code=303, response_class=RedirectResponse)
def delete_version(
    site: TheSite, person: ThePerson, number: VersionNumber, reason: Reason = ""
) -> RedirectResponse:
    """Delete it, as `incumbent registry delete` does: its record and its history stay."""
    registry = site.registry(person.name)
    known_version(registry, number)
    registry.delete(number, given_reason(reason))
    return RedirectResponse(f"/versions/{number}", 303)


def why_not(person: Person) -> str | None:
    """Why somebody may not delete versions; None: they may."""
    if person.may("delete"):
        return None
    return f"{person.name} may not delete: that is for {person.roles.names('delete')}."


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
            check = check_registry(registry)
            seconds = (registry.clock() - begun).total_seconds()
            self.made = CheckMade(at=stamp(begun), by=registry.actor, seconds=seconds, found=check)
        finally:
            self.running.release()
        return self.made


def last_check(app: FastAPI) -> LastCheck:
    """The application's own."""
    check: LastCheck = app.state.last_check
    return check


# --- verify routes --------------------------------------------------------------------------------


@router.get("/verify", response_class=HTMLResponse)
def show_check(request: Request, person: ThePerson) -> HTMLResponse:
    made = last_check(request.app).made
    return page(request, "verify.html", made=made, may=person.may("administer"))


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
