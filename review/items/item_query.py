"""What a reader asks the item explorer for."""

from typing import Annotated, Literal

from pydantic import Field

from review.frame.address import LARGEST, AddressQuery
from review.frame.paging import PageNumber

FURTHEST = 1e9  # of a score
Flips = Literal["all", "lost", "gained", "same", "broke", "fixed"]
Text = Annotated[str | None, Field(max_length=500)]
Score = Annotated[float | None, Field(ge=-FURTHEST, le=FURTHEST, allow_inf_nan=False)]


class ItemQuery(AddressQuery):
    """The filters of the list of items; all that are given have to hold."""

    version: Annotated[int | None, Field(ge=0, le=LARGEST)] = Field(
        default=None, description="The challenger; 0: what was not submitted yet."
    )
    against: Annotated[int | None, Field(ge=1, le=LARGEST)] = Field(
        default=None, description="Another version; else whom the challenger was compared with."
    )
    flips: Flips | None = Field(
        default=None,
        description="lost, gained, same: how the score moved; broke: the champion was right and "
        "the challenger is wrong; fixed: the other way round.",
    )
    moved: Score = Field(
        default=None, description="Only a difference of more than this is lost, gained."
    )
    score: Text = Field(default=None, description="The metric; the first gating one if left out.")
    low: Score = Field(default=None, description="The challenger's score is at least this.")
    high: Score = Field(default=None, description="The challenger's score is at most this.")
    slice: Text = Field(default=None, description="As key=value.")
    assertion: Text = Field(default=None, description="One that the challenger's answer breaks.")
    q: Text = Field(default=None, description="Words in the prompt, the reference or an answer.")
    page: PageNumber = 1
