"""Settings of section `monitoring`: what is watched, how closely, and what follows."""

from collections.abc import Iterable
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, field_validator, model_validator

from project.files import home
from project.settings import Settings

if TYPE_CHECKING:
    from holidays import HolidayBase

DAYS = "a day such as 2026-12-24, or FROM..TO"
FORMS = f"a country such as DE, a part of one such as DE-BY, {DAYS}"


def name_of_special(entries: Iterable[str], day: date) -> str | None:
    """Why a day is special: a holiday's name, or the entry that covers it. None: it is not.

    Raises ValueError for an entry that is none of FORMS.
    """
    for entry in entries:
        if entry[:1].isdigit():
            first, last = first_and_last(entry)
            if first <= day <= last:
                return entry
        elif name := calendar_of(entry).get(day):
            return str(name)
    return None


def first_and_last(days: str) -> tuple[date, date]:
    """The ends of days as people type them. Raises ValueError for what is not DAYS."""
    first, dots, last = days.partition("..")
    try:
        ends = date.fromisoformat(first), date.fromisoformat(last if dots else first)
    except ValueError:
        raise ValueError(f"{days!r} is not {DAYS}") from None
    if ends[1] < ends[0]:
        raise ValueError(f"{days!r} ends before it begins")
    return ends


@lru_cache
def calendar_of(entry: str) -> "HolidayBase":
    """The public holidays of a country, or of a part of it."""
    from holidays import country_holidays  # not before a calendar is asked for

    country, _, part = entry.partition("-")
    try:
        return country_holidays(country, subdiv=part or None, language="en_US")
    except NotImplementedError:
        raise ValueError(f"{entry!r} is not {FORMS}") from None


# --- settings -------------------------------------------------------------------------------------

LEAST_READ = 50  # rows: the least that a signal says anything of
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class TrafficParams(Settings):
    """Section `monitoring.traffic`."""

    # A folder, or the URL of one on an object store; below it is a folder for each UTC day.
    folder: str = "datasets/traffic"
    redact: bool = True  # whether personal data is taken out on the way in
    keep_days: int = Field(default=90, ge=1)  # after that, a day's traffic is deleted


class DriftParams(Settings):
    """Section `monitoring.drift`."""

    # At most, in expectation, over all signals and nights. An unlucky reference has its false
    # alarms together: half of what one can bear leaves room for that.
    false_alarms_per_year: float = Field(default=0.5, gt=0)
    # Nights that are pooled, the last of them tonight: many find what is slow, one what is sudden.
    windows: tuple[int, ...] = (1, 2, 7, 28)
    minimum_effect: float = Field(default=0.02, ge=0, lt=1)  # the share of traffic that must move
    # Where the reference comes from when a version becomes champion: the traffic before that, the
    # dataset that it was tuned on, or the dataset if there was no traffic at all.
    reference: Literal["auto", "traffic", "dataset"] = "auto"
    reference_rows: int = Field(default=10_000, ge=200)  # a sample, one of a user's day
    minimum_reference: int = Field(default=400, ge=100)  # rows; with fewer there is none yet
    # Days that are not like the others, until the reference has a whole week.
    weekend: tuple[Weekday, ...] = ("sat", "sun")
    # Days that are compared with nothing: the public holidays of a country (DE) or of a part of it
    # (DE-BY), a day, or FROM..TO.
    special_days: tuple[str, ...] = ()
    # Read by the champion each night: 50 or more, for fewer say nothing; 0: none.
    perplexity_rows: int = Field(default=200, ge=0)
    ask_again: bool = True  # whether a hosted champion is asked some dev questions each night

    @field_validator("perplexity_rows")
    @classmethod
    def they_are_enough_to_compare(cls, rows: int) -> int:
        if 0 < rows < LEAST_READ:
            raise ValueError(
                f"must be 0 or at least {LEAST_READ}: a signal compares no fewer users, so {rows} "
                "rows would be read each night for nothing"
            )
        return rows

    @field_validator("special_days")
    @classmethod
    def each_is_a_day_or_a_country(cls, entries: tuple[str, ...]) -> tuple[str, ...]:
        for entry in entries:
            name_of_special([entry], date.min)
        return entries

    @model_validator(mode="after")
    def windows_grow(self) -> Self:
        if list(self.windows) != sorted(set(self.windows)) or self.windows[:1] != (1,):
            raise ValueError("windows must grow, from 1 on")
        return self


class TriggerParams(Settings):
    """Section `monitoring.trigger`: when a confirmed drift starts a retrain."""

    confirm_nights: int = Field(default=2, ge=1)  # nights of drift in a row that confirm it
    cooldown_days: int = Field(default=7, ge=0)  # after a retrain
    retrains_per_month: int = Field(default=4, ge=0)  # in any 30 days
    minimum_labels: int = Field(default=50, ge=1)  # accepted rows on the drifted topics, new ones
    # Users, as the traffic names them, whose corrections a retrain accepts by itself; those of all
    # others wait until a person accepts them.
    trusted: tuple[str, ...] = ()
    retrain_hours: float = Field(default=12.0, gt=0)  # a longer one is ended, and not tried again
    # A retrain first compares its recipe with the champion's, as `incumbent run --quick` does, and
    # ends there where it is clearly worse.
    quick: bool = False
    promote: Literal["policy", "review"] = "policy"  # whether a winner is promoted by itself


def quarantine_folder() -> Path:
    """Where what is no traffic is listed, a file for each day."""
    return home() / "monitoring" / "quarantine"
