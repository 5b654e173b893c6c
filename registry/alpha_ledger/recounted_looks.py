"""Every look counted again from the events alone, in a ledger that is made for it."""

from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import Connection, Row, create_engine, delete, insert

from project.errors import IncumbentError
from project.records.events import Event, LookTaken, Promotion, Rollback
from registry.alpha_ledger.looks import champion_looks, record_look, sets_since_rotation
from registry.alpha_ledger.spending import next_look
from registry.state import CHAMPION
from registry.storage.event_chain import event_of
from registry.storage.tables import aliases, events, looks, metadata

# What the count of looks depends on.
COUNTED = ("open", "promote", "rollback", "rotate", "adopt")


def miscounted_looks(rows: Iterable[Row[Any]]) -> Iterator[str]:
    """The looks whose number or level is not what the events before them come to; `rows` are the
    events as they are stored, oldest first.
    """
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
    elif isinstance(event.detail, Promotion | Rollback):
        own = {"family": event.family, "name": CHAMPION}
        scratch.execute(delete(aliases).filter_by(**own))
        scratch.execute(insert(aliases).values(**own, number=event.version))
    scratch.execute(insert(events).values(**row._mapping))


def miscounted(scratch: Connection, event: Event, look: LookTaken) -> str | None:
    related = {look.eval_set, *look.continues}
    if missing := set(sets_since_rotation(scratch, event.family)) - related:
        return f"its look was counted as if {len(missing)} eval sets before it were none of its own"
    least = float(look.asked)
    fresh = next_look(champion_looks(scratch, event.family, related), look.champion, least)
    # A policy that asks for more than an earlier one is held to that one's alpha.
    allowed = {(one.number, repr(one.budget)) for one in (fresh, fresh.at_most(least))}
    if (look.opening, look.budget) in allowed:
        return None
    return (
        f"it was counted as look {look.opening} with a budget of {look.budget}; by the events "
        f"before it, it is look {fresh.number} with {fresh.budget:g}"
    )
