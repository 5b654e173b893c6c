"""How all families of a registry stand, those first that need a person."""

from datetime import datetime
from typing import Literal

from monitoring.duties import RANK, Duty, family_duties, ranked
from monitoring.night_history import (
    last_nights,
)
from monitoring.scheduling.heartbeats import Heartbeat, living
from monitoring.scheduling.retrain_slots import Retrains, retrains
from project.records.drift import DriftState, DriftVerdict
from project.records.record import Record
from registry.reader import RegistryReader

REVIEWS = 3  # versions of a family that are looked at: which of them can still be promoted
NIGHTS = 2  # that are looked at: the newest may have come to no verdict yet


class FamilyLine(Record):
    """One family. Times are RFC 3339, UTC."""

    family: str
    champion: int | None
    since: str | None  # when it became champion
    night: str | None  # the date of the last one
    verdict: DriftVerdict | None
    state: DriftState | None
    retrain: Literal["running", "waiting"] | None
    retrain_since: str | None
    used: int  # retrains that began within 7 days
    quota: int | None  # None: no scheduler for many projects keeps it to one
    needs: tuple[Duty, ...]  # the most urgent first

    @property
    def urgency(self) -> int:
        """Less is more urgent."""
        return self.needs[0].rank if self.needs else len(RANK)

    def without_details(self) -> "FamilyLine":
        """The line as those may see it who have nothing to do with the family."""
        needs = tuple(need.model_copy(update={"detail": None}) for need in self.needs)
        return self.model_copy(update={"needs": needs})


class Overview(Record):
    """All families of a registry."""

    families: tuple[FamilyLine, ...]
    at_once: int | None  # retrains of all of them, as the schedulers have it
    schedulers: tuple[Heartbeat, ...]


def family_overview(reader: RegistryReader, now: datetime) -> Overview:
    """Raises IncumbentError where the database cannot be read or a record was changed."""
    known, beats = retrains(reader.engine, now), living(reader.engine)
    fresh = [one for one in reversed(beats) if one.is_fresh(now)]
    quotas = {family: quota for one in fresh for family, quota in (one.quotas or {}).items()}
    lines = [family_line(one, known, quotas.get(one.family)) for one in reader.families()]
    limits = [one.at_once for one in fresh if one.at_once is not None]
    return Overview(
        families=tuple(sorted(lines, key=lambda line: (line.urgency, line.family))),
        at_once=limits[-1] if limits else None,
        schedulers=beats,
    )


def family_line(reader: RegistryReader, known: Retrains, quota: int | None) -> FamilyLine:
    family, champion = reader.family, reader.champion()
    gained, _ = reader.tenure(champion.number) if champion else (None, None)
    kept = last_nights(reader.engine, family, NIGHTS)
    night = next((night for one in kept if (night := one.verdict)), None)
    running, waiting = known.running.get(family), known.waiting.get(family)
    # Why a version won may rest on votes that this family's people must not know of yet.
    duties = family_duties(reader, kept, REVIEWS, hides=lambda _: True)
    return FamilyLine(
        family=family,
        champion=champion.number if champion else None,
        since=gained.at if gained else None,
        night=night.date if night else None,
        verdict=night.verdict if night else None,
        state=night.state if night else None,
        retrain="running" if running else "waiting" if waiting else None,
        retrain_since=running or waiting,
        used=len(known.started.get(family, ())),
        quota=quota,
        needs=ranked(need for need in duties if need.kind != "older"),
    )
