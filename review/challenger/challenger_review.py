"""A challenger's review, with the look that is open on it: as a page, and as JSON."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from evaluation.decision.policy import Policy
from evaluation.decision.ways_out import ways_out
from evaluation.report.kept_report import read_kept_report
from evaluation.report.report_data import right_lines
from monitoring.night_history import REMEMBERED, night_of, nightly_of
from monitoring.scheduling.runs import runs_of
from project.errors import IncumbentError
from project.files import state_of
from project.records.adapters import AdapterVersion
from project.records.data import GateReport
from project.records.events import Signing
from project.records.evidence import Evidence, Measured
from project.settings import PARAMS
from project.untrusted_input import one_line
from registry import why_paragraph
from registry.ballots.open_votes import open_of
from registry.ballots.sheets import asked_about
from registry.ballots.standing import read_votes, refuse_settled
from registry.lineage import Lineage, apart, name_of, trace
from registry.model_card import card
from registry.reader import RegistryReader
from registry.roles import EVERYBODY
from registry.store import Registry
from registry.why_paragraph import day
from review.challenger import decide_routes, measured
from review.challenger.changes import FETCH, ChangedRows, Which, changed_rows, changes
from review.challenger.decide_routes import as_typed, offers
from review.challenger.measured import summary
from review.challenger.review_record import GateSummary, Headline, HistoryLine, NightBefore, Review
from review.data_pages.version_traffic import version_traffic
from review.frame.event_words import event_words
from review.frame.form_fields import PageNumber, VersionNumber, known_version
from review.frame.pages import page
from review.site import Person, ThePerson, TheSite
from review.voting.blinding import awaited, is_voted, traced
from review.voting.live import LiveVotes, live_votes, may_follow


def gate(report: GateReport | None) -> GateSummary | None:
    if report is None:
        return None
    return GateSummary(
        summary=f"Of {report.row_count:,} rows, {report}.",
        failed=tuple(one_line(str(check)) for check in report.checks if not check.passed),
        waived=tuple(one_line(str(check)) for check in report.waived),
        checks=tuple((check.name, check.passed) for check in report.checks),
    )


def nights(reader: RegistryReader, number: int) -> tuple[NightBefore, ...]:
    """The nights whose retrain made this version."""
    named = f'"challenger":{number}'
    recorded = (
        night_of(run)
        for run in runs_of(reader.engine, nightly_of(reader.family), REMEMBERED)
        if named in (run.record or "")  # parsing all of them takes too long for a page
    )
    return tuple(
        NightBefore(
            date=night.date,
            verdict=night.verdict.value.replace("_", " "),
            reasons=night.reasons,
            topics=tuple(topic.name for topic in night.topics),
        )
        for night in recorded
        if night and night.challenger == number
    )


def signature(lineage: Lineage, required: bool) -> str:
    """Who signed it last, in a sentence."""
    signed = lineage.newest("sign")
    if signed is None:
        return "Nobody signed it, and it must be signed." if required else "Nobody signed it."
    key = signed.told(Signing).key[:12]
    return f"Signed by {signed.actor} on {day(signed)} with key {key}; checked on promotion."


def history_lines(lineage: Lineage) -> tuple[HistoryLine, ...]:
    """The version's history, the newest first."""
    return tuple(
        HistoryLine(
            seq=e.seq, kind=e.kind, words=event_words(e), actor=e.actor, at=e.at, reason=e.reason
        )
        for e in reversed(lineage.history)
    )


# --- challenger review ----------------------------------------------------------------------------

# A challenger's review, gathered from the registry and from what `incumbent submit` kept.

NOTHING = Evidence(pins=None, policy="", dev={}, sealed={}, slices={})


