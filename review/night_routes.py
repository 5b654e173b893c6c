"""The pages of the nights, and the same as JSON."""

from datetime import date
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi import Path as InPath
from fastapi.responses import HTMLResponse

from monitoring import night_page
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
from monitoring.trigger.acceptance import accepted_prompts
from monitoring.trigger.labels import LABEL_QUEUE
from project.records.drift import DriftState, Night, Topic, answers_alone
from review import delivery_routes
from review.frame.pages import environment, page
from review.site import Site, TheSite
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

router = APIRouter(tags=["nights"])
router.include_router(delivery_routes.router)

TEMPLATES = Path(__file__).parent / "templates"
PARTS = night_page.TEMPLATE.parent  # of the page that each night writes
NEWEST = 30  # nights in the table
TOPICS = 100  # more than a night ever names

Year = Annotated[int | None, Query(ge=1970, le=9998, description="The newest one if left out.")]
TopicNumber = Annotated[int, InPath(ge=1, le=TOPICS, description="As the night lists them.")]


@router.get("/nights", response_class=HTMLResponse)
def show_nights(request: Request, site: TheSite, year: Year = None) -> HTMLResponse:
    """A year at a glance, and the newest nights."""
    engine, years = site.opened.engine, years_of(site.opened.engine, site.family)
    chosen = year or (years[-1] if years else site.clock().year)
    return page(
        request,
        TEMPLATES / "nights.html",
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
def show_night(request: Request, site: TheSite, day: date) -> HTMLResponse:
    """What a night found, what followed from it, and what a person must do."""
    nights = nights_up_to(site.opened.engine, site.family, day)
    if not nights or nights[-1].date != day.isoformat():
        return show_without_verdict(request, site, day)
    return page(
        request,
        TEMPLATES / "night.html",
        facts=facts_of(nights),
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


@router.get("/api/nights/{day}")
def read_night(site: TheSite, day: date) -> Night:
    """A night as it is stored. There is none while the date has no verdict."""
    return night_of_day(site, day)


@router.get("/nights/{day}/topics/{number}", response_class=HTMLResponse)
def show_topic(request: Request, site: TheSite, day: date, number: TopicNumber) -> HTMLResponse:
    """A topic of a night, and the rows on it that wait for a label."""
    night = night_of_day(site, day)
    topic = topic_of(night, number)
    return page(
        request,
        TEMPLATES / "topic.html",
        night=night,
        topic=topic,
        found=waiting_on(topic),
        queue=LABEL_QUEUE,
    )


@router.get("/api/nights/{day}/topics/{number}")
def read_topic(site: TheSite, day: date, number: TopicNumber) -> TopicRows:
    """The rows of the labelling queue that are about a night's topic."""
    return waiting_on(topic_of(night_of_day(site, day), number))


# --- nights and topics that an address names ----------------------------------------------------


def of_year(site: Site, year: int) -> tuple[NightLine, ...]:
    first, last = date(year, 1, 1), date(year, 12, 31)
    return lines_between(site.opened.engine, site.family, first, last)


def night_of_day(site: Site, day: date) -> Night:
    """Raises HTTPException (404) where the date has no verdict."""
    nights = nights_up_to(site.opened.engine, site.family, day)
    if nights and nights[-1].date == day.isoformat():
        return nights[-1]
    raise HTTPException(404, f"There is no verdict on the night of {day}.")


def topic_of(night: Night, number: int) -> Topic:
    if number > len(night.topics):
        raise HTTPException(404, f"The night of {night.date} has {len(night.topics)} topics.")
    return night.topics[number - 1]


def waiting_on(topic: Topic) -> TopicRows:
    return rows_on(topic, LABEL_QUEUE, accepted_prompts())


def show_without_verdict(request: Request, site: Site, day: date) -> HTMLResponse:
    """A date that failed or is not at its end; one that nobody began is not there."""
    lines = lines_between(site.opened.engine, site.family, day, day)
    if not lines:
        raise HTTPException(404, f"There was no night of {day}.")
    return page(request, TEMPLATES / "unfinished.html", line=lines[0])
