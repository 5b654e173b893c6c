"""The rows of the ledger: every look at a sealed eval set, and what came of it."""

from typing import NamedTuple, Self

from sqlalchemy import ColumnElement, Connection, case, func, insert, select, update

from project.records.events import LookTaken
from project.records.record import Digest
from project.records.scores import Decision, EvalSet, ScorePins
from registry.alpha_ledger.spending import ChampionLooks, Look
from registry.artifacts.artifact_store import Artifacts
from registry.storage.tables import openings

FRESH_SHARE = 0.5  # an eval set that shares more of its items with an earlier one is not fresh


class Pair(NamedTuple):
    """What a row is about: two adapters at an eval set."""

    eval_set: Digest
    champion: Digest  # "" for the bare base
    challenger: Digest

    @classmethod
    def of(cls, pins: ScorePins | LookTaken) -> Self:
        return cls(pins.eval_set, pins.champion or "", pins.challenger)


def matching(pins: ScorePins) -> list[ColumnElement[bool]]:
    return [openings.c[name] == value for name, value in Pair.of(pins)._asdict().items()]


def find_look(connection: Connection, pins: ScorePins) -> Look | None:
    """The look that this pair has had at this eval set already."""
    query = select(openings.c.opening, openings.c.budget).where(*matching(pins))
    row = connection.execute(query).first()
    return Look(number=row.opening, budget=row.budget) if row else None


def record_look(connection: Connection, pins: ScorePins, look: Look, alpha: float) -> None:
    level = {"opening": look.number, "budget": look.budget, "alpha": look.level(alpha)}
    connection.execute(
        insert(openings).values(Pair.of(pins)._asdict() | level | {"promoted": False})
    )


def note_promotion(connection: Connection, decision: Decision, *, promoted: bool) -> None:
    """Keep whether the look of a decision came to a promotion that holds."""
    if decision.pins:
        look = update(openings).where(*matching(decision.pins))
        connection.execute(look.values(promoted=promoted))


def look_taken(pins: ScorePins, look: Look, alpha: float) -> LookTaken:
    """What the history says of a look."""
    return LookTaken(
        **pins.model_dump(exclude={"numerics"}),
        numerics=pins.numerics.digest if pins.numerics else None,
        opening=look.number,
        budget=repr(look.budget),
        alpha=repr(look.level(alpha)),
    )


def looks_at(
    connection: Connection, artifacts: Artifacts, eval_set: EvalSet
) -> list[ChampionLooks]:
    """All looks at this eval set and at those that it shares most items with, by champion."""
    spent = case((openings.c.promoted, 0.0), else_=openings.c.alpha)
    query = select(
        openings.c.eval_set,
        openings.c.champion,
        func.count().label("count"),
        func.sum(case((openings.c.promoted, 1), else_=0)).label("promoted"),
        func.sum(spent).label("spent"),
    ).group_by(openings.c.eval_set, openings.c.champion)
    found = connection.execute(query).all()
    kin = {
        digest: eval_set.shared(artifacts.get_record(EvalSet, digest)) > FRESH_SHARE
        for digest in {row.eval_set for row in found}
    }
    return [
        ChampionLooks(
            champion=row.champion or None,
            count=row[2],
            promoted=row.promoted,
            spent=row.spent,
        )
        for row in found
        if kin[row.eval_set]
    ]
