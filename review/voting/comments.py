"""What reviewers wrote beside their votes on dev items.

Comments on sealed items may quote them, and of those nothing but sums is shown.
"""

from collections.abc import Iterator
from itertools import islice

from project.records.record import Record
from registry.ballots.comments import comment_text
from registry.ballots.standing import Asked, Votes
from registry.reader import RegistryReader

SHOWN = 50


class WrittenComment(Record):
    """Untrusted text of one person."""

    reviewer: str
    item: str
    text: str


def newest_comments(
    registry: RegistryReader, votes: Votes, asked: Asked
) -> tuple[WrittenComment, ...]:
    """The newest first; erased ones are left out."""
    written = comments_on(registry, votes, asked) if asked.detail.part == "dev" else iter(())
    return tuple(islice(written, SHOWN))


def comments_on(registry: RegistryReader, votes: Votes, asked: Asked) -> Iterator[WrittenComment]:
    for ballot in reversed(list(votes.standing(asked.detail.sheet))):
        if text := comment_text(registry.artifacts, ballot.detail):
            yield WrittenComment(reviewer=ballot.event.actor, item=ballot.detail.item, text=text)
