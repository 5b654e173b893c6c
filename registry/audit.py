"""Whether the registry is what its events say, byte for byte."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from sqlalchemy import (
    Connection,
    Row,
    create_engine,
    delete,
    func,
    insert,
    inspect,
    select,
    text,
)

from project.canonical import digest_bytes
from project.errors import IncumbentError
from project.records.adapters import AdapterVersion
from project.records.data import counted
from project.records.events import (
    DecisionMade,
    Event,
    LookTaken,
    Promotion,
    Rollback,
    RowErasure,
    Withdrawal,
)
from project.records.evidence import Decision, Evidence, Verdict
from project.records.record import Digest, short
from registry.alpha_ledger.look_bytes import bound_bytes
from registry.alpha_ledger.looks import (
    alike,
    champion_looks,
    identities,
    measurement,
    record_look,
    row_of,
    sets_since_rotation,
)
from registry.alpha_ledger.spending import next_look
from registry.storage.artifact_store import Artifacts, MissingArtifactError
from registry.storage.tables import (
    aliases,
    broken_links,
    event_of,
    events,
    look_bytes,
    looks,
    metadata,
    runs,
    stored,
    versions,
)
from registry.store import Registry
from registry.tenure import CHAMPION, MOVES, State, fold

RESTORE = "`incumbent registry restore` fills an empty database from a backup"


def problems(registry: Registry) -> Iterator[str]:
    """All that does not hold in the whole database: chain, tables, and the artifacts' bytes."""
    with registry.engine.connect() as connection:
        if lost(connection) and (artifacts := sum(1 for _ in registry.artifacts.digests())):
            yield (
                f"the database is empty, though {counted(artifacts, 'artifact')} lie beside it: "
                f"it was lost; {RESTORE}"
            )
        broken = list(broken_links(stored(connection)))
        history = list(unchanged(stored(connection)))
    gone = erased(history)
    yield from broken
    for family in registry.families():
        of_family = [event for event in history if event.family == family.family]
        yield from problems_of(family, of_family, gone)
    with registry.engine.connect() as connection:
        unlike = [
            *damaged_database(connection),
            *changed_looks(connection, history),
            *miscounted_looks(stored(connection)),
        ]
        known = list(readable_versions(connection))
        query = select(look_bytes.c.name, look_bytes.c.digest).order_by(look_bytes.c.name)
        measured = [(row.name, row.digest) for row in connection.execute(query)]
    yield from unlike
    yield from changed_measurements(registry.artifacts, measured)
    yield from unpaid_decisions(registry.artifacts, history, known)


def refuse_missing_tables(registry: Registry) -> None:
    """Raise IncumbentError where the database lacks a table: nothing can be checked then."""
    if missing := sorted(metadata.tables.keys() - set(inspect(registry.engine).get_table_names())):
        raise IncumbentError(f"the database has no table {', '.join(missing)}: {RESTORE}")


def lost(connection: Connection) -> bool:
    """Whether nothing ever happened by the tables: no event, and no run of a job."""
    first = (connection.execute(select(table.c[0]).limit(1)).first() for table in (events, runs))
    return not any(first)


def readable_versions(connection: Connection) -> Iterator[AdapterVersion]:
    for record in connection.execute(select(versions.c.record)).scalars():
        with suppress(ValueError):  # told already
            yield AdapterVersion.model_validate_json(record)


def damaged_database(connection: Connection) -> Iterator[str]:
    """What SQLite finds wrong with its file; PostgreSQL looks after its own pages."""
    if connection.dialect.name == "sqlite":
        for fault in connection.execute(text("PRAGMA integrity_check")).scalars():
            if fault != "ok":
                yield f"the database's file is damaged: {fault}"


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
            f"by its events {registry.family} has {named_versions(state.aliases)}, by the table "
            f"of aliases {named_versions(registry.aliases())}"
        )
    with registry.engine.connect() as connection:
        changed = list(changed_versions(connection, registry.family, state))
    yield from changed
    yield from damaged_records(registry, history, gone)
    if not changed:
        for version in registry.versions():
            yield from damaged_files(registry, version)


def named_versions(aliases: Mapping[str, int]) -> str:
    return ", ".join(f"{name} v{number}" for name, number in sorted(aliases.items())) or "no alias"


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


# --- looks ----------------------------------------------------------------------------------------


def changed_looks(connection: Connection, history: Collection[Event]) -> Iterator[str]:
    """What is wrong with the rows of the ledger."""
    recorded = {event.seq: event for event in history if isinstance(event.detail, LookTaken)}
    ledger = {row.event: row._mapping for row in connection.execute(select(looks))}
    for seq in sorted(recorded.keys() | ledger.keys()):
        if seq not in recorded:
            yield f"the look of event {seq} is in the ledger, but no event records it"
        elif seq not in ledger:
            yield f"{look_named(recorded[seq])} is in the events, but no longer in the ledger"
        else:
            for name, value in row_of(recorded[seq]).items():
                if ledger[seq][name] != value:
                    yield (
                        f"{look_named(recorded[seq])} has {name} {ledger[seq][name]}, but the "
                        f"events say {value}"
                    )
    for event in history:
        match event.detail:
            case DecisionMade(look=int(look), bound=str(bound)) if bound != bound_bytes(
                connection, look
            ):
                yield (
                    f"{event.family} v{event.version}, event {event.seq}: what was answered and "
                    f"judged at the look of event {look} is not what the decision rests on"
                )


def changed_measurements(
    artifacts: Artifacts, measured: Iterable[tuple[str, Digest]]
) -> Iterator[str]:
    """The kept answers and judgements of looks whose bytes are others. Those of a decided look may
    have gone: its evidence stays.
    """
    for name, digest in measured:
        try:
            artifacts.get(digest)
        except MissingArtifactError:
            continue
        except IncumbentError as error:
            yield f"{name}: {error}"


