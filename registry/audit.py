"""Whether the registry is what its events say, byte for byte."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

from sqlalchemy import Connection, Row, func, select, text

from project.canonical import digest_bytes
from project.errors import IncumbentError
from project.records.adapters import AdapterVersion
from project.records.events import Event, RowErasure
from project.records.record import Digest
from registry.alpha_ledger.looks_audit import changed_looks, miscounted_looks, unpaid_decisions
from registry.storage.tables import broken_links, event_of, events, stored, versions
from registry.store import Registry
from registry.tenure import State, fold


def problems(registry: Registry) -> Iterator[str]:
    """All that does not hold in the whole database: chain, tables, and the artifacts' bytes."""
    with registry.engine.connect() as connection:
        broken = list(broken_links(stored(connection)))
        history = list(unchanged(stored(connection)))
    gone = erased(history)
    yield from broken
    for family in registry.families():
        own = [event for event in history if event.family == family.family]
        yield from problems_of(family, own, gone)
    with registry.engine.connect() as connection:
        unlike = [
            *damaged_database(connection),
            *changed_looks(connection, history),
            *miscounted_looks(stored(connection)),
        ]
        known = list(readable_versions(connection))
    yield from unlike
    yield from unpaid_decisions(registry.artifacts, history, known)


def readable_versions(connection: Connection) -> Iterator[AdapterVersion]:
    for record in connection.execute(select(versions.c.record)).scalars():
        with suppress(ValueError):  # told already
            yield AdapterVersion.model_validate_json(record)


def damaged_database(connection: Connection) -> Iterator[str]:
    """What SQLite finds wrong with its file; PostgreSQL looks after its own pages."""
    if connection.dialect.name == "sqlite":
        for found in connection.execute(text("PRAGMA integrity_check")).scalars():
            if found != "ok":
                yield f"the database's file is damaged: {found}"


def events_and_versions(registry: Registry) -> tuple[int, int]:
    """How many events there are, and versions that were not deleted, in all families."""
    living = select(func.count()).select_from(versions).where(versions.c.deleted.is_(False))
    with registry.engine.connect() as connection:
        all_events = connection.execute(select(func.count()).select_from(events)).scalar_one()
        return all_events, connection.execute(living).scalar_one()


def unchanged(rows: Iterable[Row[Any]]) -> Iterator[Event]:
    """The events that are as they were written; the others are reported already."""
    for row in rows:
        with suppress(IncumbentError):
            yield event_of(row)


def problems_of(registry: Registry, history: list[Event], gone: set[Digest]) -> Iterator[str]:
    """What does not hold in one family; `gone` are artifacts that nobody misses."""
    state = fold(history)
    if state.aliases != registry.aliases():
        yield (
            f"the events of {registry.family} say {state.aliases}, the aliases are "
            f"{registry.aliases()}"
        )
    with registry.engine.connect() as connection:
        changed = list(changed_versions(connection, registry.family, state))
    yield from changed
    yield from damaged_records(registry, history, gone)
    if not changed:
        for version in registry.versions():
            yield from damaged_files(registry, version)


def changed_versions(connection: Connection, family: str, state: State) -> Iterator[str]:
    query = select(versions).where(versions.c.family == family)
    rows = {row.number: row for row in connection.execute(query)}
    for number in sorted(state.versions.keys() | rows.keys()):
        row, label = rows.get(number), f"{family} v{number}"
        if row is None or digest_bytes(row.record.encode()) != state.versions.get(number):
            yield f"{label} is not what was submitted"
        elif AdapterVersion.model_validate_json(row.record).adapter.files != row.adapter:
            yield f"{label} stands beside another adapter than its own"
        elif row.deleted != (number in state.deleted):
            yield f"{label} was deleted or not, and the events say the contrary"


def damaged_records(registry: Registry, history: list[Event], gone: set[Digest]) -> Iterator[str]:
    """What is wrong with the records that the events name, each reported once."""
    seen = set(gone)
    for event in history:
        for digest in event.detail.kept():
            if digest not in seen:
                seen.add(digest)
                try:
                    registry.artifacts.get(digest)
                except IncumbentError as error:
                    yield f"{event.family} v{event.version}, event {event.seq}: {error}"


def erased(history: Iterable[Event]) -> set[Digest]:
    """The artifacts that were deleted because they told of rows that a person had erased."""
    details = (event.detail for event in history)
    return {
        digest
        for detail in details
        if isinstance(detail, RowErasure)
        for digest in detail.artifacts
    }


def damaged_files(registry: Registry, version: AdapterVersion) -> Iterator[str]:
    """What is wrong with a version's adapter."""
    try:
        for folder in version.adapter.folders:
            registry.artifacts.verify_folder(folder)
    except IncumbentError as error:
        yield f"{version.label}: {error}"
