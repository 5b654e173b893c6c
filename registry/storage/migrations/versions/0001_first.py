"""The first schema, as 0.1.0 has it.

A migration spells its tables out: registry/storage/tables.py goes on changing, and it does not.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    versions()
    looks()
    jobs()
    traffic()


def versions() -> None:
    """Versions, aliases, and the chain of events."""
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


def looks() -> None:
    """Looks at sealed eval sets, and what was answered and judged at each."""
    op.create_table(
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
    op.create_table(
        "look_bytes",
        sa.Column("look", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("name", sa.String(255), primary_key=True),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Index("ix_look_bytes_name", "name"),
    )


def jobs() -> None:
    """Runs that happen once for each date, the schedulers' heartbeats, and notices to send."""
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


def traffic() -> None:
    """What experiments are judged by, and where the folders lie that all machines work with."""
    op.create_table(
        "observations",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("experiment", sa.Integer, nullable=False),
        sa.Column("unit", sa.String(64), nullable=False),
        sa.Column("arm", sa.String(16), nullable=False),
        sa.Column("metric", sa.String(16), nullable=False),
        sa.Column("value", sa.Float, nullable=False),
        sa.Column("at", sa.String(40), nullable=False),
        sa.UniqueConstraint("experiment", "unit", "metric", "arm"),
        sa.Index("ix_observations_experiment", "experiment", "id"),
    )
    op.create_table(
        "places",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("family", sa.String(63), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("mark", sa.String(64), nullable=False),
        sa.Column("location", sa.Text, nullable=False),
        sa.Column("at", sa.String(24), nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Index("ix_places_family", "family", "kind", "id"),
    )
