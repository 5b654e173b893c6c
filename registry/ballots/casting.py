"""Showing an item to a reviewer, casting a ballot on it, and taking the last one back.

Each is one transaction that reads what stands and adds one event, or refuses. So a ballot that is
sent twice, from two windows or by somebody who was shown something else, changes nothing.
"""

from secrets import token_hex
from typing import Annotated

from pydantic import Field
from sqlalchemy import Connection

from project.canonical import digest_json, moment_of
from project.errors import IncumbentError, InputError
from project.records.ballots import Choice, Rubric, VotingPair
from project.records.events import BallotCast, BallotWithdrawn, Event, ItemShown
from project.records.record import Digest, Record
from registry.ballots.sheets import Sheet, read_sheet, refuse_submitter, refuse_unasked
from registry.ballots.standing import (
    Key,
    StandingBallot,
    VoteQuestion,
    Votes,
    in_conflict,
    refuse_settled,
    votes_on,
)
from registry.decision_checks import plain
from registry.reader import RegistryReader
from registry.storage.artifact_store import Artifacts
from registry.storage.database import writing
from registry.store import Registry

LONGEST_COMMENT = 2_000
LONGEST_LOOK = 30 * 60  # seconds: whoever takes longer was away


class Vote(Record):
    """What a reviewer says of two answers. `shown` is the number of the event that showed them."""

    shown: int
    choice: Choice
    rubric: Rubric | None = None
    comment: Annotated[str | None, Field(max_length=LONGEST_COMMENT)] = None


def show(registry: Registry, number: int, sheet: Digest, item: str, *, repeat: int = 0) -> Event:
    """Put on record that the actor sees an item, before it is shown; seen again, nothing is added.

    Raises IncumbentError for a sheet that is not voted on and for who is not asked, InputError for
    an item that is not on it.
    """
    registry.roles.require("vote", registry.actor)
    with writing(registry.engine) as connection:
        refuse_settled(registry, connection, number)
        votes = votes_on(registry, connection, number)
        asked, key = question_on(votes, sheet), Key(sheet, item, plain(registry.actor), repeat)
        refuse_submitter(registry, connection, number, asked, "vote on its sealed items")
        if known := votes.shown.get(key):
            return known
        refuse_unasked(votes, asked, key)
        pair = pair_on(read_sheet(registry.artifacts, sheet), item)
        chance = None if pair.chance is None else repr(pair.chance)
        shown = ItemShown(sheet=sheet, item=item, repeat=repeat, chance=chance)
        return registry.append_event(connection, number, shown, "shown for a vote")


def cast(registry: Registry, number: int, vote: Vote) -> Event:
    """Cast the actor's ballot on what was shown. Raises IncumbentError where one stands already."""
    registry.roles.require("vote", registry.actor)
    with writing(registry.engine) as connection:
        refuse_settled(registry, connection, number)
        votes = votes_on(registry, connection, number)
        key, shown = seen(votes, vote.shown, plain(registry.actor))
        asked = question_on(votes, key.sheet)
        if key in votes.ballots:
            raise IncumbentError(
                "you voted on this item already, and that ballot stands: take it back to change it"
            )
        pair = pair_on(read_sheet(registry.artifacts, key.sheet), key.item)
        earlier = votes.on_item(key.sheet, key.item)
        since = moment_of(votes.withdrawn.get(key, shown).at)
        text = (vote.comment or "").strip()
        ballot = BallotCast(
            **as_shown(pair, key).model_dump(include=SIDES),
            shown=shown.seq,
            sheet=key.sheet,
            item=key.item,
            choice=vote.choice,
            rubric=vote.rubric or None,
            comment=registry.artifacts.put_record(Comment.on(key.item, text)) if text else None,
            seconds=seconds_between(since.timestamp(), registry.clock().timestamp()),
            repeat=key.repeat,
            adjudication=int(not key.repeat and in_conflict(earlier, asked.detail.votes)),
        )
        return registry.append_event(connection, number, ballot, "voted blind")


SIDES = {"left", "right", "left_answer", "right_answer"}


