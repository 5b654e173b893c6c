"""The pages of the nights and of the notices about them, and the same as JSON."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Form, HTTPException, Query, Request
from fastapi import Path as InPath
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import Field

from monitoring import night_page
from monitoring.drift.accepted_drift import accept_drift, accepted_words, alarms_of, drift_nights
from monitoring.monitoring_settings import DriftParams
from monitoring.night_page import PointKind
from monitoring.night_text import (
    VERDICTS,
    day_text,
    done,
    duty,
    headline,
    quality_text,
    set_aside_text,
    watched,
    whys,
)
from monitoring.scheduling.heartbeats import living
from monitoring.scheduling.outbox import NoticeState, SentNotice, depth, newest_notices, revive
from monitoring.trigger.acceptance import accepted_prompts
from monitoring.trigger.labels import LABEL_QUEUE
from project.errors import InputError
from project.records.drift import DriftState, Night, Topic, answers_alone
from project.records.events import DriftAccepted
from project.records.record import Record
from project.settings import load
from registry.store import Registry
from review.frame.form_fields import LARGEST, Reason
from review.frame.pages import environment, page
from review.site import Person, Site, ThePerson, TheSite
from review.stored_nights import (
    NightLine,
    TopicRows,
    facts_of,
    lines_between,
    newest_lines,
    nights_up_to,
    rows_on,
    year_of,
    years_of,
)

router, notice_router = APIRouter(tags=["nights"]), APIRouter(tags=["deliveries"])

PARTS = night_page.TEMPLATE.parent  # of the page that each night writes
NEWEST = 30  # nights in the table
TOPICS = 100  # more than a night ever names

Year = Annotated[int | None, Query(ge=1970, le=9998, description="The newest one if left out.")]
TopicNumber = Annotated[int, InPath(ge=1, le=TOPICS, description="As the night lists them.")]
Name = Annotated[str, Field(max_length=100)]
Names = Annotated[list[Name], Form(default_factory=list, max_length=TOPICS)]
Day = Annotated[str, Form(max_length=10)]  # a browser sends an empty field as ""


@router.get("/nights", response_class=HTMLResponse)
def show_nights(request: Request, site: TheSite, year: Year = None) -> HTMLResponse:
    """A year at a glance, and the newest nights."""
    engine, years = site.opened.engine, years_of(site.opened.engine, site.family)
    chosen = year or (years[-1] if years else site.clock().year)
    return page(
        request,
        "nights.html",
        year=year_of(chosen, of_year(site, chosen)),
        years=years,
        newest=newest_lines(engine, site.family, NEWEST),
    )


@router.get("/api/nights")
def read_nights(site: TheSite, year: Year = None) -> list[NightLine]:
    """The nights of a year, the oldest first."""
    years = years_of(site.opened.engine, site.family)
    return list(of_year(site, year or (years[-1] if years else site.clock().year)))


@router.get("/nights/{day}", response_class=HTMLResponse)
def show_night(request: Request, site: TheSite, person: ThePerson, day: date) -> HTMLResponse:
    """What a night found, what followed from it, and what a person must do."""
    registry = site.registry(person.name)
    nights = nights_up_to(site.opened.engine, site.family, day)
    if not nights or nights[-1].date != day.isoformat():
        lines = lines_between(site.opened.engine, site.family, day, day)
        if not lines:
            raise HTTPException(404, f"There was no night of {day}.")
        return page(request, "unfinished.html", line=lines[0])
    return page(
        request,
        "night.html",
        facts=facts_of(nights),
        accepted=said_already(registry, nights[-1]),
        goes_on=[night.date for night in drift_nights(registry)][-1:] == [nights[-1].date],
        alarms=alarms_of(nights[-1:]),
        charts=environment(PARTS).get_template("charts.html").module,
        followed=environment(PARTS).get_template("followed.html").module,
        found=environment(PARTS).get_template("found.html").module,
        verdicts=VERDICTS,
        headline=headline,
        duty=duty,
        whys=whys,
        alone=answers_alone,
        done=done,
        watched=watched,
        day_text=day_text,
        quality_text=quality_text,
        set_aside_text=set_aside_text,
        states=list(DriftState),
        kinds=PointKind,
    )


@router.post("/nights/{day}/accept", response_class=RedirectResponse)
def accept_as_normal(
    site: TheSite,
    person: ThePerson,
    day: date,
    topics: Names,
    signals: Names,
    reason: Reason = "",
    whole: Annotated[bool, Form()] = False,
    first: Day = "",
    last: Day = "",
) -> RedirectResponse:
    """Accept what a drift brought as normal, as `incumbent drift accept` does."""
    if not person.may("promote"):
        names = person.roles.names("promote")
        raise HTTPException(403, f"{person.name} may not promote: that is for {names}.")
    if not (whole or topics or signals) or (whole and (topics or signals)):
        raise InputError("choose topics or signals, or else all that changed")
    days = (day_of(first), day_of(last)) if first or last else None
    registry, params = site.registry(person.name), load(DriftParams)
    accept_drift(registry, params, reason.strip(), topics=topics, signals=signals, days=days)
    return RedirectResponse(f"/nights/{day}#accept", 303)


@router.get("/api/nights/{day}")
def read_night(site: TheSite, day: date) -> Night:
    """A night as it is stored. There is none while the date has no verdict."""
    nights = nights_up_to(site.opened.engine, site.family, day)
    if nights and nights[-1].date == day.isoformat():
        return nights[-1]
    raise HTTPException(404, f"There is no verdict on the night of {day}.")


@router.get("/nights/{day}/topics/{number}", response_class=HTMLResponse)
def show_topic(request: Request, site: TheSite, day: date, number: TopicNumber) -> HTMLResponse:
    """A topic of a night, and the rows on it that wait for a label."""
    night = read_night(site, day)
    topic = topic_of(night, number)
    return page(
        request,
        "topic.html",
        night=night,
        topic=topic,
        found=waiting_on(topic),
        queue=LABEL_QUEUE,
    )


@router.get("/api/nights/{day}/topics/{number}")
def read_topic(site: TheSite, day: date, number: TopicNumber) -> TopicRows:
    """The rows of the labelling queue that are about a night's topic."""
    return waiting_on(topic_of(read_night(site, day), number))