def review_of(registry: Registry, number: int, *, blind: bool = False) -> Review:
    """All that the page shows to the reader's actor; `blind` leaves out what people said."""
    lineage = traced(registry, number, blind=blind)
    stored = measured.policy_of(registry, lineage)
    policy = stored or stand_in(lineage)
    kept = read_kept_report(registry.family, number, lineage.decision_digest)
    evidence = lineage.evidence or NOTHING
    alpha = measured.level(lineage.decision, policy) if lineage.decision else policy.alpha
    costs, saving = measured.answer_costs(evidence, kept, measured.prices_of(state_of(PARAMS)))
    return Review(
        number=number,
        label=lineage.version.label,
        submitter=lineage.version.actor,
        submitted=lineage.version.at,
        headline=headline(registry, lineage, stored),
        part="sealed" if lineage.looked_at_sealed else "dev",
        plots=measured.plots(lineage, policy, alpha),
        guards=measured.guards(evidence, policy, alpha),
        suites=measured.suites(evidence, policy, alpha),
        floors=measured.floors(policy, evidence.sealed) if stored else (),
        costs=costs,
        saving=saving,
        spreads=measured.spreads(kept, unvoted=blind and is_voted(registry, number)),
        odd=kept.odd if kept else {},
        trust=measured.trust(evidence.calibration),
        changes=changes(registry, lineage, compared_with(registry, lineage)),
        gate=gate(lineage.gate),
        nights=nights(registry, number),
        card=card(lineage),
        signature=signature(lineage, registry.keys.required),
        traffic=version_traffic(registry, number),
        history=history_lines(lineage),
        offers=offers(registry, lineage),
    )


def stand_in(lineage: Lineage) -> Policy:
    """For a policy of another form: it names what gates, and its numbers are not shown."""
    measured = lineage.evidence.sealed if lineage.evidence else {}
    gating = lineage.gating or tuple(measured)
    return Policy(gating=gating) if gating else Policy()


def compared_with(registry: Registry, lineage: Lineage) -> AdapterVersion | None:
    """Whom the newest decision is about; without one, the champion. None: the bare base."""
    if lineage.decision is None:
        champion = registry.champion()
        return champion if champion != lineage.version else None
    opponent = lineage.opponent
    return registry.version(opponent.version) if opponent and opponent.version else None


def headline(registry: Registry, lineage: Lineage, policy: Policy | None) -> Headline:
    decision, label = lineage.decision, lineage.version.label
    against, champion = called(lineage), registry.champion()
    uncompared = f"{label} was never compared with the champion, so nothing can be decided yet."
    checked = policy.checked if policy else lineage.gating
    checked = checked or tuple(decision.bounds if decision else ())
    evidence = lineage.evidence or NOTHING
    return Headline(
        verdict=decision.verdict.value if decision else None,
        summary=summary(label, against, decision, checked) if decision else uncompared,
        reasons=decision.reasons if decision else (),
        right=tuple(right_lines(measured_there(lineage))),
        ways_out=tuple(ways_out(evidence, decision, policy)) if decision and policy else (),
        needed=decision.needed if decision else None,
        look=decision.opening if decision else None,
        alpha=decision.alpha if decision else None,
        policy=policy.kind if policy else None,
        against=against,
        champion=champion.number if champion else 0,
        decision=lineage.decision_digest,
        apart=apart(decision),
        standing=tuple(standing_lines(registry, lineage, champion)),
    )


def measured_there(lineage: Lineage) -> Measured:
    """On the part that the decision rests on."""
    evidence = lineage.evidence or NOTHING
    return evidence.sealed if lineage.looked_at_sealed else evidence.dev


def called(lineage: Lineage) -> str:
    """The opponent in plain words."""
    opponent = lineage.opponent
    if opponent is None or opponent.adapter is None:
        return "the base model without an adapter"
    return f"the champion {name_of(opponent)}" if opponent.version else name_of(opponent)


def standing_lines(
    registry: Registry, lineage: Lineage, champion: AdapterVersion | None
) -> Iterator[str]:
    """What the version is now, and what changed since it was decided on."""
    yield from why_paragraph.championship(registry, lineage.version)
    yield from why_paragraph.promotion(registry, lineage.version)
    yield from why_paragraph.rejection(registry, lineage.version)
    if champion != lineage.version and compared_with_another(lineage, champion):
        now = f"v{champion.number} is the champion" if champion else "there is no champion"
        yield (
            f"But {now} now, which it was not compared with: `incumbent registry reevaluate "
            f"{lineage.version.number}` compares the two."
        )


def compared_with_another(lineage: Lineage, champion: AdapterVersion | None) -> bool:
    """Whether the newest decision is about another champion than there is now."""
    pins = lineage.decision.pins if lineage.decision else None
    return pins is not None and pins.champion != (champion.adapter.files if champion else None)


# --- open look ------------------------------------------------------------------------------------

# Whether more votes can still change a decision: the look that it was made at stays open.


def open_items(registry: RegistryReader, number: int) -> int | None:
    """How many items of the open look lack votes that would count; None: no look is open."""
    try:
        awaited(registry, number)
    except IncumbentError:
        return None
    votes = read_votes(registry, number)
    look = votes.once("open", partial(open_of, number, votes, votes.sheet()))
    return look.items - look.closed


