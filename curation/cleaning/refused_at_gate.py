"""Accepted rows that the gate would refuse are left out, so that it stays open for all others."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from curation.checks.waivers import Waivers
from curation.cleaning.conflicts import conflicting
from curation.cleaning.token_lengths import TokenLengths
from curation.curation_settings import CurateParams
from project.records.data import Row, Split

if TYPE_CHECKING:
    from curation.checks.refused_rows import Door


def accepted_of(rows: Iterable[Row], params: CurateParams, but: Collection[str] = ()) -> list[Row]:
    return [row for row in rows if row.source in params.accepted and row.id not in but]


def refused_alone(rows: Sequence[Row], lengths: TokenLengths, limit: int) -> dict[str, str]:
    """Of accepted rows, by id, why the gate would refuse one for what it says."""
    door = open_door() if rows else None
    if door is None:
        return {}
    long = [c.row for c in lengths.count(rows) if c.prompt + c.completion > limit]
    return door.alone(rows, too_long=long)


def refused_beside(
    parts: Mapping[Split, Sequence[Row]], params: CurateParams, fixed: Collection[str]
) -> dict[str, str]:
    """Of accepted rows, by id, why the gate would refuse one beside the others; items that are
    `fixed` stay.
    """
    every = [row for rows in parts.values() for row in rows]
    accepted = {row.id for row in accepted_of(every, params, fixed)}
    door = open_door() if accepted else None
    if door is None:
        return {}
    together = conflicting(every) if params.conflicts == "refuse" else []
    return door.beside(parts, accepted, {row.id for same in together for row in same})


def excused_leaks(rows: Iterable[Row], waivers: Waivers) -> frozenset[str]:
    """The ids of rows that a person lets stay though they ask what an item or a suite asks."""
    door = open_door() if waivers.waivers else None
    names = door.names("leak", "contaminated") if door else ()
    own = [waiver for waiver in waivers.waivers if waiver.check in names]
    return frozenset(row.id for row in rows if any(one.excuses(row.id) for one in own))


def open_door() -> "Door | None":
    # Imported here, for Great Expectations takes seconds, and few datasets have accepted rows.
    from curation.checks.refused_rows import Door

    return Door.here()
