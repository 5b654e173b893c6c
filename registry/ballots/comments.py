"""What reviewers write beside their ballots: kept apart from the history, which nothing leaves.

An event names a comment by its digest alone. So a comment can be erased, as every text of a person
can, and the chain of events still holds.
"""

from secrets import token_hex

from project.records.events import BallotCast
from project.records.record import Record
from registry.artifacts.artifact_store import Artifacts


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
