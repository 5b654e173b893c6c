"""Whether the chain is still the one that its anchors saw."""

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection

from project.records.record import Record
from registry.anchoring.anchor import Anchor, FoundAnchor
from registry.reader import RegistryReader
from registry.registry_settings import Keys
from registry.signing.signatures import refuse_uncheckable
from registry.storage.database import reading
from registry.storage.event_chain import digest_at, tip


class AnchorReport(Record):
    """What the anchors say of the chain."""

    problems: tuple[str, ...]
    checked: int  # anchors
    newest: Anchor | None  # of those that the chain fits
    later: int  # events after it, which no anchor covers
    unsigned: int  # anchors
    cut_off: tuple[str, ...]  # lines that a crash left unfinished; they count for nothing


def check_anchors(reader: RegistryReader, found: Sequence[FoundAnchor]) -> AnchorReport:
    """Hold the chain against every anchor, oldest event first.

    The rest is for `registry.audit`: that the chain is unbroken up to each anchor's event. Raises
    InputError for settings that demand signatures and name no public key, or one that is none.
    """
    if found:
        refuse_uncheckable(reader.keys)
    kept = [(one.place, one.anchor) for one in found if one.anchor]
    kept.sort(key=lambda one: (one[1].seq, one[1].at))
    problems: list[str] = []
    newest: Anchor | None = None
    with reading(reader.engine) as connection:
        end, _ = tip(connection)
        for place, anchor in kept:
            about = list(problems_of(connection, anchor, end, newest, reader.keys))
            problems += [f"{place}: {problem}" for problem in about]
            newest = newest if about else anchor
    return AnchorReport(
        problems=tuple(problems),
        checked=len(kept),
        newest=newest,
        later=end - (newest.seq if newest else 0),
        unsigned=sum(anchor.signature is None for _, anchor in kept),
        cut_off=tuple(one.place for one in found if one.anchor is None),
    )


def problems_of(
    connection: Connection, anchor: Anchor, end: int, held: Anchor | None, keys: Keys
) -> Iterator[str]:
    """What does not fit one anchor; `held` is the newest one before it that the chain fits."""
    if problem := anchor.signature_problem(keys):
        yield problem
    other = end and digest_at(connection, 1) != anchor.first
    doubt = (
        "; event 1 is another one too, so the anchor may be of another registry" if other else ""
    )
    if anchor.seq > end:
        yield (
            f"the history was cut: event {anchor.seq} was the newest one at {anchor.at}, and now "
            f"the history ends with event {end}{doubt}"
        )
    elif digest_at(connection, anchor.seq) != anchor.event:
        yield f"the history was rewritten: {changed(anchor, held)}{doubt}"


def changed(anchor: Anchor, held: Anchor | None) -> str:
    """Which events may be other ones than at the time of an anchor that does not fit."""
    first = min(held.seq + 1, anchor.seq) if held else 1
    span = f"event {first}" if first == anchor.seq else f"one of the events {first} to {anchor.seq}"
    return f"{span} is another one than at {anchor.at}"
