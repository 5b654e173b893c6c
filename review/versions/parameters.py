"""What may be asked for in an address: nonsense is refused before anything is read."""

from datetime import date
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import Path
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, model_validator

from project.records.events import EventKind
from registry.event_list import EventFilter
from registry.lineage import SINGLE_VOTES
from registry.overview.version_search import VerdictFilter, VersionFilter

MOST = 2**31 - 1  # that a number in the database can be
PAGE = 50  # rows

Number = Annotated[int, Field(ge=1, le=MOST)]
VersionNumber = Annotated[int, Path(ge=1, le=MOST)]
Text = Annotated[str, Field(max_length=200, pattern=r"^[^\u0000]*$")]
Choice = Literal["yes", "no", "all"]
TRUTH: dict[Choice, bool | None] = {"yes": True, "no": False, "all": None}


class Query(BaseModel):
    """The part of an address after the question mark. A field that was left empty is not there."""

    model_config = ConfigDict(frozen=True)

    @model_validator(mode="before")
    @classmethod
    def without_empty_fields(cls, fields: Any) -> Any:
        return {name: value for name, value in dict(fields).items() if value != ""}

    @property
    def narrows(self) -> bool:
        """Whether it asks for anything."""
        return self != type(self)()

    def address(self, path: str, **changes: object) -> str:
        """The same page with other values; None leaves one out."""
        fields = self.model_dump(mode="json", by_alias=True, exclude_defaults=True) | changes
        given = {name: value for name, value in fields.items() if value is not None}
        return f"{path}?{urlencode(given)}" if given else path


class VersionsQuery(Query):
    """Which versions are listed."""

    verdict: VerdictFilter | None = None
    promoted: Choice = "all"
    rejected: Choice = "all"
    deleted: Choice = "no"
    text: Text = ""
    page: Annotated[int, Field(ge=1, le=1_000_000)] = 1

    @property
    def chosen(self) -> VersionFilter:
        return VersionFilter(
            verdict=self.verdict,
            promoted=TRUTH[self.promoted],
            rejected=TRUTH[self.rejected],
            deleted=TRUTH[self.deleted],
            text=self.text,
        )

    @property
    def skip(self) -> int:
        return (self.page - 1) * PAGE


class HistoryQuery(Query):
    """Which events are listed."""

    # None: all but single votes, of which there may be thousands.
    kind: EventKind | Literal["all"] | None = None
    version: Number | None = None
    actor: Text = ""
    first: date | None = Field(
        None, validation_alias=AliasChoices("from"), serialization_alias="from"
    )
    last: date | None = Field(None, validation_alias=AliasChoices("to"), serialization_alias="to")
    text: Text = ""
    before: Number | None = None  # events with lower numbers alone

    @property
    def chosen(self) -> EventFilter:
        return EventFilter(
            kinds=(self.kind,) if self.kind and self.kind != "all" else (),
            without=() if self.kind else SINGLE_VOTES,
            version=self.version,
            actor=self.actor or None,
            since=f"{self.first}T00:00:00.000Z" if self.first else None,
            until=f"{self.last}T23:59:59.999Z" if self.last else None,
            text=self.text,
        )


class CompareQuery(Query):
    """Which two versions are compared."""

    a: Number | None = None
    b: Number | None = None


class LineageQuery(Query):
    """How much of the lineage is drawn."""

    all: bool = False
