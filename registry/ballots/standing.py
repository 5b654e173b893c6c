"""The votes on a version, as a fold over its events: what was asked, who saw what, what stands."""

from collections.abc import Callable, Hashable, Iterator
from copy import copy
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, select

from project.errors import IncumbentError
from project.records.ballots import Ballot, SheetPart, counting, disagree
from project.records.events import BallotCast, BallotWithdrawn, Event, ItemShown, VotesAsked
from project.records.record import Digest
from registry.decision_checks import plain
from registry.reader import RegistryReader
from registry.storage.tables import event_of, events
from registry.tenure import CHAMPION

KINDS = ("ask", "show", "vote", "unvote")

T = TypeVar("T")


@dataclass(frozen=True)
class VoteQuestion:
    """The newest question about a sheet."""

    event: Event
    closes_at: int  # votes an item, as first asked: so many close it

    @property
    def detail(self) -> VotesAsked:
        return self.event.told(VotesAsked)

    def on_same(self, other: VotesAsked) -> bool:
        """Whether it is about the same answers at the same look."""
        return (self.detail.sheet, self.detail.look) == (other.sheet, other.look)


@dataclass(frozen=True)
class Key:
    """What a reviewer votes on once."""

    sheet: Digest
    item: str
    reviewer: str  # the actor in plain spelling: Ann and ann are one person
    repeat: int


@dataclass(frozen=True)
class StandingBallot:
    """A ballot that was not taken back."""

    event: Event
    detail: BallotCast
    key: Key

    @cached_property
    def ballot(self) -> Ballot:
        cast = self.detail
        return Ballot(
            item=cast.item,
            reviewer=self.event.actor,
            left=cast.left,
            right=cast.right,
            left_answer=cast.left_answer,
            right_answer=cast.right_answer,
            choice=cast.choice,
            at=self.event.at,
        )


@dataclass
class Votes:
    """All about the votes on one version. What `votes_on` returns is not to be changed."""

    seq: int = 0  # of the newest event in it
    asked: dict[SheetPart, VoteQuestion] = field(default_factory=dict)
    shown: dict[Key, Event] = field(default_factory=dict)
    ballots: dict[Key, StandingBallot] = field(default_factory=dict)
    items: dict[tuple[Digest, str], tuple[StandingBallot, ...]] = field(default_factory=dict)
    withdrawn: dict[Key, Event] = field(default_factory=dict)
    # What was computed of these very ballots; pages ask for it again and again.
    computed: dict[Hashable, Any] = field(default_factory=dict)

    def newest(self, part: SheetPart | None = None) -> VoteQuestion | None:
        """The sheet of a part; of none, the sealed one where there is one."""
        return self.asked.get(part) if part else self.asked.get("sealed") or self.asked.get("dev")

    def sheet(self, part: SheetPart | None = None) -> VoteQuestion:
        """As newest. Raises IncumbentError where there is none."""
        if (question := self.newest(part)) is None:
            raise IncumbentError("nobody was asked to vote on this version")
        return question

    def standing(self, sheet: Digest, *, repeats: bool = False) -> Iterator[StandingBallot]:
        """The ballots on a sheet in the order in which they were cast; repeated ones apart."""
        for key, ballot in self.ballots.items():
            if key.sheet == sheet and bool(key.repeat) == repeats:
                yield ballot

    def on_item(self, sheet: Digest, item: str) -> list[Ballot]:
        """The ballots on one item, in the order in which they were cast."""
        return [standing.ballot for standing in self.items.get((sheet, item), ())]

    def by_item(self, sheet: Digest) -> dict[str, list[Ballot]]:
        return {item: self.on_item(sheet, item) for there, item in self.items if there == sheet}

    def once(self, key: Hashable, compute: Callable[[], T]) -> T:
        """What is computed of what was asked and of the ballots, once for each key and state."""
        if key not in self.computed:
            self.computed[key] = compute()
        value: T = self.computed[key]
        return value

    def apply(self, event: Event) -> None:
        if event.kind != "show":
            self.computed = {}
        match event.detail:
            case VotesAsked(part=part, votes=votes) as detail:
                before = self.asked.get(part)
                again = before is not None and before.on_same(detail)
                self.asked[part] = VoteQuestion(
                    event, before.closes_at if before and again else votes
                )
            case ItemShown(sheet=sheet, item=item, repeat=repeat):
                self.shown.setdefault(Key(sheet, item, plain(event.actor), repeat), event)
            case BallotCast(sheet=sheet, item=item, repeat=repeat) as detail:
                key = Key(sheet, item, plain(event.actor), repeat)
                self.put(StandingBallot(event, detail, key))
            case BallotWithdrawn(ballot=seq):
                gone = (key for key, b in reversed(self.ballots.items()) if b.event.seq == seq)
                if taken := next(gone, None):
                    self.take(self.ballots[taken])
                    self.withdrawn[taken] = event
        self.seq = event.seq

    def put(self, ballot: StandingBallot) -> None:
        self.ballots[ballot.key] = ballot
        if not ballot.key.repeat:
            place = (ballot.key.sheet, ballot.key.item)
            self.items[place] = (*self.items.get(place, ()), ballot)

    def take(self, ballot: StandingBallot) -> None:
        del self.ballots[ballot.key]
        if not ballot.key.repeat:
            place = (ballot.key.sheet, ballot.key.item)
            left = tuple(other for other in self.items[place] if other is not ballot)
            self.items[place] = left
            if not left:
                del self.items[place]

    def going_on(self) -> "Votes":
        """A copy, to put newer events into."""
        votes = copy(self)
        for name in ("asked", "shown", "ballots", "items", "withdrawn"):
            setattr(votes, name, dict(getattr(self, name)))
        return votes


