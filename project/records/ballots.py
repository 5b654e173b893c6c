"""People's blind ballots."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from project.records.record import LATER, Digest, Record
from project.times import moment


class Ballot(Record):
    """One reviewer's blind choice between the answers of two versions to one item."""

    item: str = Field(min_length=1)
    reviewer: str = Field(min_length=1)
    left: str = Field(min_length=1)  # the version whose answer stood there
    right: str = Field(min_length=1)
    # The digests of both answers, where the ballot is bound to them: others are not voted on.
    left_answer: Annotated[Digest | None, LATER] = None
    right_answer: Annotated[Digest | None, LATER] = None
    choice: Literal["left", "right", "tie", "both_bad"]
    at: Annotated[str, AfterValidator(moment)]

    @field_validator("right")
    @classmethod
    def two_versions(cls, right: str, info: ValidationInfo) -> str:
        if right == info.data.get("left"):
            raise ValueError(f"{right!r} is on both sides")
        return right

    @property
    def pair(self) -> tuple[str, str]:
        """The two versions by name, whichever side they stood on."""
        return (self.left, self.right) if self.left < self.right else (self.right, self.left)

    @property
    def winner(self) -> str | None:
        """The version that was chosen; None for a tie and for both bad."""
        return {"left": self.left, "right": self.right}.get(self.choice)

    def __str__(self) -> str:
        return f"{self.reviewer} on {self.item}: {self.winner or self.choice.replace('_', ' ')}"
