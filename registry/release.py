"""What is asked before a version is used or the champion changes: is it still what the events say?

`registry/audit.py` checks everything and takes its time; these are the few rows that one change
of the champion, or one use of a version, reads.
"""

from sqlalchemy import Connection, select

from project.canonical import digest_bytes
from project.errors import IncumbentError, InputError
from project.records.adapters import AdapterVersion
from project.records.events import Submission
from registry.decision_checks import version_or_none
from registry.reader import RegistryReader
from registry.signatures import check_signature
from registry.storage.tables import events_of, versions
from registry.tenure import last_move


def release(reader: RegistryReader, number: int) -> AdapterVersion:
    """A version that may be used as it is: exported, deployed, or made champion again.

    Its row and all events about it are as they were written, its signature is as the settings want
    it, and every byte of its adapter is there. Raises InputError for a version that there is not or
    that was deleted, IncumbentError for what else does not hold.
    """
    version = reader.version(number)
    if reader.deleted(number):
        raise InputError(f"{version.label} was deleted")
    with reader.engine.connect() as connection:
        refuse_changed(connection, version)
    check_signature(reader, version)
    for folder in version.adapter.folders:
        reader.artifacts.verify_folder(folder)
    return version


def refuse_changed(connection: Connection, version: AdapterVersion) -> None:
    """Raise IncumbentError unless a version, and every event about it, is as it was written."""
    own = events_of(connection, version.family, version.number)
    submitted = [e.detail.version for e in own if isinstance(e.detail, Submission)]
    query = select(versions.c.record).where(
        versions.c.family == version.family, versions.c.number == version.number
    )
    if submitted != [digest_bytes(connection.execute(query).scalar_one().encode())]:
        raise IncumbentError(
            f"{version.label} is not what was submitted; `incumbent registry verify` tells more"
        )
    if any(event.kind == "delete" for event in own):
        raise IncumbentError(f"{version.label} was deleted")


def refuse_moved(connection: Connection, family: str, champion: int | None) -> None:
    """Raise IncumbentError unless the events too say that this version is the champion."""
    moved = last_move(connection, family)
    recorded = moved.version if moved and moved.kind != "withdraw" else None
    if recorded != champion:
        raise IncumbentError(
            f"the alias says that {version_or_none(champion)} is champion, the events say "
            f"{version_or_none(recorded)}; `incumbent registry verify` tells more"
        )
