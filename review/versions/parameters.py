"""What the registry's pages may be asked for."""

from datetime import date
from typing import Annotated, Literal

from pydantic import AliasChoices, Field

from project.records.events import EventKind
from registry.event_list import EventFilter
from registry.lineage import SINGLE_VOTES
from registry.overview.version_search import VerdictFilter, VersionFilter
from review.frame.form_fields import AddressQuery, Number
from review.frame.paging import PageNumber

PAGE = 50  # rows
# Kinds of events that are for whoever decides: a ballot names who stood on which side, and both
# lots, of the sheet and of the reviewer, can be drawn again from the sheet's digest.
UNBLINDING = ("ask", *SINGLE_VOTES)

Text = Annotated[str, Field(max_length=200, pattern=r"^[^\u0000]*$")]
Choice = Literal["yes", "no", "all"]
TRUTH: dict[Choice, bool | None] = {"yes": True, "no": False, "all": None}


class VersionsQuery(AddressQuery):
    """Which versions are listed."""

    verdict: VerdictFilter | None = None
    promoted: Choice = "all"
    rejected: Choice = "all"
    deleted: Choice = "no"
    text: Text = ""
    page: PageNumber = 1

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


class HistoryQuery(AddressQuery):
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

    def chosen(self, *, blind: bool) -> EventFilter:
        """`blind` leaves out what tells whose answers somebody votes on, whatever is asked for."""
        single = () if self.kind else SINGLE_VOTES
        return EventFilter(
            kinds=(self.kind,) if self.kind and self.kind != "all" else (),
            without=UNBLINDING if blind else single,
            version=self.version,
            actor=self.actor or None,
            since=f"{self.first}T00:00:00.000Z" if self.first else None,
            until=f"{self.last}T23:59:59.999Z" if self.last else None,
            text=self.text,
        )


class CompareQuery(AddressQuery):
    """Which two versions are compared."""

    a: Number | None = None
    b: Number | None = None


class LineageQuery(AddressQuery):
    """How much of the lineage is drawn."""

    all: bool = False
