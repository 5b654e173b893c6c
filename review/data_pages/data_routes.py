"""The data pages: what the gate says, and what waits for a person to accept or to refuse."""

from dataclasses import dataclass
from datetime import date
from threading import Lock
from typing import Annotated, Any

from fastapi import APIRouter, Form, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from curation.checks.waivers import LONGEST, WAIVERS, Excuse, excuse
from curation.eval_sets import changing
from curation.gate import USUAL
from monitoring.trigger.acceptance import Acceptance, accepted_rows
from monitoring.trigger.acceptance import accept as accept_labels
from monitoring.trigger.labels import Label, label_of_task
from project.canonical import stamp
from project.errors import InputError
from project.records.data import GateReport
from registry.lineage import trace
from registry.reader import RegistryReader
from registry.roles import Duty
from review.data_pages.gate_view import (
    COMMAND,
    CORRECTIONS,
    BadItems,
    FailedRows,
    GateView,
    WaiverView,
    bad_items,
    correct,
    failed_rows,
    gate_report,
    gate_view,
    waivers_view,
)
from review.data_pages.waiting import (
    DataOverview,
    Kind,
    TaskRefusal,
    WaitingTasks,
    data_overview,
    find,
    keep_refusal,
    queue_files,
    tasks_page,
)
from review.frame.form_fields import (
    Number,
    PageNumber,
    Reason,
    given_reason,
    known_version,
    written,
)
from review.frame.pages import page
from review.site import Person, Site, ThePerson, TheSite

# --- accepting ------------------------------------------------------------------------------------

# Between what was accepted and what is accepted now nobody else accepts anything on a page.
ACCEPTING = Lock()


def accept_task(registry: RegistryReader, key: str, answer: str, reason: str) -> Acceptance:
    """As `incumbent data labels` does with an export of this user's tasks that were accepted, and
    this one: the limit of a user's labels holds for all of them together. The limit of all counts
    new labels alone, as on the command line.

    Raises InputError for a blank answer or reason, for what does not wait any more, and where the
    project's limits leave it out.
    """
    text = written(answer)
    if not text:
        raise InputError("write the right answer first: it is blank", field="answer")
    why = given_reason(reason)
    with ACCEPTING:
        label = label_of_task(find(key).data, text)
        before = accepted_of(label.user) if label.user else []
        done = accept_labels([*before, label], registry, why)
    if done.left_out:
        raise InputError(f"not accepted: {'; '.join(done.left_out)}")
    return done


def accepted_of(user: str) -> list[Label]:
    """What was accepted of one user's tasks, as far as these are still in the queues."""
    rows = {row.prompt_text: row for row in accepted_rows()}
    tasks = (task for file in queue_files() for task in file.tasks if task.data.user == user)
    prompts = dict.fromkeys(task.prompt_text for task in tasks)
    return [Label(row=rows[prompt], user=user) for prompt in prompts if prompt in rows]


def refuse_task(registry: RegistryReader, key: str, reason: str) -> None:
    """Raises InputError for a blank reason, and for what does not wait any more."""
    why = given_reason(reason)
    task = find(key)
    at = stamp(registry.clock())
    keep_refusal(TaskRefusal(key=task.key, by=registry.actor, at=at, reason=why))


# --- acceptors ------------------------------------------------------------------------------------

# Who may accept what waits for a person, and what a page says to those who may not.

# The duty that `incumbent data labels` asks for too.
ACCEPTING_DUTY: Duty = "promote"


def why_not(person: Person) -> str | None:
    """Why somebody may not; None: they may."""
    if person.may(ACCEPTING_DUTY):
        return None
    names = person.roles.names(ACCEPTING_DUTY)
    return f"You may read this. To change it needs the role {ACCEPTING_DUTY!r}, which {names} has."


def require(person: Person) -> None:
    """Raise IncumbentError, as the registry does."""
    person.roles.require(ACCEPTING_DUTY, person.name)


# --- data routes ----------------------------------------------------------------------------------

