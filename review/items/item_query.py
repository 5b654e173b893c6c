"""What a reader asks the item explorer for: checked here, so that a page never fails by it."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

LARGEST = 10**9
Flips = Literal["all", "lost", "gained", "same", "broke", "fixed"]


def none_if_blank(value: Any) -> Any:
    """A field of a form that was left empty."""
    return None if isinstance(value, str) and not value.strip() else value


Text = Annotated[str | None, Field(max_length=500), BeforeValidator(none_if_blank)]
Number = Annotated[
    float | None,
    Field(ge=-LARGEST, le=LARGEST, allow_inf_nan=False),
    BeforeValidator(none_if_blank),
]
Count = Annotated[int | None, Field(ge=0, le=LARGEST), BeforeValidator(none_if_blank)]


class ItemQuery(BaseModel):
    """The filters of the list of items; all that are given have to hold."""

    model_config = ConfigDict(frozen=True)

    version: Count = Field(
        default=None, description="The challenger; 0: what was not submitted yet."
    )
    flips: Annotated[Flips | None, BeforeValidator(none_if_blank)] = Field(
        default=None,
        description="lost, gained, same: how the score moved; broke: the champion was right and "
        "the challenger is wrong; fixed: the other way round.",
    )
    moved: Number = Field(
        default=None, description="Only a difference of more than this is lost, gained."
    )
    score: Text = Field(default=None, description="The metric; the first gating one if left out.")
    low: Number = Field(default=None, description="The challenger's score is at least this.")
    high: Number = Field(default=None, description="The challenger's score is at most this.")
    slice: Text = Field(default=None, description="As key=value.")
    assertion: Text = Field(default=None, description="One that the challenger's answer breaks.")
    q: Text = Field(default=None, description="Words in the prompt, the reference or an answer.")
    page: Count = Field(default=None, description="From 1 on.")
