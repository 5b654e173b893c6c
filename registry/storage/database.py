"""Connections to the registry's database, SQLite or PostgreSQL, that survive a crash anywhere."""

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError

from project.errors import IncumbentError, InputError

BUSY_SECONDS = 30
WRITERS_LOCK = 0x1C0B  # PostgreSQL's advisory lock that all writers of a registry take
HEAD = "0001"  # the newest migration; a test keeps it true
MIGRATIONS = Path(__file__).with_name("migrations")


def connect(url: str) -> Engine:
    """Open the database and bring its schema up to date.

    An SQLite file that this process cannot write to is opened to be read. Raises InputError for a
    URL that is none or a database that cannot be reached, IncumbentError for a schema that is newer
    than this program, and for an older one that cannot be changed.
    """
    try:
        engine = engine_of(url)
        with engine.connect() as connection:
            current = revision(connection)
    except (ArgumentError, NoSuchModuleError) as error:
        raise InputError(f"the registry's database is no such URL: {error}") from None
    except DBAPIError as error:
        raise InputError(f"cannot open the registry's database: {error.orig}") from None
    except OSError as error:
        raise InputError(f"cannot open the registry's database: {error}") from None
    if current != HEAD:
        refuse_fixed_schema(engine, current)
        migrate(engine)
    return engine


def engine_of(url: str) -> Engine:
    """The engine alone; it never waits for a free connection of its own.

    Whoever holds the writers' lock also reads on a second connection: it must get one however many
    threads wait for the lock.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return create_engine(parsed, pool_pre_ping=True, max_overflow=-1)
    if parsed.database and not parsed.database.startswith("file:"):
        file = Path(parsed.database)
        file.parent.mkdir(parents=True, exist_ok=True)
        # SQLite makes files beside its own as it writes.
        if file.exists() and not all(os.access(place, os.W_OK) for place in (file, file.parent)):
            return read_only_engine(parsed, file)
    engine = create_engine(parsed, connect_args={"timeout": BUSY_SECONDS}, max_overflow=-1)
    event.listen(engine, "connect", configure)
    return engine


def read_only_engine(parsed: URL, file: Path) -> Engine:
    engine = create_engine(parsed, creator=lambda: open_read_only(file), max_overflow=-1)
    event.listen(engine, "connect", begin_by_hand)
    return engine


def begin_by_hand(connection: Any, _record: object) -> None:
    """Transactions begin where `writing` says, not before."""
    connection.isolation_level = None


def configure(connection: Any, record: object) -> None:
    """A committed transaction is on the disk; readers and a writer do not wait for each other."""
    begin_by_hand(connection, record)
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def revision(connection: Connection) -> str | None:
    """The migration that the schema is at; None for an empty database."""
    if not connection.dialect.has_table(connection, "alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def refuse_fixed_schema(engine: Engine, revision: str | None) -> None:
    """Raise IncumbentError where the schema would have to be changed, and cannot be."""
    if engine.dialect.name != "sqlite":
        return
    with engine.connect() as connection:
        fixed = connection.exec_driver_sql("PRAGMA query_only").scalar()
    if fixed:
        raise IncumbentError(
            f"the registry's schema is {revision or 'empty'}, this version of Incumbent needs "
            f"{HEAD}, "
            "and the database cannot be written to: run `incumbent status` once where it can be, "
            "or use the version of Incumbent that it was written with"
        )


def migrate(engine: Engine) -> None:
    """Bring the schema up to date, in one transaction; of two first users, one does it."""
    with writing(engine) as connection:
        upgrade(connection)


def upgrade(connection: Connection, to: str = "head") -> None:
    """Bring the schema to a revision in the caller's transaction, or raise IncumbentError."""
    # Imported here because a schema is seldom old, and start-up should not wait for Alembic.
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, to)
    except CommandError:
        unknown = revision(connection) if to == "head" else to
        raise IncumbentError(
            f"the registry's schema is {unknown}, which this version of Incumbent "
            f"does not know (it knows up to {HEAD}): install a newer one"
        ) from None


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """One transaction that holds the write lock from its first statement on.

    What it reads is what it changes: no other writer can come between. Raises IncumbentError when
    the database cannot be written to; nothing of the transaction is kept then.
    """
    try:
        with engine.connect() as connection:
            if engine.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            else:
                lock = text("SELECT pg_advisory_xact_lock(:key)")
                connection.execute(lock, {"key": WRITERS_LOCK})
            yield connection
            connection.commit()
    except DBAPIError as error:
        raise IncumbentError(
            f"the registry could not be written, and nothing was changed: {error.orig}"
        ) from error
    except SQLAlchemyError as error:
        raise IncumbentError(f"the registry's database failed: {error}") from error