def missing(cast: list[Ballot], votes: int) -> int:
    """How many more ballots an item needs so that so many reviewers have spoken, and agree."""
    if counting(cast, votes) is not None:
        return 0
    return votes - len(cast) if len(cast) < votes else 1


def in_conflict(cast: list[Ballot], votes: int) -> bool:
    """Whether a third person is to speak."""
    return len(cast) == votes and votes % 2 == 0 and disagree(cast)


# By engine, since a web server reads the same events for every page: only newer ones are read.
_read: WeakKeyDictionary[Engine, dict[tuple[str, int], Votes]] = WeakKeyDictionary()


def votes_on(registry: RegistryReader, connection: Connection, number: int) -> Votes:
    """The votes on a version as a connection sees them. Not for a transaction that added some."""
    known = _read.setdefault(registry.engine, {})
    state = known.get((registry.family, number), Votes())
    query = select(events).where(
        events.c.family == registry.family,
        events.c.number == number,
        events.c.kind.in_(KINDS),
        events.c.seq > state.seq,
    )
    rows = connection.execute(query.order_by(events.c.seq)).all()
    if rows:
        state = state.going_on()
        for row in rows:
            state.apply(event_of(row))
        known[registry.family, number] = state
    return state


def read_votes(registry: RegistryReader, number: int) -> Votes:
    """The votes on a version as they are now."""
    with registry.engine.connect() as connection:
        return votes_on(registry, connection, number)


def refuse_settled(registry: RegistryReader, connection: Connection, number: int) -> None:
    """Raise IncumbentError where votes on a version decide nothing any more."""
    label = registry.version(number).label
    if registry.deleted(number):
        raise IncumbentError(f"{label} was deleted: there is nothing to vote on")
    if rejected := registry.newest_on(connection, "reject", number):
        raise IncumbentError(f"{label} was rejected by {rejected.actor}: voting has ended")
    if registry.alias_on(connection, CHAMPION) == number:
        raise IncumbentError(f"{label} is the champion already: voting has ended")
