"""Which versions wait for people's votes, and for how many."""

from collections.abc import Iterator
from functools import partial

from sqlalchemy import Connection, select

from project.records.ballots import SheetPart, counting
from project.records.events import DecisionMade, RowErasure
from project.records.record import Digest, Record, short
from registry.ballots.sheets import is_first, most_items
from registry.ballots.standing import VoteQuestion, Votes, missing, votes_on
from registry.decision_checks import plain
from registry.reader import RegistryReader
from registry.storage.tables import events, versions

NEWEST = 50  # versions that are looked through: who was asked about before has been passed over


class OpenVotes(Record):
    """Voting on one version."""

    version: int
    part: SheetPart
    items: int  # on the sheet
    closed: int  # of them
    votes: int  # ballots that were cast
    needed: int  # further ones until each item has as many as were asked for
    lacking: int  # of those, how many nobody is asked for
    uncounted: bool = False  # a look waits for them, and the newest ballot is in no decision


def open_votes(registry: RegistryReader) -> tuple[OpenVotes, ...]:
    """What is still voted on against the present champion, newest version first."""
    champion = registry.champion()
    label = short(champion.adapter.files) if champion else "base"
    gone = erased(registry)
    with registry.engine.connect() as connection:
        numbers = waiting(registry, connection)
        states = [(number, votes_on(registry, connection, number)) for number in numbers]
        return tuple(
            votes.once("open", partial(open_of, number, votes, asked)).model_copy(
                update={"uncounted": is_uncounted(registry, connection, number, votes, asked)}
            )
            for number, votes in states
            if (asked := votes.newest())
            and asked.detail.champion == label
            and asked.detail.sheet not in gone
        )


def is_uncounted(
    registry: RegistryReader, connection: Connection, number: int, votes: Votes, asked: VoteQuestion
) -> bool:
    """Whether the look of the newest decision is open for these votes, and some came after it."""
    if asked.detail.part != "sealed":
        return False
    ballots = votes.standing(asked.detail.sheet)
    newest = votes.once("newest", lambda: max((b.event.seq for b in ballots), default=0))
    decided = registry.newest_on(connection, "decide", number)
    if decided is None or newest < decided.seq:
        return False
    waits = decided.told(DecisionMade).look == asked.detail.look
    return waits and not registry.fallen_on(connection, number)


def waiting(registry: RegistryReader, connection: Connection) -> Iterator[int]:
    """The versions that people were asked about and that nothing has settled, newest first."""

    def told(kind: str) -> set[int]:
        query = select(events.c.number).where(
            events.c.family == registry.family, events.c.kind == kind
        )
        return set(connection.execute(query.distinct()).scalars())

    gone = select(versions.c.number).where(
        versions.c.family == registry.family, versions.c.deleted.is_(True)
    )
    settled = told("reject") | set(connection.execute(gone).scalars())
    champion = registry.alias_on(connection, "champion")
    asked = sorted(told("ask") - settled - {champion}, reverse=True)
    yield from asked[:NEWEST]


def erased(registry: RegistryReader) -> set[Digest]:
    """What is gone with what people had erased."""
    events = registry.history(kind="erase")
    return {digest for event in events for digest in event.told(RowErasure).artifacts}


def votes_lacking(votes: Votes, asked: VoteQuestion, needed: int) -> int:
    """How many of the votes that are needed nobody is asked for; 0 where everybody is."""
    named = asked.detail.reviewers
    if named is None:
        return 0
    return max(0, needed - sum(left_of(votes, asked, plain(name)) for name in named))


def left_of(votes: Votes, asked: VoteQuestion, reviewer: str) -> int:
    """The number of items on which a reviewer who is asked by name has yet to vote."""
    cast = sum(is_first(key, asked, reviewer) for key in votes.ballots)
    return max(0, (most_items(asked, reviewer) or 0) - cast)


def open_of(number: int, votes: Votes, asked: VoteQuestion) -> OpenVotes:
    by_item = votes.by_item(asked.detail.sheet)
    cast = list(by_item.values())
    unseen = asked.detail.items - len(cast)
    needed = unseen * asked.detail.votes + sum(missing(o, asked.detail.votes) for o in cast)
    return OpenVotes(
        version=number,
        part=asked.detail.part,
        items=asked.detail.items,
        closed=sum(counting(ballots, asked.closes_at) is not None for ballots in cast),
        votes=sum(map(len, cast)),
        needed=needed,
        lacking=votes_lacking(votes, asked, needed),
    )
