"""Each try to deliver a notice, and what came of it."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "deliveries",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("notice", sa.Integer, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("destination", sa.String(16), nullable=False),
        sa.Column("place", sa.String(255), nullable=False),
        sa.Column("at", sa.String(24), nullable=False),
        sa.Column("seconds", sa.Float, nullable=False),
        sa.Column("problem", sa.Text),
        sa.Index("ix_deliveries_notice", "notice"),
    )