@contextmanager
def erasing(engine: Engine) -> Iterator[Connection]:
    """As `writing`; what is overwritten is gone from an SQLite file too, and from its journal.

    PostgreSQL's autovacuum reuses the place later. A reader that is at work keeps the journal as it
    is until the next erasure.
    """
    with writing(engine) as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA secure_delete=ON")
        yield connection
    if engine.dialect.name == "sqlite":
        with reading(engine) as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A connection to read on. Raises IncumbentError when the database cannot be read."""
    try:
        with engine.connect() as connection:
            yield connection
    except DBAPIError as error:
        raise IncumbentError(f"the registry could not be read: {error.orig}") from error


@contextmanager
def snapshot(engine: Engine) -> Iterator[Connection]:
    """A connection on which all is read as of one moment. Raises IncumbentError as `reading`."""
    with reading(engine) as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN")  # the moment is that of the first statement
        else:
            connection = connection.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )
        yield connection


# --- read only ------------------------------------------------------------------------------------

# Reading an SQLite file that cannot be written to, whether or not others write to it.

COMMITTED = ("", "-wal")  # what a file's committed transactions are in, by how the name goes on
TRIES = 5


def open_read_only(file: Path) -> sqlite3.Connection:
    """A connection that sees what was committed and changes nothing.

    SQLite reads a file in WAL mode by a -shm file beside it, which writers leave there while they
    have it open. Where there is none, and none can be made, a copy is read. SQLite's `immutable`
    would need no copy, but reads nonsense where a writer comes meanwhile. Raises IncumbentError
    where writes never pause.
    """
    connection = connected(f"{file.resolve().as_uri()}?mode=ro")
    try:
        connection.execute("SELECT name FROM sqlite_master").fetchone()
    except sqlite3.OperationalError:
        connection.close()
        connection = copied(file)
    connection.execute("PRAGMA query_only=ON")
    return connection


def connected(uri: str) -> sqlite3.Connection:
    """The pool hands connections from thread to thread, one at a time."""
    return sqlite3.connect(uri, uri=True, check_same_thread=False)


def copied(file: Path) -> sqlite3.Connection:
    """The file as it stood at one moment, in memory."""
    memory = connected(":memory:")
    with tempfile.TemporaryDirectory(prefix="incumbent-registry-") as folder:
        copy = sqlite3.connect(copy_at_rest(file, Path(folder)))
        copy.backup(memory)
        copy.close()
    return memory


def copy_at_rest(file: Path, folder: Path) -> Path:
    """Copy the file and its log between two writes; raises IncumbentError if these never pause."""
    for _ in range(TRIES):
        before = state_of(file)
        for ending in COMMITTED:
            target = folder / f"{file.name}{ending}"
            target.unlink(missing_ok=True)
            if ending in before:
                shutil.copyfile(f"{file}{ending}", target)
        if state_of(file) == before:
            return folder / file.name
    raise IncumbentError(f"the registry's database is written to all the time: {file}")


def state_of(file: Path) -> dict[str, tuple[int, int, int]]:
    """What tells one state of the file and its log from another."""
    states = {}
    for ending in COMMITTED:
        part = Path(f"{file}{ending}")
        if part.exists():
            about = part.stat()
            states[ending] = (about.st_ino, about.st_size, about.st_mtime_ns)
    return states