# --- challenger routes ----------------------------------------------------------------------------

NOTICES = {
    "unchecked": "Whether its files still fit their base was not checked: the base is not on this "
    "machine.",
}

router = APIRouter(tags=["review"])
router.include_router(decide_routes.router)


@router.get("/review/{number}", response_class=HTMLResponse)
def show_review(
    number: VersionNumber, request: Request, site: TheSite, person: ThePerson, told: str = ""
) -> HTMLResponse:
    """The whole review of one version."""
    registry = site.registry(person.name)
    review = read_review(number, site, person)
    is_champion = review.headline.champion == number
    return page(
        request,
        "review.html",
        review=review,
        number=number,
        notices=[NOTICES[told]] if told in NOTICES and is_champion else [],
        votes=votes_shown(registry, number, person),
        **live_rights(registry, number, person),
        votable=person.may("vote") and is_voted_on(registry, number),
        asking=asking(registry, number),
    )


@router.get("/review/{number}/votes", response_class=HTMLResponse)
def show_votes(
    number: VersionNumber, request: Request, site: TheSite, person: ThePerson
) -> HTMLResponse:
    """The votes so far, for the page to put in the place of what it shows."""
    registry = site.registry(person.name)
    known_version(registry, number)
    return page(
        request,
        "live_votes.html",
        number=number,
        votes=votes_shown(registry, number, person),
        **live_rights(registry, number, person),
    )


@router.get("/api/review/{number}")
def read_review(number: VersionNumber, site: TheSite, person: ThePerson) -> Review:
    """All that the review page shows, the votes aside: those are at /api/votes/{number}."""
    registry = site.registry(person.name)
    known_version(registry, number)
    return review_of(registry, number, blind=not person.decides)


@dataclass(frozen=True)
class Asking:
    """What the form that asks for votes says before anybody typed in it."""

    votes: int  # an item, that are asked for now
    reviewers: str  # who is asked by name, a line each
    voters: tuple[str, ...]  # who may vote, where the roles name them
    open_items: int | None  # of the look that waits for votes; None: none waits


def asking(registry: Registry, number: int) -> Asking:
    asked = asked_about(registry, number)
    return Asking(
        votes=asked.detail.votes if asked else 1,
        reviewers=as_typed(asked.detail.reviewers if asked else None),
        voters=() if registry.roles.vote == EVERYBODY else registry.roles.vote,
        open_items=open_items(registry, number),
    )


def is_voted_on(registry: Registry, number: int) -> bool:
    """Whether people were asked, and their votes still tell something."""
    try:
        with registry.engine.connect() as connection:
            refuse_settled(registry, connection, number)
    except IncumbentError:
        return False
    return asked_about(registry, number) is not None


def votes_shown(registry: Registry, number: int, person: Person) -> LiveVotes | None:
    """How the votes stand, for whoever decides; who only votes must not know it."""
    return live_votes(registry, number) if person.decides else None


def live_rights(registry: Registry, number: int, person: Person) -> dict[str, bool]:
    """Whether the page shows how the votes stand, and leads to the page that tells more."""
    asked = asked_about(registry, number) is not None
    return {"shown": person.decides, "follows": asked and may_follow(person)}


# --- rows routes ----------------------------------------------------------------------------------

# The page of the rows that a version has learnt and its opponent has not, and the reverse.


Shown = Annotated[PageNumber, Query(alias="page")]
Kind = Annotated[Which, Query(description="added: only the version has learnt them; removed: not.")]


@router.get("/review/{number}/rows", response_class=HTMLResponse)
def show_rows(
    number: VersionNumber,
    request: Request,
    site: TheSite,
    person: ThePerson,
    which: Kind = "added",
    shown: Shown = 1,
) -> HTMLResponse:
    """The rows that only one of the two has learnt."""
    rows = read_rows(number, site, person, which, shown)
    return page(request, "changed_rows.html", found=rows, fetch=FETCH)


@router.get("/api/review/{number}/rows")
def read_rows(
    number: VersionNumber,
    site: TheSite,
    person: ThePerson,
    which: Kind = "added",
    shown: Shown = 1,
) -> ChangedRows:
    """The training rows that only one of the two has learnt, 50 on a page."""
    registry = site.registry(person.name)
    version = known_version(registry, number)
    other = compared_with(registry, trace(registry, number))
    return changed_rows(registry, version, other, which, shown)
