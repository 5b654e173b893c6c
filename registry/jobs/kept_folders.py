"""Stored folders that runs need: the labels that the newest night carries to the next machine."""

import json

from sqlalchemy import Connection, select

from project.records.record import Digest
from registry.storage.tables import runs


def folders_of_runs(connection: Connection) -> set[Digest]:
    """Of each job the folder that its newest run names in `labels`; older ones are in it, or were
    deleted since.
    """
    query = select(runs.c.job, runs.c.record).where(runs.c.record.like('%"labels":"%'))
    found: dict[str, Digest] = {}
    for job, record in connection.execute(query.order_by(runs.c.date)):
        found[job] = json.loads(record)["labels"]
    return set(found.values())
