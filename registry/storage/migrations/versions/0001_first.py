"""The first schema: versions, aliases, looks at sealed eval sets, and the chain of events.

A migration spells its tables out: registry/storage/tables.py goes on changing, and it does not.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "versions",
        sa.Column("family", sa.String(63), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("adapter", sa.String(64), nullable=False),
        sa.Column("record", sa.Text, nullable=False),
        sa.Column("deleted", sa.Boolean, nullable=False),
        sa.UniqueConstraint("family", "adapter"),
    )
    op.create_table(
        "aliases",
        sa.Column("family", sa.String(63), primary_key=True),
        sa.Column("name", sa.String(63), primary_key=True),
        sa.Column("number", sa.Integer, nullable=False),
        sa.ForeignKeyConstraint(["family", "number"], ["versions.family", "versions.number"]),
    )
    op.create_table(
        "openings",
        sa.Column("eval_set", sa.String(64), primary_key=True),
        sa.Column("champion", sa.String(64), primary_key=True),
        sa.Column("challenger", sa.String(64), primary_key=True),
        sa.Column("opening", sa.Integer, nullable=False),
        sa.Column("budget", sa.Float, nullable=False),
        sa.Column("alpha", sa.Float, nullable=False),
        sa.Column("promoted", sa.Boolean, nullable=False),
    )
    op.create_table(
        "events",
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("family", sa.String(63), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("record", sa.Text, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False, unique=True),
        sa.Index("ix_events_kind", "family", "kind", "seq"),
        sa.Index("ix_events_number", "family", "number", "kind", "seq"),
    )
