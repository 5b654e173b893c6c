"""Whether the registry is what its events say, byte for byte."""

from collections.abc import Iterator

from sqlalchemy import Connection, select

from registry.canonical import digest_bytes
from registry.chain import broken_links, stored
from registry.errors import IncumbentError
from registry.records import AdapterVersion, Digest, Event
from registry.state import State, fold
from registry.store import Registry
from registry.tables import versions

# What an event names that is kept for ever; only the files of a version go when it is deleted.
KEPT = (
    "dataset",
    "records",
    "statement",
    "signature",
    "eval_set",
    "evidence",
    "policy",
    "decision",
)


def problems(registry: Registry) -> Iterator[str]:
    """All that does not hold: the chain, the tables against it, and the artifacts' bytes."""
    with registry.engine.connect() as connection:
        broken = list(broken_links(stored(connection)))
    yield from broken
    try:
        history = registry.history()
    except IncumbentError:
        return  # an event that cannot be read has been told of
    state = fold(history)
    if state.aliases != registry.aliases():
        yield f"the events say {state.aliases}, the aliases are {registry.aliases()}"
    with registry.engine.connect() as connection:
        changed = list(changed_versions(connection, registry.family, state))
    yield from changed
    yield from damaged_records(registry, history)
    if not changed:
        for version in registry.versions():
            yield from damaged_files(registry, version)


def changed_versions(connection: Connection, family: str, state: State) -> Iterator[str]:
    query = select(versions).where(versions.c.family == family)
    rows = {row.number: row for row in connection.execute(query)}
    for number in sorted(state.versions.keys() | rows.keys()):
        row = rows.get(number)
        if row is None or digest_bytes(row.record.encode()) != state.versions.get(number):
            yield f"version {number} is not what was submitted"
        elif AdapterVersion.model_validate_json(row.record).adapter.files != row.adapter:
            yield f"version {number} stands beside another adapter than its own"
        elif row.deleted != (number in state.deleted):
            yield f"version {number} was deleted or not, and the events say the contrary"


def damaged_records(registry: Registry, history: list[Event]) -> Iterator[str]:
    """What is wrong with the records that the events name, each told of once."""
    seen: set[Digest] = set()
    for event in history:
        for digest in kept(event):
            if digest not in seen:
                seen.add(digest)
                try:
                    registry.artifacts.get(digest)
                except IncumbentError as error:
                    yield f"version {event.version}, event {event.seq}: {error}"


def kept(event: Event) -> Iterator[Digest]:
    """The artifacts that an event names and that must always be there."""
    for key in KEPT:
        value = event.detail.get(key)
        if isinstance(value, tuple):
            yield from value
        elif value is not None:
            yield str(value)


def damaged_files(registry: Registry, version: AdapterVersion) -> Iterator[str]:
    """What is wrong with a version's adapter."""
    try:
        registry.artifacts.verify_folder(version.adapter.files)
    except IncumbentError as error:
        yield f"version {version.number}: {error}"
