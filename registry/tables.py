"""The registry's tables, and connections to them that survive a crash at any instruction."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Engine,
    Float,
    ForeignKeyConstraint,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    create_engine,
    event,
    inspect,
)

BUSY_SECONDS = 30

metadata = MetaData()

versions = Table(
    "versions",
    metadata,
    Column("family", String(63), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("adapter", String(64), nullable=False),  # digest of its files
    Column("record", Text, nullable=False),  # AdapterVersion, canonical JSON
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
    Column("family", String(63), nullable=False, index=True),
    Column("number", Integer, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("record", Text, nullable=False),  # Event, canonical JSON
    Column("digest", String(64), nullable=False, unique=True),
)


def connect(path: Path) -> Engine:
    """Open the SQLite database at path, making it and its tables when they are missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": BUSY_SECONDS})
    event.listen(engine, "connect", configure)
    if not inspect(engine).has_table(events.name):
        with writing(engine) as connection:  # of two first users, one makes the tables
            metadata.create_all(connection)
    return engine


def configure(connection: Any, _record: object) -> None:
    """A committed transaction is on the disk; readers and a writer do not wait for each other."""
    connection.isolation_level = None  # transactions begin where `writing` says, not before
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """One transaction that holds the write lock from its first statement on.

    What it reads is what it changes: no other writer can come between.
    """
    with engine.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        yield connection
        connection.commit()
