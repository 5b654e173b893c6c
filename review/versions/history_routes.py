"""The history page, filtered and a page at a time."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from project.records.events import Event
from project.records.record import Record
from registry.decision_checks import same_person
from registry.event_list import newest_events
from registry.lineage import SINGLE_VOTES
from registry.reader import RegistryReader
from registry.storage.database import reading
from review.access.users_file import ThePerson
from review.frame.event_words import WORDS
from review.frame.pages import page
from review.site import TheSite
from review.versions.version_page import PAGE, UNBLINDING, EventLine, HistoryQuery, event_line
from review.voting.blinding import is_voted

TEMPLATE = Path(__file__).parent / "templates" / "history.html"

router = APIRouter()
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
        found = newest_events(
            connection, reader.family, chosen, before=asked.before, limit=PAGE + 1
        )
    older = found[PAGE - 1].seq if len(found) > PAGE else None
    shown = without_own_votes(reader, found[:PAGE])
    if blind:
        decided = {event.version for event in shown if event.kind == "decide"}
        voted = {number for number in decided if is_voted(reader, number)}
        shown = [event for event in shown if event.kind != "decide" or event.version not in voted]
    return HistoryPage(events=tuple(event_line(event) for event in shown), older=older)


def without_own_votes(reader: RegistryReader, events: Sequence[Event]) -> list[Event]:
    voted = {event.version for event in events if event.kind in SINGLE_VOTES}
    own = {number for number in voted if number and submitted_by_actor(reader, number)}
    return [event for event in events if event.kind not in SINGLE_VOTES or event.version not in own]


def submitted_by_actor(reader: RegistryReader, number: int) -> bool:
    submitted = reader.newest_event(number, "submit") if reader.four_eyes else None
    return submitted is not None and same_person(submitted.actor, reader.actor)


@router.get("/history", response_class=HTMLResponse)
def show_history(request: Request, site: TheSite, person: ThePerson, asked: Asked) -> HTMLResponse:
    blind = not person.decides
    found = history_page(site.registry(person.name), asked, blind=blind)
    kinds = {kind: words for kind, words in WORDS.items() if not (blind and kind in UNBLINDING)}
    return page(request, TEMPLATE, found=found, asked=asked, kinds=kinds, blind=blind)


@router.get("/api/history")
def read_history(site: TheSite, person: ThePerson, asked: Asked) -> HistoryPage:
    """Events of the registry, 50 a page, the newest first; single votes only when asked for, and
    nothing of the votes for who only votes.
    """
    return history_page(site.registry(person.name), asked, blind=not person.decides)
