"""Runs that happen once for each date, the schedulers' heartbeats, and notices to send."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "runs",
        sa.Column("job", sa.String(127), primary_key=True),
        sa.Column("date", sa.String(10), primary_key=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("holder", sa.String(255), nullable=False),
        sa.Column("fence", sa.Integer, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("since", sa.String(24), nullable=False),
        sa.Column("until", sa.String(24), nullable=False),
        sa.Column("started", sa.String(24), nullable=False),
        sa.Column("ended", sa.String(24)),
        sa.Column("record", sa.Text),
        sa.Column("problem", sa.Text),
    )
    op.create_table(
        "heartbeats",
        sa.Column("holder", sa.String(255), primary_key=True),
        sa.Column("record", sa.Text, nullable=False),
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("key", sa.String(255), nullable=False, unique=True),
        sa.Column("record", sa.Text, nullable=False),
        sa.Column("created", sa.String(24), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_try", sa.String(24)),
        sa.Column("delivered", sa.Text, nullable=False),
        sa.Column("sent_at", sa.String(24)),
        sa.Index("ix_outbox_sent_at", "sent_at"),
    )
