"""What a browser sends when somebody votes, and the vote that it is."""

from typing import Literal

from pydantic import BaseModel, Field

from project.errors import InputError
from project.records.ballots import RESPECTS, Choice, Rating, Rubric, SheetPart
from registry.ballots.casting import LONGEST_COMMENT, Vote

Stars = Literal["", "1", "2", "3", "4", "5"]


class TypedForm(BaseModel):
    """What was typed beside a vote. The browser sends a comment's line ends as two characters."""

    shown: int = Field(ge=1, le=2**53)
    comment: str = Field(default="", max_length=2 * LONGEST_COMMENT)
    part: SheetPart | None = None
    marked: bool = False  # whether what differs is marked
    helpful_left: Stars = ""
    helpful_right: Stars = ""
    polite_left: Stars = ""
    polite_right: Stars = ""
    correct_left: Stars = ""
    correct_right: Stars = ""

    @property
    def said(self) -> bool:
        """Whether something was typed or rated."""
        return bool(self.comment) or any(
            getattr(self, f"{respect}_{side}") for respect in RESPECTS for side in ("left", "right")
        )


class MarksForm(TypedForm):
    """What is sent to have what differs marked, or marked no more: no vote."""

    mark: bool


class VoteForm(TypedForm):
    """What is sent as a vote."""

    choice: Choice

    def vote(self) -> Vote:
        """Raises InputError for a comment that is too long, and for half a rating."""
        comment = self.comment.replace("\r\n", "\n").strip()
        if len(comment) > LONGEST_COMMENT:
            raise InputError(f"a comment has at most {LONGEST_COMMENT:,} characters")
        return Vote(
            shown=self.shown, choice=self.choice, rubric=self.rubric(), comment=comment or None
        )

    def rubric(self) -> Rubric | None:
        found: Rubric = {}
        for respect in RESPECTS:
            left, right = getattr(self, f"{respect}_left"), getattr(self, f"{respect}_right")
            if bool(left) != bool(right):
                raise InputError(f"rate how {respect} both answers are, or neither")
            if left:
                found[respect] = Rating(left=int(left), right=int(right))
        return found or None
