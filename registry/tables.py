"""The registry's tables: what a migration makes, and what the code reads and writes."""

from sqlalchemy import (
    Boolean,
    Column,
    Float,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData()

versions = Table(
    "versions",
    metadata,
    Column("family", String(63), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("adapter", String(64), nullable=False),  # digest of its files
    Column("record", Text, nullable=False),  # AdapterVersion, canonical JSON
    Column("deleted", Boolean, nullable=False, default=False),  # a tombstone keeps the record
    UniqueConstraint("family", "adapter"),
)

aliases = Table(
    "aliases",
    metadata,
    Column("family", String(63), primary_key=True),
    Column("name", String(63), primary_key=True),
    Column("number", Integer, nullable=False),
    ForeignKeyConstraint(["family", "number"], ["versions.family", "versions.number"]),
)

# Which look at an exam each pair was; the same pair again is the same look.
openings = Table(
    "openings",
    metadata,
    Column("eval_set", String(64), primary_key=True),
    Column("champion", String(64), primary_key=True),  # "" for the bare base
    Column("challenger", String(64), primary_key=True),
    Column("opening", Integer, nullable=False),
    Column("budget", Float, nullable=False),
    Column("alpha", Float, nullable=False),
    Column("promoted", Boolean, nullable=False, default=False),
)

events = Table(
    "events",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("family", String(63), nullable=False),
    Column("number", Integer, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("record", Text, nullable=False),  # Event, canonical JSON
    Column("digest", String(64), nullable=False, unique=True),
    Index("ix_events_kind", "family", "kind", "seq"),
    Index("ix_events_number", "family", "number", "kind", "seq"),
)