router = APIRouter(tags=["data"])
TABS = (
    ("Overview", "/data"),
    ("Gate", "/data/gate"),
    ("Waivers", "/data/waivers"),
    ("To label", "/data/queue/label"),
    ("Users' corrections", "/data/queue/correction"),
    ("Synthetic rows", "/data/queue/synthetic"),
    ("Bad answers", "/data/regressed"),
)

Shown = Annotated[PageNumber, Query(alias="page")]
Version = Annotated[Number | None, Query(description="Of its rows; else of those of now.")]
CheckName = Annotated[str, Query(max_length=500, description="A check's name in the contract.")]

# --- stored gate ----------------------------------------------------------------------------------

# The gate's report that a version was submitted with.


@dataclass(frozen=True)
class Reported:
    """A report of the gate, and the day by which its waivers are read."""

    report: GateReport
    day: date


def reported(reader: RegistryReader, version: int | None, today: date) -> Reported | None:
    """Of the rows of now, or of a version's; None where nothing was checked. Raises a 404."""
    if version is None:
        now = gate_report()
        return Reported(now, today) if now else None
    known = known_version(reader, version)
    stored = trace(reader, version).gate
    if stored is None:
        raise HTTPException(404, f"no report of the data gate is stored with {known.label}")
    return Reported(stored, date.fromisoformat(known.at[:10]))


# --- data routes ----------------------------------------------------------------------------------

# Each page, and the same as JSON.


@router.get("/data", response_class=HTMLResponse)
def show_data(request: Request, site: TheSite, person: ThePerson) -> HTMLResponse:
    """What waits, and where the data stands."""
    return data_page(request, "data.html", found=data_overview(today(site)))


@router.get("/api/data")
def read_data(site: TheSite, person: ThePerson) -> DataOverview:
    """What waits, and where the data stands."""
    return data_overview(today(site))


@router.get("/data/gate", response_class=HTMLResponse)
def show_gate(
    request: Request, site: TheSite, person: ThePerson, version: Version = None
) -> HTMLResponse:
    """The checks of the data gate, of today's rows or of those of a version."""
    gate = reported(site.registry(person.name), version, today(site))
    view = gate_view(gate.report, gate.day, version) if gate else None
    return data_page(request, "gate.html", found=view)


@router.get("/api/data/gate")
def read_gate(site: TheSite, person: ThePerson, version: Version = None) -> GateView:
    """The checks of the data gate, of today's rows or of those of a version."""
    gate = the_report(site, person, version)
    return gate_view(gate.report, gate.day, version)


@router.get("/data/gate/rows", response_class=HTMLResponse)
def show_failed_rows(
    request: Request,
    site: TheSite,
    person: ThePerson,
    check: CheckName,
    number: Shown = 1,
    version: Version = None,
) -> HTMLResponse:
    """The rows that fail a check."""
    return data_page(
        request,
        "failed_rows.html",
        found=read_failed_rows(site, person, check, number, version),
        version=version,
        refused=why_not(person),
        until=today(site) + USUAL,
        latest=today(site) + LONGEST,
        today=today(site),
    )


@router.get("/api/data/gate/rows")
def read_failed_rows(
    site: TheSite,
    person: ThePerson,
    check: CheckName,
    number: Shown = 1,
    version: Version = None,
) -> FailedRows:
    """The rows that fail a check, 50 on a page. Sealed rows are without their texts."""
    gate = the_report(site, person, version)
    return failed_rows(gate.report, check, number, gate.day)


@router.get("/data/waivers", response_class=HTMLResponse)
def show_waivers(request: Request, site: TheSite, person: ThePerson) -> HTMLResponse:
    """What people excused at the gate."""
    report = gate_report()
    failing = [c for c in gate_view(report, today(site)).checks if not c.passes] if report else []
    return data_page(
        request,
        "waivers.html",
        found=waivers_view(report, today(site)),
        failing=failing,
        file=WAIVERS,
    )


@router.get("/api/data/waivers")
def read_waivers(site: TheSite, person: ThePerson) -> tuple[WaiverView, ...]:
    """What people excused at the gate, the first to end first."""
    return waivers_view(gate_report(), today(site))


