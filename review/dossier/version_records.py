"""All records that a dossier is written from, read once."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from monitoring.night_history import nights_before
from project.errors import IncumbentError
from project.records.drift import Night
from project.records.events import BallotCast, BallotWithdrawn, Event
from registry.experiment_events import experiments
from registry.lineage import Lineage, trace
from registry.overview.version_search import VersionFilter, VersionStanding, search
from registry.reader import RegistryReader
from registry.store import Registry
from review.data_pages.version_traffic import ExperimentView, VersionTraffic, version_traffic, view
from review.voting.blinding import submitted_by_actor, traced

INVENTORY = 50  # versions


@dataclass(frozen=True)
class VersionRecords:
    """What is stored about a version, and about its family where a dossier tells of it."""

    reader: RegistryReader
    lineage: Lineage
    before: Lineage | None  # whom it was compared with; None: the bare base, or nobody
    policy: Mapping[str, Any]  # of the newest decision, as it was stored; empty: none was made
    tenure: tuple[Event | None, Event | None]  # when it became champion, and ceased to be it
    nights: Sequence[Night]  # that watched it, the oldest first
    traffic: VersionTraffic | None  # None: no gateway told of the family, nobody tried it
    experiments_beside: Sequence[ExperimentView]  # in which it was the champion, the newest first
    # That were cast on its answers and not taken back; None: not for the eyes of who votes, nor
    # with four eyes of who submitted it.
    ballots: Sequence[Event] | None
    inventory: Sequence[VersionStanding]  # the newest versions of the family, the newest first
    findings: Sequence[str]  # of the last check of all records


def read_records(
    registry: Registry, number: int, findings: Sequence[str], *, blind: bool
) -> VersionRecords:
    """Raises InputError for no such version, IncumbentError for a record missing or damaged."""
    lineage = traced(registry, number, blind=blind)
    no_votes = blind or submitted_by_actor(registry, number)
    return VersionRecords(
        reader=registry,
        lineage=lineage,
        before=opponent_of(registry, lineage),
        policy=policy_of(registry, lineage),
        tenure=registry.tenure(number),
        nights=[
            n
            for n in nights_before(registry.engine, registry.family, date.max)
            if n.champion == number
        ],
        traffic=version_traffic(registry, number),
        experiments_beside=experiments_beside(registry, number),
        ballots=None if no_votes else standing_ballots(registry, number),
        inventory=search(registry, VersionFilter(deleted=False), limit=INVENTORY).versions,
        findings=findings,
    )


def opponent_of(reader: RegistryReader, lineage: Lineage) -> Lineage | None:
    """Whom the newest decision compared it with; else whom it displaced."""
    known = lineage.opponent.version if lineage.opponent else None
    try:
        return trace(reader, known) if known else None
    except IncumbentError:  # its records were erased since: the changes are then not known
        return None


def policy_of(reader: RegistryReader, lineage: Lineage) -> Mapping[str, Any]:
    if lineage.decision is None:
        return {}
    found: Mapping[str, Any] = json.loads(reader.artifacts.get(lineage.decision.policy))
    return found


def experiments_beside(reader: RegistryReader, number: int) -> list[ExperimentView]:
    return [view(reader, one) for one in experiments(reader) if one.told.champion == number]


def standing_ballots(reader: RegistryReader, number: int) -> list[Event]:
    taken_back = {
        event.told(BallotWithdrawn).ballot for event in reader.history(number, kind="unvote")
    }
    cast = reader.history(number, kind="vote")
    return [e for e in cast if e.seq not in taken_back and not e.told(BallotCast).repeat]
