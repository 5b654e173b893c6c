"""Quality over time: what each promotion was better by, with its interval."""

import json
from collections.abc import Sequence

from project.errors import IncumbentError
from project.records.events import Event, Promotion
from project.records.evidence import Evidence, Measured
from project.records.record import Digest, Record
from registry.overview.champion_history import displaced_by, move_count, newest_moves
from registry.reader import RegistryReader
from registry.storage.database import reading
from review.frame.difference import Difference, central
from review.home.champion_card import How, how_moved

SHOWN = 20  # promotions and rollbacks


class Step(Record):
    """One change of the champion, and what was measured for it."""

    version: int
    displaced: int | None
    at: str
    by: str
    how: How
    reason: str
    differences: dict[str, Difference]  # by metric, on the sealed eval set
    problem: str | None  # why there are none, where there should be


class Quality(Record):
    """The newest changes of the champion, oldest first, and the metrics that gate."""

    total: int
    metrics: tuple[str, ...]
    steps: tuple[Step, ...]


def quality(reader: RegistryReader, limit: int = SHOWN) -> Quality:
    """Raises IncumbentError for an event that was changed. Evidence that cannot be read is a step
    with a problem.
    """
    with reading(reader.engine) as connection:
        moves = newest_moves(connection, reader.family, limit)
        total = move_count(connection, reader.family)
    steps = [step(reader, move) for move in reversed(moves)]
    return Quality(total=total, metrics=metrics(reader, moves, steps), steps=tuple(steps))


def step(reader: RegistryReader, move: Event) -> Step:
    measured: Measured = {}
    problem = None
    if isinstance(move.detail, Promotion) and move.detail.evidence:
        try:
            measured = reader.artifacts.get_record(Evidence, move.detail.evidence).sealed
        except IncumbentError as error:
            problem = str(error)
    return Step(
        version=move.version,
        displaced=displaced_by(move),
        at=move.at,
        by=move.actor,
        how=how_moved(move),
        reason=move.reason,
        differences=differences(measured),
        problem=problem,
    )


def differences(measured: Measured) -> dict[str, Difference]:
    return {metric: central(found) for metric, found in measured.items()}


def metrics(
    reader: RegistryReader, moves: Sequence[Event], steps: Sequence[Step]
) -> tuple[str, ...]:
    """Those that gated the newest promotion; all that were measured where no policy says it."""
    measured = dict.fromkeys(metric for one in steps for metric in one.differences)
    decisions = (m.detail.decision for m in moves if isinstance(m.detail, Promotion))
    newest = next(filter(None, decisions), None)
    gating = gated_by(reader, newest) if newest else ()
    return tuple(metric for metric in gating if metric in measured) or tuple(measured)


def gated_by(reader: RegistryReader, decision: Digest) -> tuple[str, ...]:
    """The metrics that gate under a decision's policy; none where it cannot be read."""
    try:
        policy = json.loads(reader.artifacts.get(decision))["policy"]
        return tuple(json.loads(reader.artifacts.get(policy)).get("gating", ()))
    except IncumbentError:
        return ()