# --- nights and topics that an address names ----------------------------------------------------


def of_year(site: Site, year: int) -> tuple[NightLine, ...]:
    first, last = date(year, 1, 1), date(year, 12, 31)
    return lines_between(site.opened.engine, site.family, first, last)


def said_already(registry: Registry, night: Night) -> list[str]:
    """What people accepted of the drift when this night was the newest."""
    events = registry.history(night.champion, "accept") if night.champion else ()
    return [
        f"{event.actor} {accepted_words(event)}: {event.reason}"
        for event in events
        if event.told(DriftAccepted).night == night.date
    ]


def day_of(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        problem = f"{text!r} is no day: give the first and the last one, or none of them"
        raise InputError(problem, field="days") from None


def topic_of(night: Night, number: int) -> Topic:
    if number > len(night.topics):
        raise HTTPException(404, f"The night of {night.date} has {len(night.topics)} topics.")
    return night.topics[number - 1]


def waiting_on(topic: Topic) -> TopicRows:
    return rows_on(topic, LABEL_QUEUE, accepted_prompts())


# --- notices --------------------------------------------------------------------------------------

# The page of notices: which went out, which did not and why, and how to try again.

PAGE = 50  # notices on a page

Before = Annotated[int | None, Query(ge=1, le=LARGEST, description="Notices with lower ids.")]
State = Annotated[NoticeState | None, Query(description="All of them if left out.")]
NoticeId = Annotated[int | None, Form(ge=1, le=LARGEST)]


class Deliveries(Record):
    """How many notices wait and were given up, and a page of them, the newest first."""

    waiting: int
    given_up: int
    notices: tuple[SentNotice, ...]
    older: int | None  # `before` of the next page; None: there is none


@notice_router.get("/deliveries", response_class=HTMLResponse)
def show_deliveries(
    request: Request, site: TheSite, person: ThePerson, before: Before = None, state: State = None
) -> HTMLResponse:
    """The notices and every try to deliver them."""
    deliveries = read_deliveries(site, person, before, state)
    return page(
        request,
        "deliveries.html",
        found=deliveries,
        states=list(NoticeState),
        chosen=state,
        alive=bool(living(site.opened.engine)),
    )


@notice_router.get("/api/deliveries")
def read_deliveries(
    site: TheSite, person: ThePerson, before: Before = None, state: State = None
) -> Deliveries:
    """The notices and every try to deliver them, for whoever may administer."""
    require_administer(person)
    engine = site.opened.engine
    notices = newest_notices(engine, PAGE + 1, before=before, state=state)
    waiting, given_up = depth(engine)
    return Deliveries(
        waiting=waiting,
        given_up=given_up,
        notices=notices[:PAGE],
        older=notices[PAGE - 1].id if len(notices) > PAGE else None,
    )


@notice_router.post("/deliveries/retry")
def retry(site: TheSite, person: ThePerson, notice: NoticeId = None) -> RedirectResponse:
    """Try a notice again that was given up, or all of them; the scheduler sends it."""
    require_administer(person)
    revive(site.opened.engine, site.clock(), notice)
    return RedirectResponse("/deliveries", 303)


def require_administer(person: Person) -> None:
    """Notices tell of others' work: raises HTTPException (403) unless the person may see that."""
    if not person.may("administer"):
        raise HTTPException(403, f"{person.name} may not administer: ask somebody who may.")
