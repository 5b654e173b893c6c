"""What a reviewer sees: one prompt and two answers, with nothing that tells which is which."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from statistics import median

from evaluation.preference.ballots.ballot_files import asking_order
from evaluation.report.shown_answers import (
    GivenAnswer,
    ShownConversation,
    Words,
    conversation,
    marked,
)
from project.canonical import digest_json, moment_of
from project.records.ballots import Ballot, SheetPart, VotingPair
from project.records.events import Event, ItemShown
from registry.ballots.casting import as_shown, last_ballot, show, stands_counted
from registry.ballots.sheets import Sheet, further_items, most_items, read_sheet
from registry.ballots.standing import (
    Key,
    StandingBallot,
    VoteQuestion,
    Votes,
    in_conflict,
    read_votes,
)
from registry.decision_checks import plain
from registry.store import Registry

# --- assignment -----------------------------------------------------------------------------------

# Which item a reviewer is shown next: a pure function of what was shown and said so far.

SOON = timedelta(minutes=30)  # for so long a vote is expected of whoever was shown an item
APART = 10  # items that lie between a vote and the question for it again


@dataclass(frozen=True)
class VotingTurn:
    """An item for a reviewer."""

    item: str
    repeat: int = 0


@dataclass(frozen=True)
class VotingProgress:
    """How far a reviewer is."""

    done: int  # items that this reviewer voted on
    left: int
    again: int  # of those done, how many were asked a second time
    seconds: float | None  # a vote of this reviewer takes; None: too few to tell

    @property
    def total(self) -> int:
        return self.done + self.left

    @property
    def minutes(self) -> int | None:
        """A guess at the time that is left."""
        return None if self.seconds is None else round(self.left * self.seconds / 60)


@dataclass(frozen=True)
class Assignments:
    """One reviewer's way through a sheet. `order` are its items as people are asked them."""

    votes: Votes
    asked: VoteQuestion
    order: Sequence[str]
    reviewer: str
    now: datetime
    repeats: float  # the share of items that are asked twice

    def next(self) -> VotingTurn | None:
        """What was seen and not voted on; then a planted repeat that is due; then what lacks votes,
        and at last what two others disagree on. None: no item is left for this reviewer. So no
        repeat comes last, and no item that has its votes meanwhile.
        """
        if not self.left:
            return None
        if turn := self.seen_and_open() or self.due_repeat():
            return turn
        if further_items(self.votes, self.asked, self.reviewer) == 0:
            return None
        lacking = [item for item in self.free if self.lacks(item)]
        unhurried = (item for item in lacking if self.lacks(item, self.expected[item]))
        conflicts = (item for item in self.free if self.conflict(item, self.expected[item]))
        return next((VotingTurn(item) for item in (*unhurried, *lacking, *conflicts)), None)

    def progress(self) -> VotingProgress:
        times = [ballot.detail.seconds for ballot in (*self.own.values(), *self.own_repeats)]
        return VotingProgress(
            done=len(self.own),
            left=self.left,
            again=len(self.own_repeats),
            seconds=median(times) if len(times) > 2 else None,
        )

    @cached_property
    def left(self) -> int:
        """The number of items on which this reviewer's vote is still of use."""
        left = sum(self.needs_votes(item) for item in self.free)
        further = further_items(self.votes, self.asked, self.reviewer)
        if further is None:
            return left
        return min(left, further + sum(not key.repeat for key in self.seen))

    @cached_property
    def most(self) -> int | None:
        """The number of items on which this reviewer is asked; None: any number."""
        return most_items(self.asked, self.reviewer)

    # --- which items are left for this reviewer ---------------------------------------------------

    @property
    def sheet(self) -> str:
        return self.asked.detail.sheet

    @property
    def wanted(self) -> int:
        return self.asked.detail.votes

    @cached_property
    def by_item(self) -> dict[str, list[Ballot]]:
        return self.votes.by_item(self.sheet)

    @cached_property
    def own(self) -> dict[str, StandingBallot]:
        """This reviewer's ballots by item, in the order in which they were cast."""
        firsts = self.votes.standing(self.sheet)
        return {b.detail.item: b for b in firsts if b.key.reviewer == self.reviewer}

    @cached_property
    def own_repeats(self) -> list[StandingBallot]:
        repeated = self.votes.standing(self.sheet, repeats=True)
        return [ballot for ballot in repeated if ballot.key.reviewer == self.reviewer]

    @cached_property
    def expected(self) -> Counter[str]:
        """The number of others who look at an item now, by item."""
        since = self.now - SOON
        return Counter(
            key.item
            for key, event in self.votes.shown.items()
            if key.sheet == self.sheet
            and not key.repeat
            and key.reviewer != self.reviewer
            and key not in self.votes.ballots
            and moment_of(event.at) > since
        )

    @cached_property
    def free(self) -> list[str]:
        return [item for item in self.order if item not in self.own]

    def cast(self, item: str) -> list[Ballot]:
        return self.by_item.get(item, [])

    def lacks(self, item: str, expected: int = 0) -> bool:
        return len(self.cast(item)) + expected < self.wanted

    def needs_votes(self, item: str) -> bool:
        return self.lacks(item) or self.conflict(item)

    def conflict(self, item: str, expected: int = 0) -> bool:
        """Whether a third person is to speak, and nobody else is about to."""
        return not expected and in_conflict(self.cast(item), self.wanted)

    @cached_property
    def seen(self) -> dict[Key, int]:
        """What this reviewer was shown, has no ballot on, and needs one; with the number of the
        event that showed it, or of the one that took its ballot back.
        """
        return {
            key: max(event.seq, taken.seq if (taken := self.votes.withdrawn.get(key)) else 0)
            for key, event in self.votes.shown.items()
            if (key.sheet, key.reviewer) == (self.sheet, self.reviewer)
            and key not in self.votes.ballots
            and (key.repeat or self.needs_votes(key.item))
        }

    def seen_and_open(self) -> VotingTurn | None:
        """What of that was shown or taken back last."""
        newest = max(self.seen, key=self.seen.__getitem__, default=None)
        return VotingTurn(newest.item, newest.repeat) if newest else None

    def due_repeat(self) -> VotingTurn | None:
        """A planted item that was voted on long enough ago."""
        asked_again = {ballot.detail.item for ballot in self.own_repeats}
        for item in list(self.own)[:-APART]:
            if item not in asked_again and self.planted(item):
                return VotingTurn(item, repeat=1)
        return None

    def planted(self, item: str) -> bool:
        """Whether it is asked twice: a lot that is the same whenever it is drawn."""
        lot = int(digest_json([self.sheet, item, self.reviewer, "repeat"])[:8], 16)
        return lot < self.repeats * 16**8