def look_named(event: Event) -> str:
    look = event.told(LookTaken)
    return (
        f"the look at eval set {short(look.eval_set)}, {short(look.challenger)} against "
        f"{short(look.champion)} (event {event.seq}),"
    )


def unpaid_decisions(
    artifacts: Artifacts, history: Iterable[Event], versions: Iterable[AdapterVersion] = ()
) -> Iterator[str]:
    """The decisions that were not made at the look that was counted for them, on a second
    measurement at it, or against a champion that answers otherwise than its version; and the
    promotions that rest on no decision to promote.
    """
    by_files = {version.adapter.files: version for version in versions}
    taken: list[Event] = []
    decided: set[tuple[str, int, Digest]] = set()
    measured: dict[int, Evidence] = {}
    for event in history:
        problem = None
        # What cannot be read is reported already.
        with suppress(IncumbentError):
            match event.detail:
                case LookTaken():
                    taken.append(event)
                case DecisionMade() as made:
                    decided.add((event.family, event.version, made.decision))
                    decision = artifacts.get_record(Decision, made.decision)
                    problem = unpaid(made, decision, taken)
                    problem = problem or unlike_champion(decision, by_files)
                    if made.look is not None and not problem:
                        evidence = artifacts.get_record(Evidence, made.evidence)
                        first = measured.setdefault(made.look, evidence)
                        if first.without_votes != evidence.without_votes:
                            problem = "it rests on a second measurement at its look"
                case Promotion() as promotion:
                    problem = unearned(artifacts, event, promotion, decided)
        if problem:
            yield f"{event.family} v{event.version}, event {event.seq}: {problem}"


def unlike_champion(decision: Decision, versions: Mapping[Digest, AdapterVersion]) -> str | None:
    champion = decision.pins and versions.get(decision.pins.champion or "")
    if decision.pins and champion and not decision.pins.against(champion.adapter):
        return f"it was compared with {champion.label} on another base or under another prompt"
    return None


def unpaid(made: DecisionMade, decision: Decision, taken: list[Event]) -> str | None:
    if decision.opening is None:
        return "it promotes without a look" if decision.verdict is Verdict.PROMOTE else None
    fitting = [look for look in taken if fits(look, made, decision)]
    if any(look.told(LookTaken).opening == decision.opening for look in fitting):
        return None
    counted = ", ".join(str(look.told(LookTaken).opening) for look in fitting) or "none"
    return f"it was made at look {decision.opening}, and the look that was counted is {counted}"


def unearned(
    artifacts: Artifacts,
    event: Event,
    promotion: Promotion,
    decided: set[tuple[str, int, Digest]],
) -> str | None:
    if promotion.forced:
        return None
    named = promotion.decision
    if named is None or (event.family, event.version, named) not in decided:
        return "it promotes, not by force, and names no decision on this version"
    decision = artifacts.get_record(Decision, named)
    if decision.verdict is not Verdict.PROMOTE:
        return f"it promotes, not by force, on a decision that says {decision.verdict}"
    return None


def fits(look: Event, made: DecisionMade, decision: Decision) -> bool:
    detail = look.told(LookTaken)
    if decision.pins is None:
        return False
    return (
        look.seq == made.look
        and measurement(detail) == measurement(decision.pins)
        and alike(detail.contestants, identities(decision.pins))
        and (detail.policy, float(detail.budget)) == (decision.policy, decision.budget)
    )


# --- recounted looks ------------------------------------------------------------------------------

# Every look counted again from the events alone, in a ledger that is made for it.

# What the count of looks depends on.
COUNTED = ("open", *MOVES, "rotate", "adopt")


def miscounted_looks(rows: Iterable[Row[Any]]) -> Iterator[str]:
    """The looks whose number or level the events before them do not give; oldest rows first."""
    engine = create_engine("sqlite://")
    try:
        with engine.connect() as scratch:
            metadata.create_all(scratch, tables=[events, looks, aliases])
            for row in rows:
                if row.kind in COUNTED:
                    yield from counted_again(scratch, row)
    finally:
        engine.dispose()


def counted_again(scratch: Connection, row: Row[Any]) -> Iterator[str]:
    """What is wrong with one event's count; then it is taken into the ledger."""
    try:
        event = event_of(row)
    except IncumbentError:  # told already
        return
    if isinstance(event.detail, LookTaken):
        if problem := miscounted(scratch, event, event.detail):
            yield f"{event.family} v{event.version}, event {event.seq}: {problem}"
        record_look(scratch, event)
    elif isinstance(event.detail, Promotion | Rollback | Withdrawal):
        alias = {"family": event.family, "name": CHAMPION}
        scratch.execute(delete(aliases).filter_by(**alias))
        if not isinstance(event.detail, Withdrawal):
            scratch.execute(insert(aliases).values(**alias, number=event.version))
    scratch.execute(insert(events).values(**row._mapping))


def miscounted(scratch: Connection, event: Event, look: LookTaken) -> str | None:
    related = {look.eval_set, *look.continues}
    if missing := set(sets_since_rotation(scratch, event.family)) - related:
        return f"its look was counted as if {len(missing)} eval sets before it were none of its own"
    least = float(look.asked)
    fresh = next_look(champion_looks(scratch, event.family, related), look.champion, least)
    # A policy that asks for more than an earlier one is held to that one's alpha.
    allowed = {(option.number, repr(option.budget)) for option in (fresh, fresh.at_most(least))}
    if (look.opening, look.budget) in allowed:
        return None
    return (
        f"it was counted as look {look.opening} with a budget of {look.budget}; by the events "
        f"before it, it is look {fresh.number} with {fresh.budget:g}"
    )
