"""What a person decides on the review page: each form is one call of the registry, or nothing."""

from collections.abc import Callable, Iterator, Mapping
from string import digits
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from project.errors import IncumbentError, InputError
from project.records.events import DecisionMade, Event
from project.untrusted_input import shortened
from registry.adapter_import.adapter_folder import refuse_misfit
from registry.ballots.sheets import MOST_VOTES, ask_votes, asked_about
from registry.decision_checks import refuse_one_person, winning
from registry.lineage import Lineage
from registry.reader import RegistryReader
from registry.roles import Duty
from registry.storage.database import reading
from registry.store import Registry
from registry.tenure import CHAMPION, GAINS, MOVES
from registry.why_paragraph import day
from review.challenger.review_record import Action, Offer
from review.frame.form_fields import LARGEST, Reason, VersionNumber, given_reason
from review.frame.pages import page
from review.site import ThePerson, TheSite, is_name

# --- offers ---------------------------------------------------------------------------------------

# What a person may do about a version now; where it may not be done, why.

DUTY: dict[Action, Duty] = {
    "approve": "promote",
    "reject": "promote",
    "votes": "promote",
    "rollback": "promote",
}


def offers(registry: Registry, lineage: Lineage) -> tuple[Offer, ...]:
    """For the person in whose name the registry is read. The registry asks all of it again."""
    return tuple(offer(registry, lineage, action) for action in DUTY)


def offer(registry: Registry, lineage: Lineage, action: Action) -> Offer:
    why_not = next(doubts(registry, lineage, action), None)
    return Offer(action=action, allowed=why_not is None, why_not=why_not)


def doubts(registry: Registry, lineage: Lineage, action: Action) -> Iterator[str]:
    """Everything that speaks against it, the plainest first."""
    champion = CHAMPION in lineage.aliases
    if action == "rollback":
        if not champion:
            yield f"{lineage.version.label} is not the champion."
    elif champion:
        yield f"{lineage.version.label} is the champion."
    elif lineage.deleted:
        yield f"{lineage.version.label} was deleted."
    elif rejected := registry.newest_event(lineage.version.number, "reject"):
        yield f"{rejected.actor} rejected it on {day(rejected)}."
    elif action == "votes" and asked_about(registry, lineage.version.number) is None:
        yield "Nobody was asked to vote on it yet: `incumbent submit` opens a sheet of its answers."
    try:
        registry.roles.require(DUTY[action], registry.actor)
        if action == "approve":
            refuse_unapprovable(registry, lineage)
    except IncumbentError as error:
        yield f"{error}."


def refuse_unapprovable(registry: Registry, lineage: Lineage) -> None:
    """Raise IncumbentError where a promotion would be refused, its bytes and signature aside."""
    version = lineage.version
    with reading(registry.engine) as connection:
        champion = registry.alias_on(connection, CHAMPION)
        decided = registry.newest_on(connection, "decide", version.number)
        made = decided.told(DecisionMade) if decided else None
        winning(registry, connection, version, champion, made)
        refuse_one_person(registry, connection, version, "person")


# --- earlier champions ----------------------------------------------------------------------------

# Who was champion before, and how the champion changed since somebody looked.

SHOWN = 20  # changes of the champion, or earlier champions


def moves_since(reader: RegistryReader, champion: int) -> list[Event]:
    """The champion's changes since a version last became it; 0: all. None: it is champion still."""
    now = reader.champion()
    if (now.number if now else 0) == champion:
        return []
    moves = [event for event in reader.history() if event.kind in MOVES]
    gained = (e.seq for e in moves if e.version == champion and e.kind in GAINS)
    since = max(gained, default=0)
    return [event for event in moves if event.seq > since][-SHOWN:]


# --- who votes ------------------------------------------------------------------------------------

# Who is asked to vote, as people type it: a name and a number of items a line.

BETWEEN = " \t,:"  # a name and its number
LONGEST = 20_000  # characters of all lines
MOST_DIGITS = 6


def who_votes(text: str) -> dict[str, int] | None:
    """By name on how many items; None where nobody is named. Raises InputError naming the line."""
    named = dict[str, int]()
    for number, line in written_lines(text):
        name, items = name_and_items(line)
        if not is_name(name) or not items:
            problem = f"{shortened(line)!r} is not a name and a number of items, as 'ann 20'"
            raise InputError(f"line {number}: {problem}", field="reviewers")
        if name in named:
            raise InputError(f"line {number}: {name} is named twice", field="reviewers")
        named[name] = int(items)
    return named or None


def name_and_items(line: str) -> tuple[str, str]:
    """The digits at a line's end, and what stands before them; "" for each that is not there."""
    before = line.rstrip(digits)
    name, items = before.rstrip(BETWEEN), line[len(before) :]
    return ("" if name == before else name), (items if len(items) <= MOST_DIGITS else "")


