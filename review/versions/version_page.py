"""A version's page, its parameters among it."""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, Field

from project.errors import IncumbentError
from project.files import home
from project.records.adapters import Opponent
from project.records.data import DatasetVersion, GateReport
from project.records.events import DecisionMade, Event, EventKind, LookTaken, Signing
from project.records.evidence import Decision, Verdict
from project.records.record import Digest, Record
from registry import why_paragraph
from registry.lineage import SINGLE_VOTES, Lineage, Origin, name_of
from registry.model_card import ScoreLine, tables
from registry.reader import RegistryReader
from registry.signatures import Statement
from registry.storage.database import reading
from registry.store import Registry
from registry.version_search import (
    EventFilter,
    VerdictFilter,
    VersionFilter,
    VersionStanding,
    count_events,
    standing_of_version,
)
from review.data_pages.version_traffic import VersionTraffic, version_traffic
from review.frame.event_words import event_words
from review.frame.form_fields import AddressQuery, Number, PageNumber
from review.voting import blinding


class EventLine(Record):
    """One line of the history. `version` is 0 where it is about none."""

    seq: int
    at: str
    kind: EventKind
    words: str  # what happened, after the actor's name
    version: int
    actor: str
    reason: str
    verdict: Verdict | None  # of a decision
    detail: dict[str, Any]  # as it is stored; its fields depend on the kind
    event_digest: Digest
    previous: Digest


def event_line(event: Event) -> EventLine:
    return EventLine(
        seq=event.seq,
        at=event.at,
        kind=event.kind,
        words=event_words(event),
        version=event.version,
        actor=event.actor,
        reason=event.reason,
        verdict=event.detail.verdict if isinstance(event.detail, DecisionMade) else None,
        detail=event.detail.model_dump(mode="json"),
        event_digest=event.digest,
        previous=event.previous,
    )


# --- version page ---------------------------------------------------------------------------------


class DecisionLine(Record):
    """A decision as the history has it."""

    seq: int
    at: str
    actor: str
    verdict: Verdict
    reason: str
    look: int | None  # at the sealed eval set; None: it was not looked at


class SignatureState(Record):
    """The newest signature. That it holds is for `incumbent registry verify` to say."""

    by: str
    at: str
    key: Digest
    covers_decision: bool  # whether it is about the newest decision


class Papers(Record):
    """What the version's records say, which are files beside the database."""

    dataset: DatasetVersion | None  # None: imported
    origin: Origin | None  # None: trained here
    gate: GateReport | None
    recipe: dict[str, str]
    parent: str | None  # label of the version that training started from
    opponent: Opponent | None  # of the newest decision
    decision: Decision | None
    scores: dict[str, tuple[ScoreLine, ...]]  # by part; nothing of sealed items without a look

    @property
    def against(self) -> str:
        return name_of(self.opponent)


class VersionPage(Record):
    """One version, all that happened to it, and what its records say."""

    standing: VersionStanding
    aliases: tuple[str, ...]
    why: str | None  # in a paragraph, why it was or was not promoted
    parent: int | None  # the version of this family that training started from
    papers: Papers | None
    problem: str | None  # why there are no papers
    decisions: tuple[DecisionLine, ...]  # the newest first
    signature: SignatureState | None
    traffic: VersionTraffic | None  # None: no gateway ever told of this family
    votes: int  # that were cast and not shown one by one
    history: tuple[EventLine, ...]  # the newest first, single votes aside
    report: str | None  # the file of its report, where it is kept here


def version_page(reader: Registry, number: int, *, blind: bool) -> VersionPage:
    """Of a version that there is; `blind` leaves out what tells whose answers are voted on."""
    standing = standing_of_version(reader, number)
    assert standing is not None, "there is such a version"
    lineage, problem = traced(reader, number, blind=blind)
    hidden = blind and blinding.is_voted(reader, number)
    history = lineage.history if lineage else unread_history(reader, number, hidden=hidden)
    parent = standing.version.adapter.parent
    started_from = reader.version_of(parent) if parent else None
    path = home() / "reports" / f"{reader.family}-v{number}.html"
    return VersionPage(
        standing=standing,
        aliases=tuple(name for name, held in reader.aliases().items() if held == number),
        why=why(reader, lineage, hidden=hidden) if lineage else None,
        parent=started_from.number if started_from else None,
        papers=papers(lineage) if lineage else None,
        problem=problem,
        decisions=tuple(decision_lines(history)),
        signature=signature(reader, history),
        traffic=version_traffic(reader, number),
        votes=vote_count(reader, number),
        history=tuple(
            event_line(event)
            for event in reversed(history)
            if not (blind and event.kind in UNBLINDING)
        ),
        report=str(path) if path.is_file() else None,
    )


def traced(
    reader: RegistryReader, number: int, *, blind: bool
) -> tuple[Lineage | None, str | None]:
    try:
        return blinding.traced(reader, number, blind=blind), None
    except IncumbentError as error:
        return None, str(error)


