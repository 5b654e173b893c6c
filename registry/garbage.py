"""Artifacts that nothing names any more."""

import json
from collections.abc import Collection
from datetime import timedelta

from sqlalchemy import Connection, select

from project.records.adapters import AdapterVersion
from project.records.events import DecisionMade, Event
from project.records.record import Digest
from registry.storage.artifact_store import Artifacts
from registry.storage.database import writing
from registry.storage.tables import events, look_bytes, parsed, runs, versions
from registry.store import Registry

DRAFTS_LIVE = timedelta(days=1)  # no file takes longer to store


def collect(registry: Registry, *, dry_run: bool = True) -> list[Digest]:
    """The artifacts that no version and no event needs; deletes them unless it is a dry run.

    The writers' lock is held meanwhile: whoever stores artifacts looks under that lock whether they
    are still there. Drafts are not under it; those that are a day old, whose writer died, go too.
    """
    if not dry_run:
        registry.roles.require("promote", registry.actor)
    with writing(registry.engine) as connection:
        garbage = sorted(
            set(registry.artifacts.digests()) - needed_artifacts(connection, registry.artifacts)
        )
        if not dry_run:
            for digest in garbage:
                registry.artifacts.blobs.delete(digest)
            registry.artifacts.blobs.sweep(before=registry.clock() - DRAFTS_LIVE)
    return garbage


def forget_folders(registry: Registry, gone: Collection[Digest]) -> None:
    """Delete folders that nights stored, of what users wrote, once their time is over; but nothing
    that a version, an event or another night's folder needs.
    """
    artifacts = registry.artifacts
    old = {part for d in gone if artifacts.blobs.exists(d) for part in artifacts.all_of(d)}
    if not old:
        return
    with writing(registry.engine) as connection:
        for digest in sorted(old - needed_artifacts(connection, artifacts, but=gone)):
            artifacts.blobs.delete(digest)


def needed_artifacts(
    connection: Connection, artifacts: Artifacts, but: Collection[Digest] = ()
) -> set[Digest]:
    """Every artifact that a version of any family, an event or a night needs, `but` for nights'
    folders.

    The files of a deleted version are not needed; its records are its lineage, and stay.
    """
    needed: set[Digest] = set()
    query = select(versions.c.record).where(versions.c.deleted.is_(False))
    for record in connection.execute(query).scalars():
        for folder in parsed(AdapterVersion, record).adapter.folders:
            needed.update(artifacts.all_of(folder))
    decided = set[int]()
    for record in connection.execute(select(events.c.record)).scalars():
        detail = parsed(Event, record).detail
        needed.update(detail.kept())
        if isinstance(detail, DecisionMade) and detail.look is not None:
            decided.add(detail.look)
    rows = connection.execute(select(look_bytes.c.look, look_bytes.c.digest))
    needed.update({row.digest for row in rows if row.look not in decided})
    for folder in folders_of_runs(connection):
        if folder not in but and artifacts.blobs.exists(folder):
            needed.update(artifacts.all_of(folder))
    return needed


def folders_of_runs(connection: Connection) -> set[Digest]:
    """The folder that each job's newest run names in `labels`; it has all that older ones have."""
    query = select(runs.c.job, runs.c.record).where(runs.c.record.like('%"labels":"%'))
    by_job: dict[str, Digest] = {}
    for job, record in connection.execute(query.order_by(runs.c.date)):
        by_job[job] = json.loads(record)["labels"]
    return set(by_job.values())