@router.get("/data/queue/{kind}", response_class=HTMLResponse)
def show_queue(
    request: Request, site: TheSite, person: ThePerson, kind: Kind, number: Shown = 1
) -> HTMLResponse:
    """What waits of one kind, each with a form."""
    tasks = tasks_page(kind, number)
    return data_page(request, "queue.html", found=tasks, refused=why_not(person))


@router.get("/api/data/queue/{kind}")
def read_queue(site: TheSite, person: ThePerson, kind: Kind, number: Shown = 1) -> WaitingTasks:
    """What waits of one kind, 20 on a page."""
    return tasks_page(kind, number)


@router.get("/data/regressed", response_class=HTMLResponse)
def show_bad_items(
    request: Request, site: TheSite, person: ThePerson, number: Shown = 1
) -> HTMLResponse:
    """Bad dev answers of the newest comparison, each with a form for the right one."""
    return data_page(
        request,
        "regressed.html",
        found=bad_items(site.registry(person.name), number),
        refused=why_not(person),
        file=CORRECTIONS,
        command=COMMAND,
    )


@router.get("/api/data/regressed")
def read_bad_items(site: TheSite, person: ThePerson, number: Shown = 1) -> BadItems:
    """Bad dev answers of the newest comparison, 20 on a page, and what people wrote instead."""
    return bad_items(site.registry(person.name), number)


def today(site: Site) -> date:
    return site.clock().date()


def the_report(site: Site, person: Person, version: int | None) -> Reported:
    gate = reported(site.registry(person.name), version, today(site))
    if gate is None:
        raise HTTPException(404, "nothing is checked yet: run `dvc repro` first")
    return gate


def data_page(request: Request, template: str, **values: Any) -> HTMLResponse:
    return page(request, template, tabs=TABS, **values)


# --- writes ---------------------------------------------------------------------------------------

# What the forms of the data pages do: each takes the way that the command line takes.

LONGEST_TEXT = 200_000  # characters that a person writes

Written = Annotated[str, Form(max_length=LONGEST_TEXT)]
Short = Annotated[str, Form(max_length=2_000)]


@router.post("/data/queue/{kind}/accept", response_class=RedirectResponse)
def accept(
    site: TheSite,
    person: ThePerson,
    kind: Kind,
    key: Short,
    reason: Reason,
    answer: Written = "",
) -> RedirectResponse:
    """Accept an answer: the next run trains on some of it, and is judged by the rest."""
    require(person)
    accept_task(site.registry(person.name), key, answer, reason)
    return back_to(f"/data/queue/{kind}")


@router.post("/data/queue/{kind}/refuse", response_class=RedirectResponse)
def refuse(
    site: TheSite, person: ThePerson, kind: Kind, key: Short, reason: Reason
) -> RedirectResponse:
    """Refuse it: it is not asked again."""
    require(person)
    refuse_task(site.registry(person.name), key, reason)
    return back_to(f"/data/queue/{kind}")


@router.post("/data/waivers", response_class=RedirectResponse)
def waive(
    site: TheSite,
    person: ThePerson,
    check: Short,
    until: Annotated[date, Form()],
    reason: Reason,
    rows: Written = "",
    every: Annotated[bool, Form()] = False,
) -> RedirectResponse:
    """Excuse rows from a check until a day, as `incumbent data waive` does."""
    require(person)
    asked = Excuse(check, rows.strip() or None, every, until, reason.strip(), person.name)
    try:
        with changing():
            excuse(asked, site.clock().date())
    except InputError as error:  # a form has no options
        raise InputError(str(error).removeprefix("--")) from None
    return back_to("/data/waivers")


@router.post("/data/regressed", response_class=RedirectResponse)
def write_answer(
    site: TheSite, person: ThePerson, item: Short, answer: Written = ""
) -> RedirectResponse:
    """Write the right answer to a dev item into the file that `incumbent data import` reads."""
    require(person)
    correct(site.registry(person.name), item, answer)
    return back_to("/data/regressed")


def back_to(address: str) -> RedirectResponse:
    return RedirectResponse(address, 303)
