"""The voting page for programs, as JSON."""

from pydantic import BaseModel

from project.records.ballots import SheetPart
from review.voting.comments import WrittenComment
from review.voting.live import LiveVotes
from review.voting.reviewers import Reviewer
from review.voting.voting_view import VotingView


class ShownItem(BaseModel):
    """A prompt and two answers, blind. A vote on it names `shown`."""

    shown: int
    prompt: str
    left: str
    right: str


class NextItem(BaseModel):
    """What a person is to vote on next; no item: all is done."""

    part: SheetPart
    item: ShownItem | None
    done: int
    left: int
    undo: int | None  # this person's last ballot, where it can be taken back


class BallotTaken(BaseModel):
    """The number of a ballot's event."""

    ballot: int


class VotesReport(BaseModel):
    """How the votes on a version stand; for whoever decides also who cast them."""

    version: int
    asked_for: int  # votes an item
    live: LiveVotes
    reviewers: tuple[Reviewer, ...] | None = None  # None: not for whoever only counts them
    comments: tuple[WrittenComment, ...] | None = None  # of votes on dev items
    named: bool = False  # only those vote whom somebody asked by name
    lacking: int = 0  # votes that are needed and that nobody is asked for
    asked_prompts: int = 0  # sealed ones that somebody asked the gateway since voting opened
    left_out: bool = False  # votes on them are not counted


def next_item(view: VotingView) -> NextItem:
    pair, shown = view.pair, view.shown
    item = (
        ShownItem(shown=shown, prompt=pair.prompt, left=pair.left_text, right=pair.right_text)
        if pair and shown
        else None
    )
    return NextItem(
        part=view.part,
        item=item,
        done=view.progress.done,
        left=view.progress.left,
        undo=view.undo,
    )