def withdraw(registry: Registry, number: int, ballot: int) -> Event:
    """Take the actor's last ballot back; `ballot` is the number of its event.

    Raises IncumbentError for another ballot than that, and for one on a sealed item that a decision
    has counted: whoever knows the outcome does not change what led to it.
    """
    registry.roles.require("vote", registry.actor)
    with writing(registry.engine) as connection:
        refuse_settled(registry, connection, number)
        votes = votes_on(registry, connection, number)
        last = last_ballot(votes, plain(registry.actor))
        if last is None or last.event.seq != ballot:
            raise IncumbentError("only your own last ballot can be taken back")
        if is_counted(registry, connection, votes, last):
            raise IncumbentError("this ballot was counted in a decision already: it stands")
        return registry.append_event(
            connection, number, BallotWithdrawn(ballot=ballot), "took the last ballot back"
        )


def last_ballot(votes: Votes, reviewer: str) -> StandingBallot | None:
    """A reviewer's newest ballot that stands, on a sheet that is still voted on."""
    sheets = {asked.detail.sheet for asked in votes.asked.values()}
    ballots = [
        ballot
        for key, ballot in votes.ballots.items()
        if key.reviewer == reviewer and key.sheet in sheets
    ]
    return max(ballots, key=lambda ballot: ballot.event.seq, default=None)


def stands_counted(registry: RegistryReader, votes: Votes, last: StandingBallot) -> bool:
    """Whether a decision has counted a ballot, so that it can no longer be taken back."""
    with registry.engine.connect() as connection:
        return is_counted(registry, connection, votes, last)


def as_shown(pair: VotingPair, key: Key) -> VotingPair:
    """A pair with its sides as this reviewer sees them: drawn by lot, and the same at each reload.

    The lot needs no secret, since the sheet that it is drawn from is known to nobody who votes.
    """
    lot = digest_json([key.sheet, key.item, key.reviewer, key.repeat])
    if int(lot[0], 16) % 2 == 0:
        return pair
    other = {
        "left": pair.right,
        "right": pair.left,
        "left_text": pair.right_text,
        "right_text": pair.left_text,
        "left_answer": pair.right_answer,
        "right_answer": pair.left_answer,
        "left_turns": pair.right_turns,
        "right_turns": pair.left_turns,
    }
    return pair.model_copy(update=other)


# --- what a ballot refers to ---------------------------------------------------------------------


def seen(votes: Votes, seq: int, reviewer: str) -> tuple[Key, Event]:
    """What a reviewer was shown by an event. Raises IncumbentError when it was another's."""
    for key, event in votes.shown.items():
        if event.seq == seq and key.reviewer == reviewer:
            return key, event
    raise IncumbentError("this item was not shown to you: open the voting page and vote there")


def question_on(votes: Votes, sheet: Digest) -> VoteQuestion:
    for asked in votes.asked.values():
        if asked.detail.sheet == sheet:
            return asked
    raise IncumbentError(
        "these answers are not voted on any more, as there are newer ones: reload the voting page"
    )


def pair_on(sheet: Sheet, item: str) -> VotingPair:
    pair = sheet.by_item.get(item)
    if pair is None:
        raise InputError("this item is not on the voting sheet")
    return pair


def is_counted(
    registry: RegistryReader, connection: Connection, votes: Votes, last: StandingBallot
) -> bool:
    """Whether a ballot is counted, as stands_counted says it; one on dev never is."""
    sealed = votes.asked.get("sealed")
    if sealed is None or sealed.detail.sheet != last.detail.sheet:
        return False
    decided = registry.newest_on(connection, "decide", last.event.version)
    return decided is not None and decided.seq > last.event.seq


def seconds_between(start: float, end: float) -> int:
    return round(min(max(end - start, 0.0), LONGEST_LOOK))


# --- comments -------------------------------------------------------------------------------------

# What reviewers write beside their ballots: kept apart from the history, which nothing leaves.
#
# An event names a comment by its digest alone. So a comment can be erased, as every text of a
# person can, and the chain of events still holds.


class Comment(Record):
    """A comment on the answers to an item, by which it is found when the item is erased."""

    item: str
    text: str
    salt: str  # drawn, so that nobody guesses an erased comment from its digest

    @classmethod
    def on(cls, item: str, text: str) -> "Comment":
        return cls(item=item, text=text, salt=token_hex(16))


def comment_text(artifacts: Artifacts, ballot: BallotCast) -> str | None:
    """What was written beside a ballot; None: nothing, or it was erased."""
    if ballot.comment is None or not artifacts.blobs.exists(ballot.comment):
        return None
    return artifacts.get_record(Comment, ballot.comment).text