def written_lines(text: str) -> Iterator[tuple[int, str]]:
    lines = enumerate(text.splitlines(), start=1)
    yield from ((number, line.strip()) for number, line in lines if line.strip())


def as_typed(reviewers: Mapping[str, int] | None) -> str:
    return "\n".join(f"{name} {items}" for name, items in (reviewers or {}).items())


# --- decide routes --------------------------------------------------------------------------------


# Whom the page called the champion; 0: nobody.
Champion = Annotated[int, Form(ge=0, le=LARGEST)]
WhoVotes = Annotated[str, Form(max_length=LONGEST)]
Seen = Annotated[str, Form(pattern="^[0-9a-f]{64}$")]  # the decision that the page showed

router = APIRouter(tags=["decide"])


@router.post("/review/{number}/approve", status_code=303, response_class=HTMLResponse)
def approve(
    number: VersionNumber,
    request: Request,
    site: TheSite,
    person: ThePerson,
    champion: Champion,
    decision: Seen,
    reason: Reason = "",
) -> Response:
    """Promote what the page showed over the champion that it showed; else nothing moves."""
    registry = site.registry(person.name)

    def promote() -> str:
        registry.promote(number, given_reason(reason), expected=champion, seen=decision)
        return f"/review/{number}"

    return done_or_refused(request, registry, promote, f"/review/{number}", champion)


@router.post("/review/{number}/reject", status_code=303, response_class=HTMLResponse)
def reject(
    number: VersionNumber, request: Request, site: TheSite, person: ThePerson, reason: Reason = ""
) -> Response:
    """A person's no."""
    registry = site.registry(person.name)

    def say_no() -> str:
        registry.reject(number, given_reason(reason))
        return f"/review/{number}"

    return done_or_refused(request, registry, say_no, f"/review/{number}")


@router.post("/review/{number}/votes", status_code=303, response_class=HTMLResponse)
def ask_for_votes(
    number: VersionNumber,
    request: Request,
    site: TheSite,
    person: ThePerson,
    votes: Annotated[int, Form(ge=1, le=MOST_VOTES)],
    reviewers: WhoVotes = "",
    reason: Reason = "",
) -> Response:
    """More people on each item, or other ones, or both."""
    registry = site.registry(person.name)

    def ask() -> str:
        why, named = given_reason(reason), who_votes(reviewers)
        ask_votes(registry, number, votes, why, reviewers=named)
        return f"/review/{number}"

    return done_or_refused(request, registry, ask, f"/review/{number}")


@router.get("/rollback", response_class=HTMLResponse)
def show_rollback(request: Request, site: TheSite, person: ThePerson) -> HTMLResponse:
    """Show from whom to whom a rollback goes."""
    registry = site.registry(person.name)
    champion = registry.champion()
    promoted = {event.version for event in registry.history(kind="promote")}
    numbers = sorted(promoted - {champion.number if champion else 0}, reverse=True)
    there = [number for number in numbers if not registry.deleted(number)]
    return page(
        request,
        "rollback.html",
        champion=registry.champion(),
        before=registry.before_champion(),
        choices=[registry.version(number) for number in there[:SHOWN]],
        why_not=None if person.may("promote") else f"{person.name} may not promote.",
    )


@router.post("/rollback", status_code=303, response_class=HTMLResponse)
def roll_back(
    request: Request,
    site: TheSite,
    person: ThePerson,
    champion: Champion,
    to: Annotated[int, Form(ge=0, le=LARGEST)],
    reason: Reason = "",
) -> Response:
    """Make an earlier champion champion again, or with 0 leave the bare base, in the place of the
    champion that the page showed.
    """
    registry = site.registry(person.name)

    def go_back() -> str:
        why = given_reason(reason)
        if not to:
            registry.withdraw(champion, why)
            return f"/review/{champion}"
        target = registry.version(to)
        unchecked = None if registry.deleted(to) else refuse_misfit(target, registry.artifacts)
        registry.rollback(why, to, expected=champion)
        return f"/review/{to}{'?told=unchecked' if unchecked else ''}"

    return done_or_refused(request, registry, go_back, "/rollback", champion)


# --- done, or refused in words ------------------------------------------------------------------


def done_or_refused(
    request: Request,
    registry: Registry,
    act: Callable[[], str],
    back: str,
    expected: int | None = None,
) -> Response:
    """Go on to where an act leads; where it was refused, say so, and what moved meanwhile. Who may
    not decide is refused before anything of the form is read.
    """
    try:
        registry.roles.require("promote", registry.actor)
        return RedirectResponse(act(), 303)
    except IncumbentError as error:
        moved: list[Event] = [] if expected is None else moves_since(registry, expected)
        return page(
            request,
            "refused.html",
            400 if isinstance(error, InputError) else 409,
            problem=f"{error}.",
            moved=moved,
            back=back,
        )