# --- voting view ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class VotingView:
    """One reviewer's next item; `shown` is None where nothing is left."""

    part: SheetPart
    progress: VotingProgress
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

    def talk(self, *, marks: bool) -> ShownConversation | None:
        """The item as a conversation, where it is one."""
        assert self.pair is not None, "there is an item"
        pair = self.pair
        if pair.messages is None:
            return None
        left = GivenAnswer(pair.left_text, pair.left_turns)
        right = GivenAnswer(pair.right_text, pair.right_turns)
        answers = {"left": left, "right": right}
        return conversation(pair.messages, answers, tools=pair.tools, marks=marks)


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
    registry: Registry, votes: Votes, asked: VoteQuestion, sheet: Sheet, repeats: float
) -> Assignments:
    return Assignments(
        votes=votes,
        asked=asked,
        order=[sheet.pairs[i].item for i in asking_order(sheet.digest, sheet.pairs)],
        reviewer=plain(registry.actor),
        now=registry.clock(),
        repeats=repeats,
    )


def sides_of(sheet: Sheet, event: Event) -> VotingPair:
    told = event.told(ItemShown)
    key = Key(sheet.digest, told.item, plain(event.actor), told.repeat)
    return as_shown(sheet.by_item[told.item], key)


def undoable(registry: Registry, votes: Votes) -> int | None:
    last = last_ballot(votes, plain(registry.actor))
    if last is None or stands_counted(registry, votes, last):
        return None
    return last.event.seq
