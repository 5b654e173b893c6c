"""What is to be voted on: sealed items, which decide, and dev items, which are for discussion."""

from collections.abc import Iterator, Sequence

from project.records.data import counted
from project.records.events import VotesAsked
from registry.ballots.open_votes import OpenVotes
from registry.ballots.reviewers_asked import is_submitter, may_see_more
from registry.ballots.standing import Votes, missing, read_votes
from registry.decision_checks import plain
from registry.reader import RegistryReader
from review.home.tasks import Task


def sealed_votes(reader: RegistryReader, open_ones: Sequence[OpenVotes]) -> Iterator[Task]:
    """The challengers whose decision waits for votes, for the reader's actor."""
    for one in open_ones:
        if one.part == "sealed" and one.needed:
            yield sealed_task(one, is_open=is_open_to_actor(reader, one))


def sealed_task(one: OpenVotes, *, is_open: bool) -> Task:
    done = "" if is_open else "; you have voted on all that need more"
    return Task(
        kind="votes",
        text=f"v{one.version} needs {counted(one.needed, 'more vote')}",
        detail=f"{counted(one.votes, 'vote')} so far{done}",
        link=f"/vote/{one.version}" if is_open else f"/review/{one.version}",
        action="Vote" if is_open else "Open",
    )


def dev_votes(reader: RegistryReader, open_ones: Sequence[OpenVotes]) -> Iterator[Task]:
    """All dev sheets in one line: every version has one. It leads to the newest that the reader's
    actor can vote on; without any there is no line.
    """
    there = [one for one in open_ones if one.part == "dev" and one.needed]
    mine = next((one.version for one in there if is_open_to_actor(reader, one)), None)
    if mine is not None:
        yield Task(
            kind="dev_votes",
            text=f"Dev answers of {counted(len(there), 'challenger')} can be voted on",
            detail="for discussion: these votes decide nothing",
            link=f"/vote/{mine}",
            action="Vote",
        )


def is_open_to_actor(reader: RegistryReader, one: OpenVotes) -> bool:
    """Whether the reader's actor is asked to vote, and has not voted yet on some item that needs
    more votes.
    """
    votes, actor = read_votes(reader, one.version), plain(reader.actor)
    asked = votes.sheet(one.part)
    with reader.engine.connect() as connection:
        if is_submitter(reader, connection, one.version, asked):
            return False
    return may_see_more(votes, asked, actor) and lacks_mine(votes, asked.detail, actor)


def lacks_mine(votes: Votes, asked: VotesAsked, actor: str) -> bool:
    """Whether some item needs more votes and has none of this person's."""
    cast = [ballots for (sheet, _), ballots in votes.items.items() if sheet == asked.sheet]
    if len(cast) < asked.items:
        return True
    return any(
        missing([ballot.ballot for ballot in ballots], asked.votes)
        and all(ballot.key.reviewer != actor for ballot in ballots)
        for ballots in cast
    )
