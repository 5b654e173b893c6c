"""What a reviewer sees: one prompt and two answers, with nothing that tells which is which."""

from collections.abc import Sequence
from dataclasses import dataclass

from evaluation.preference.ballots.drawn_votes import asking_order
from evaluation.report.marked_words import marked
from evaluation.report.report_data import Words
from project.records.ballots import SheetPart, VotingPair
from project.records.events import Event, ItemShown
from registry.ballots.casting import as_shown, last_ballot, show, stands_counted
from registry.ballots.sheets import Sheet, read_sheet
from registry.ballots.standing import Asked, Key, Votes, read_votes
from registry.decision_checks import plain
from registry.store import Registry
from review.voting.assignment import Assignments, Progress


@dataclass(frozen=True)
class VotingView:
    """One reviewer's next item; `shown` is None where nothing is left."""

    part: SheetPart
    progress: Progress
    shown: int | None  # the number of the event that showed it
    pair: VotingPair | None  # with the sides as they are shown
    undo: int | None  # the reviewer's last ballot, where it can be taken back
    most: int | None  # items that this reviewer is asked about; None: any number

    @property
    def same(self) -> bool:
        return self.pair is not None and self.pair.left_text == self.pair.right_text

    def sides(self, *, marks: bool) -> tuple[Words, Words]:
        """Both texts in pieces, with what differs marked when asked."""
        assert self.pair is not None, "there is an item"
        left, right = self.pair.left_text, self.pair.right_text
        return marked(left, right) if marks else (((left, False),), ((right, False),))


def voting_view(
    registry: Registry, number: int, repeats: float, part: SheetPart | None = None
) -> VotingView | None:
    """The actor's next item, put on record before it is returned; None: nobody was asked."""
    votes = read_votes(registry, number)
    asked = votes.newest(part)
    if asked is None:
        return None
    sheet = read_sheet(registry.artifacts, asked.detail.sheet)
    way = assignments(registry, votes, asked, sheet, repeats)
    turn = way.next()
    event = show(registry, number, sheet.digest, turn.item, repeat=turn.repeat) if turn else None
    return VotingView(
        part=asked.detail.part,
        progress=way.progress(),
        shown=event.seq if event else None,
        pair=sides_of(sheet, event) if event else None,
        undo=undoable(registry, votes),
        most=way.most,
    )


def assignments(
    registry: Registry, votes: Votes, asked: Asked, sheet: Sheet, repeats: float
) -> Assignments:
    return Assignments(
        votes=votes,
        asked=asked,
        order=items_in_order(sheet),
        reviewer=plain(registry.actor),
        now=registry.clock(),
        repeats=repeats,
    )


def items_in_order(sheet: Sheet) -> Sequence[str]:
    return [sheet.pairs[i].item for i in asking_order(sheet.digest, sheet.pairs)]


def sides_of(sheet: Sheet, event: Event) -> VotingPair:
    told = event.told(ItemShown)
    key = Key(sheet.digest, told.item, plain(event.actor), told.repeat)
    return as_shown(sheet.by_item[told.item], key)


def undoable(registry: Registry, votes: Votes) -> int | None:
    last = last_ballot(votes, plain(registry.actor))
    if last is None or stands_counted(registry, votes, last):
        return None
    return last.event.seq
