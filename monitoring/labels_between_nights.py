"""Labels that a person accepts between two nights, carried to other machines at once.

One folder in the registry's artifact store has what every machine accepted since the last night:
whoever accepts more first takes what is there. The next night takes it over, on whichever machine.
"""

from datetime import timedelta

from monitoring.carried_labels import LINES, bring_folder, machine, store_folder
from monitoring.monitoring_settings import TriggerParams
from project.records.record import Digest, Record
from registry.garbage import forget_folders
from registry.jobs import runs
from registry.storage.database import writing
from registry.store import Registry

AT_ONCE = timedelta(0)  # a folder is stored before it is named, so nothing is held meanwhile


class AcceptedLabels(Record):
    """What a machine stored when somebody accepted labels."""

    labels: Digest | None  # the folder; None: a night carries what was in it


def labels_waiting(registry: Registry) -> Digest | None:
    """The folder that no night has taken over yet."""
    newest = next(iter(runs.runs_of(registry.engine, job_of(registry.family), limit=1)), None)
    if newest is None or newest.record is None:
        return None
    return AcceptedLabels.model_validate_json(newest.record).labels


def carry_accepted(registry: Registry, params: TriggerParams) -> list[str]:
    """Store this project's labels for other machines, with what those accepted since the last
    night; returns what people should know. Raises IncumbentError where that cannot be done.
    """
    before = labels_waiting(registry)
    notes = bring_folder(registry.artifacts, before, params, queues=False) if before else []
    digest = store_folder(registry.artifacts, LINES, before)
    keep(registry, digest)
    if before and before != digest:
        forget_folders(registry, [before])
    return notes


def let_go(registry: Registry, taken: Digest | None) -> None:
    """Delete the folder that a night took over, unless somebody accepted more since."""
    if taken and labels_waiting(registry) == taken:
        keep(registry, None)
        forget_folders(registry, [taken])


# --- one level down -----------------------------------------------------------------------------


def job_of(family: str) -> str:
    return f"labels {family}"


def keep(registry: Registry, digest: Digest | None) -> None:
    """Note the folder as a run of the day, whose record keeps it from the garbage collection."""
    now, job = registry.clock(), job_of(registry.family)
    newest = next(iter(runs.runs_of(registry.engine, job, limit=1)), None)
    day = max(now.date(), newest.date) if newest else now.date()
    claim = runs.claim(
        registry.engine, job, day, machine(), now, AT_ONCE, again="labels were accepted"
    )
    assert claim is not None, "no lease holds, and what is finished is done again"
    with writing(registry.engine) as connection:
        record = AcceptedLabels(labels=digest).canonical().decode()
        runs.finish(connection, claim, now, record)