def unread_history(reader: RegistryReader, number: int, *, hidden: bool) -> tuple[Event, ...]:
    """The history of a version whose records cannot be read."""
    history = tuple(reader.history(number, without=SINGLE_VOTES))
    return blinding.unvoted_history(history) if hidden else history


def why(reader: RegistryReader, lineage: Lineage, *, hidden: bool) -> str:
    """In a paragraph, why it was or was not promoted; `hidden`: with nothing that votes say."""
    version, decision = lineage.version, lineage.decision
    if not hidden or decision is None:
        return why_paragraph.why(reader, version.number)
    told = f"The newest decision is {decision.verdict.value}: {why_paragraph.reasons(decision)}"
    return " ".join((*why_paragraph.championship(reader, version), told))


def papers(lineage: Lineage) -> Papers:
    return Papers(
        dataset=lineage.dataset,
        origin=lineage.origin,
        gate=lineage.gate,
        recipe=lineage.recipe,
        parent=lineage.parent,
        opponent=lineage.opponent,
        decision=lineage.decision,
        scores={part: tuple(lines) for part, lines in tables(lineage).items()},
    )


def decision_lines(history: Sequence[Event]) -> Iterator[DecisionLine]:
    """The newest first."""
    looks = {e.seq: e.detail.opening for e in history if isinstance(e.detail, LookTaken)}
    for event in reversed(history):
        if isinstance(event.detail, DecisionMade):
            yield DecisionLine(
                seq=event.seq,
                at=event.at,
                actor=event.actor,
                verdict=event.detail.verdict,
                reason=event.reason,
                look=looks.get(event.detail.look) if event.detail.look else None,
            )


def signature(reader: RegistryReader, history: Sequence[Event]) -> SignatureState | None:
    """The newest one. Where its statement cannot be read, it covers nothing."""
    signed = next((e for e in reversed(history) if isinstance(e.detail, Signing)), None)
    made = next((e.detail for e in reversed(history) if isinstance(e.detail, DecisionMade)), None)
    if signed is None:
        return None
    signing = signed.told(Signing)
    try:
        about = reader.artifacts.get_record(Statement, signing.statement).decision
        covers = about == (made.decision if made else None)
    except IncumbentError:
        covers = False
    return SignatureState(by=signed.actor, at=signed.at, key=signing.key, covers_decision=covers)


def vote_count(reader: RegistryReader, number: int) -> int:
    with reading(reader.engine) as connection:
        chosen = EventFilter(kinds=("vote",), version=number)
        return count_events(connection, reader.family, chosen)


# --- parameters -----------------------------------------------------------------------------------

# What the registry's pages may be asked for.

PAGE = 50  # rows
# Kinds of events that are for whoever decides: a ballot names who stood on which side, and both
# lots, of the sheet and of the reviewer, can be drawn again from the sheet's digest.
UNBLINDING = ("ask", *SINGLE_VOTES)

Text = Annotated[str, Field(max_length=200, pattern=r"^[^\u0000]*$")]
Choice = Literal["yes", "no", "all"]
TRUTH: dict[Choice, bool | None] = {"yes": True, "no": False, "all": None}


class VersionsQuery(AddressQuery):
    """Which versions are listed."""

    verdict: VerdictFilter | None = None
    promoted: Choice = "all"
    rejected: Choice = "all"
    deleted: Choice = "no"
    text: Text = ""
    page: PageNumber = 1

    @property
    def chosen(self) -> VersionFilter:
        return VersionFilter(
            verdict=self.verdict,
            promoted=TRUTH[self.promoted],
            rejected=TRUTH[self.rejected],
            deleted=TRUTH[self.deleted],
            text=self.text,
        )

    @property
    def skip(self) -> int:
        return (self.page - 1) * PAGE


class HistoryQuery(AddressQuery):
    """Which events are listed."""

    # None: all but single votes, of which there may be thousands.
    kind: EventKind | Literal["all"] | None = None
    version: Number | None = None
    actor: Text = ""
    first: date | None = Field(
        None, validation_alias=AliasChoices("from"), serialization_alias="from"
    )
    last: date | None = Field(None, validation_alias=AliasChoices("to"), serialization_alias="to")
    text: Text = ""
    before: Number | None = None  # events with lower numbers alone

    def chosen(self, *, blind: bool) -> EventFilter:
        """`blind` leaves out what tells whose answers somebody votes on, whatever is asked for."""
        single = () if self.kind else SINGLE_VOTES
        return EventFilter(
            kinds=(self.kind,) if self.kind and self.kind != "all" else (),
            without=UNBLINDING if blind else single,
            version=self.version,
            actor=self.actor or None,
            since=f"{self.first}T00:00:00.000Z" if self.first else None,
            until=f"{self.last}T23:59:59.999Z" if self.last else None,
            text=self.text,
        )


class CompareQuery(AddressQuery):
    """Which two versions are compared."""

    a: Number | None = None
    b: Number | None = None


class LineageQuery(AddressQuery):
    """How much of the lineage is drawn."""

    all: bool = False
