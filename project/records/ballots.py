"""People's blind ballots, the sheet of what they vote on, and when an item closes."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationInfo

from project.canonical import moment
from project.records.data import EvidencePassage, Message
from project.records.record import LATER, Digest, Record

Choice = Literal["left", "right", "tie", "both_bad"]
SheetPart = Literal["dev", "sealed"]
Respect = Literal["helpful", "polite", "correct"]  # in which people rate both answers
RESPECTS: tuple[Respect, ...] = ("helpful", "polite", "correct")
Stars = Annotated[int, Field(ge=1, le=5, strict=True)]


class Rating(Record):
    """How two answers are rated in one respect, from 1 to 5."""

    left: Stars
    right: Stars


Rubric = dict[Respect, Rating]


VersionPair = tuple[str, str]  # two versions, in the order of their names


def on_one_side(right: str, info: ValidationInfo) -> str:
    if right == info.data.get("left"):
        raise ValueError(f"{right!r} is on both sides")
    return right


# The version on the right, in a record that has another one on the left.
RightVersion = Annotated[str, Field(min_length=1), AfterValidator(on_one_side)]


def version_pair(left: str, right: str) -> VersionPair:
    return (left, right) if left < right else (right, left)


class Ballot(Record):
    """One reviewer's blind choice between the answers of two versions to one item."""

    item: str = Field(min_length=1)
    reviewer: str = Field(min_length=1)
    left: str = Field(min_length=1)  # the version whose answer stood there
    right: RightVersion
    # The digests of both answers, where the ballot is bound to them: others are not voted on.
    left_answer: Annotated[Digest | None, LATER] = None
    right_answer: Annotated[Digest | None, LATER] = None
    choice: Choice
    at: Annotated[str, AfterValidator(moment)]

    @property
    def pair(self) -> VersionPair:
        """The two versions by name, whichever side they stood on."""
        return version_pair(self.left, self.right)

    @property
    def winner(self) -> str | None:
        """The version that was chosen; None for a tie and for both bad."""
        return {"left": self.left, "right": self.right}.get(self.choice)

    def __str__(self) -> str:
        return f"{self.reviewer} on {self.item}: {self.winner or self.choice.replace('_', ' ')}"


class VotingPair(Record):
    """Two answers to an item. `left` and `right` are what a ballot calls those who gave them; a
    ballot with the digests too counts for these very answers alone.
    """

    item: str
    prompt: str
    left: str
    right: str
    left_text: str
    right_text: str
    left_answer: Digest
    right_answer: Digest
    # As in the item's scores: what votes on it are weighed with.
    cluster: Annotated[str | None, LATER] = None
    slices: Annotated[tuple[str, ...] | None, LATER] = None
    # A judge's chance that the challenger is preferred, and the chance by which the item is drawn.
    preference: Annotated[float | None, LATER] = None
    chance: Annotated[float | None, LATER] = None
    evidence: Annotated[tuple[EvidencePassage, ...] | None, LATER] = None  # as of the row
    # Of a conversation: the turns of the prompt and the tools, and all turns after it where the
    # answers are whole conversations. The texts say the same in words.
    messages: Annotated[tuple[Message, ...] | None, LATER] = None
    tools: Annotated[tuple[dict[str, Any], ...] | None, LATER] = None
    left_turns: Annotated[tuple[Message, ...] | None, LATER] = None
    right_turns: Annotated[tuple[Message, ...] | None, LATER] = None


def disagree(cast: Sequence[Ballot]) -> bool:
    """Whether as many ballots chose one version as the other one."""
    winners = [ballot.winner for ballot in cast if ballot.winner]
    return bool(winners) and winners.count(winners[0]) * 2 == len(winners)


def counting(cast: Sequence[Ballot], votes: int | None) -> Sequence[Ballot] | None:
    """Those of an item's ballots, in the order of time, by which it counts; None: it is open still.

    It closes at its first `votes` ballots; with an even number that do not agree, at one more, a
    third person's. None: every ballot counts. The rule is the same for both versions and is fixed
    before the first vote, so that votes may be counted as they come in.
    """
    if votes is None:
        return cast
    first = cast[:votes]
    if len(first) == votes and votes % 2 == 0 and disagree(first):
        first, votes = cast[: votes + 1], votes + 1
    return first if len(first) == votes else None
