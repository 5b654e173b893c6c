"""Many versions at once, in one transaction and without files."""

from sqlalchemy import insert

from project.canonical import digest_json
from project.records.adapters import Adapter, AdapterVersion
from project.records.events import Event, Submission
from registry.storage.database import writing
from registry.storage.tables import append, tip, versions
from registry.store import Registry
from tests.conftest import BASE
from tests.places import DATASET

AT = "2026-01-01T00:00:00.000Z"


def submit_many(registry: Registry, count: int) -> None:
    """Versions 1 to `count`, none of which was decided on."""
    with writing(registry.engine) as connection:
        for number in range(1, count + 1):
            adapter = Adapter(
                files=digest_json(number), base=BASE, recipe="c" * 64, dataset=DATASET.digest
            )
            version = AdapterVersion(
                family="test", number=number, adapter=adapter, actor="tester", at=AT
            )
            row = {"family": "test", "number": number, "adapter": adapter.files, "deleted": False}
            record = version.canonical().decode()
            connection.execute(insert(versions).values(row | {"record": record}))
            seq, previous = tip(connection)
            submission = Submission(
                version=version.digest, adapter=adapter.files, dataset=DATASET.digest, records=()
            )
            event = Event(
                seq=seq + 1,
                kind="submit",
                family="test",
                version=number,
                detail=submission,
                actor="tester",
                reason="one of many",
                at=AT,
                previous=previous,
            )
            append(connection, event)
