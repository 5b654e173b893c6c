"""Looks by what was measured and under which policy, and no longer one for each pair for ever."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

LEVELS = ("opening", "budget", "alpha")


def upgrade() -> None:
    looks = op.create_table(
        "looks",
        sa.Column("event", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("eval_set", sa.String(64), nullable=False),
        sa.Column("champion", sa.String(64), nullable=False),
        sa.Column("challenger", sa.String(64), nullable=False),
        sa.Column("decoding", sa.String(64), nullable=False),
        sa.Column("scorers", sa.String(64), nullable=False),
        sa.Column("policy", sa.String(64)),
        sa.Column("numerics", sa.String(64)),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("budget", sa.Float, nullable=False),
        sa.Column("alpha", sa.Float, nullable=False),
        sa.Index("ix_looks_pair", "challenger", "champion"),
    )
    rows = taken(op.get_bind())
    if rows:
        op.bulk_insert(looks, rows)
    op.drop_table("openings")


def taken(connection: sa.Connection) -> list[dict[str, object]]:
    """The looks that the events tell of, each with the policy of the newest decision at it: the
    newest look of a version before a decision is the one that it was made at.
    """
    found: list[dict[str, object]] = []
    newest: dict[tuple[str, int], dict[str, object]] = {}
    query = "SELECT record FROM events WHERE kind IN ('open', 'decide') ORDER BY seq"
    for record in connection.execute(sa.text(query)).scalars():
        event = json.loads(record)
        detail, about = event["detail"], (event["family"], event["version"])
        if event["kind"] == "decide":
            if about in newest:
                newest[about]["policy"] = detail["policy"]
            continue
        look = {
            "event": event["seq"],
            "eval_set": detail["eval_set"],
            "champion": detail["champion"] or "",
            "challenger": detail["challenger"],
            "decoding": detail["decoding"],
            "scorers": detail["scorers"],
            "policy": None,
            "numerics": detail.get("numerics"),
            "number": detail["opening"],
        }
        levels = dict(zip(LEVELS, stored_levels(connection, look), strict=True))
        for name in ("budget", "alpha"):
            look[name] = float(detail[name]) if detail.get(name) else levels[name]
        found.append(look)
        newest[about] = look
    return found


def stored_levels(connection: sa.Connection, look: dict[str, object]) -> tuple[float, ...]:
    """What stood in the ledger, for the first events that did not say it; nothing is 0."""
    query = (
        "SELECT opening, budget, alpha FROM openings WHERE eval_set = :eval_set "
        "AND champion = :champion AND challenger = :challenger"
    )
    row = connection.execute(sa.text(query), look).first()
    return tuple(row) if row else (0.0, 0.0, 0.0)
