"""What a night or a retrain needs beside git, carried from machine to machine.

Labels are accepted in one machine's project, and the next night, or the rest of a retrain, may be
another machine's. So each night stores the labels, how they were accepted, what was erased, and the
queue, as one folder in the registry's artifact store; the next one merges it into its own files.
"""

import json
import logging
import socket
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from curation.eval_sets import EVAL_SETS, changing
from evaluation.preference.preference_pairs import PREFERENCES
from monitoring.night_context import NightContext
from monitoring.scheduling import runs
from monitoring.trigger.labels import LABEL_QUEUE, LABELLED
from monitoring.trigger.waiting_corrections import NAME as CORRECTIONS
from project.canonical import canonical_json, digest_folder
from project.erasures import ERASED, Erased
from project.errors import IncumbentError
from project.files import write_bytes, write_lines
from project.records.data import Row
from project.records.drift import Night
from project.records.preferences import preference
from project.records.record import Digest, Record
from registry.garbage import forget_folders
from registry.storage.artifact_store import Artifacts
from registry.storage.database import writing
from registry.store import Registry

QUEUE, MACHINE = "queue.json", "machine"  # names in the folder
NEGATIVE = PREFERENCES / LABELLED.name
# Files of lines by their names in the folder, in the order in which they are written: what was
# erased first, and rows before the record that they were accepted.
LINES: Mapping[str, Path] = {
    "erased.jsonl": ERASED,
    "labelled.jsonl": LABELLED,
    "preferences.jsonl": NEGATIVE,
    "eval_sets.jsonl": EVAL_SETS,
}

log = logging.getLogger(__name__)


def carry_labels(context: NightContext, known: Digest | None) -> Digest | None:
    """Store this project's labels and queue for others; returns their folder, None if empty."""
    files = {**LINES, **queue_files()}
    return store_folder(context.registry.artifacts, files, known)


def bring_labels(
    context: NightContext, nights: Sequence[Night], *, strict: bool = False
) -> list[str]:
    """Merge what the newest of these nights carries into this project's files; nothing is lost. A
    folder that is no longer whole in the store, as after the retention, is passed over.

    Returns what people should know: rows that differ here and there, of which those here are kept.
    With `strict`, and where another machine stored them, IncumbentError is raised for such rows.
    """
    artifacts = context.registry.artifacts
    stored = (night.labels for night in reversed(nights) if night.labels)
    digest = next((labels for labels in stored if not artifacts.incomplete(labels)), None)
    return bring_folder(artifacts, digest, strict=strict) if digest else []


def store_folder(
    artifacts: Artifacts, files: Mapping[str, Path], known: Digest | None
) -> Digest | None:
    """Store the files as one folder, unless it is the known one; None: there are none."""
    there = {name: path.read_bytes() for name, path in files.items() if path.exists()}
    if not there:
        return None
    with TemporaryDirectory(prefix="incumbent-labels-") as place:
        for name, data in {**there, MACHINE: machine().encode()}.items():
            Path(place, name).write_bytes(data)
        digest = digest_folder(Path(place))
        if digest != known or artifacts.incomplete(digest):
            artifacts.put_folder(Path(place), digest)
    return digest


def bring_folder(
    artifacts: Artifacts,
    digest: Digest,
    *,
    strict: bool = False,
    queues: bool = True,
) -> list[str]:
    """Merge one folder into this project's files; says and raises what bring_labels does."""
    if artifacts.incomplete(digest):
        return []
    carried = {name: artifacts.get(blob) for name, blob in artifacts.manifest(digest).items()}
    other = carried.get(MACHINE) != machine().encode()
    with changing():
        differing = [
            problem
            for name, path in LINES.items()
            if name in carried and (problem := merge(name, carried[name], path))
        ]
        if differing and strict and other:
            raise IncumbentError(
                f"{'; '.join(differing)}: make them agree in this project, or run the retrain on "
                f"the machine that stored them ({carried[MACHINE].decode(errors='replace')})"
            )
    if other and queues:
        bring_queues(carried)
    return differing if other else []


# --- queue files merged line by line ------------------------------------------------------------


def queue_files() -> dict[str, Path]:
    return {QUEUE: LABEL_QUEUE, CORRECTIONS: LABEL_QUEUE.with_name(CORRECTIONS)}


def machine() -> str:
    """This machine and project: whose own files are the newer ones where they differ."""
    return f"{socket.gethostname()}:{Path.cwd()}"


def merge(name: str, data: bytes, path: Path) -> str | None:
    """Bring the lines of one file together; returns how many rows differ and were left as here."""
    here, carried = lines_of(path.read_bytes() if path.exists() else b""), lines_of(data)
    known = {key_of(line): line for line in here}
    differing = [line for line in carried if known.get(key_of(line), line) != line]
    new = [line for line in carried if key_of(line) not in known]
    if not new or not (wanted := [line for line in new if not erased(name, line, path)]):
        return differing_rows_line(differing, path)
    if name == "eval_sets.jsonl":
        refuse_forked(here, carried, path)
        write_lines(
            path, sorted((*here, *wanted), key=lambda line: str(json.loads(line).get("at", "")))
        )
    else:
        write_lines(path, (*here, *wanted))
    return differing_rows_line(differing, path)


def differing_rows_line(differing: Sequence[bytes], path: Path) -> str | None:
    if not differing:
        return None
    names = ", ".join(sorted(key_of(line)[:16] for line in differing[:3]))
    count = f"{len(differing)} row{'s' if len(differing) > 1 else ''}"
    return f"{count} of {path} differ on another machine ({names}), and are kept as they are here"


def refuse_forked(stored: Sequence[bytes], carried: Sequence[bytes], path: Path) -> None:
    """Raise IncumbentError where both sides changed a set otherwise than by accepting rows."""
    here, there = set(stored) - set(carried), set(carried) - set(stored)
    others = [line for line in (*here, *there) if json.loads(line).get("change") != "extend"]
    if here and there and others:
        raise IncumbentError(
            f"{path} was changed on two machines at once, and a part was frozen or rotated: merge "
            "the two files by hand, for instance by git, and run the night again"
        )


def key_of(line: bytes) -> str:
    """What tells two lines apart: a row's id; for records without one, all that they say."""
    fields: dict[str, Any] = json.loads(line)
    return str(fields["id"]) if isinstance(fields.get("id"), str) else line.decode()


def lines_of(data: bytes) -> list[bytes]:
    return [line for line in data.split(b"\n") if line.strip()]


def erased(name: str, line: bytes, path: Path) -> bool:
    """Whether a row came to be erased here since it was stored there."""
    readers: dict[str, Callable[[], Any]] = {
        "labelled.jsonl": lambda: Row.parse(line, path),
        "preferences.jsonl": lambda: preference(line, path, 1),
    }
    if name not in readers:
        return False
    row, gone = readers[name](), Erased.here()
    return row.id in gone.rows or gone.holds(row)


def bring_queues(carried: Mapping[str, bytes]) -> None:
    """The queue of the newest night; of users' corrections, which wait, those of both machines."""
    for name, path in queue_files().items():
        if name not in carried or (path.exists() and path.read_bytes() == carried[name]):
            continue
        if name == CORRECTIONS and path.exists():
            both = [*json.loads(carried[name]), *json.loads(path.read_bytes())]
            tasks = {str(task["data"]["id"]): task for task in both}
            write_bytes(path, canonical_json([*tasks.values()]) + b"\n")
        else:
            write_bytes(path, carried[name])


# --- labels between nights ------------------------------------------------------------------------

# Labels that a person accepts between two nights, carried to other machines at once.
#
# One folder in the registry's artifact store has what every machine accepted since the last night:
# whoever accepts more first takes what is there. The next night takes it over, on whichever
# machine.


class AcceptedLabels(Record):
    """What a machine stored when somebody accepted labels."""

    labels: Digest | None  # the folder; None: a night carries what was in it


def labels_waiting(registry: Registry) -> Digest | None:
    """The folder that no night has taken over yet."""
    newest = next(iter(runs.runs_of(registry.engine, job_of(registry.family), limit=1)), None)
    if newest is None or newest.record is None:
        return None
    return AcceptedLabels.model_validate_json(newest.record).labels


def carry_accepted(registry: Registry) -> list[str]:
    """Store this project's labels for other machines, with what those accepted since the last
    night; returns what people should know. Raises IncumbentError where that cannot be done.
    """
    before = labels_waiting(registry)
    notes = bring_folder(registry.artifacts, before, queues=False) if before else []
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


# --- the newest carried state -------------------------------------------------------------------


def job_of(family: str) -> str:
    return f"labels {family}"


def keep(registry: Registry, digest: Digest | None) -> None:
    """Note the folder as a run of the day, whose record keeps it from the garbage collection."""
    now, job = registry.clock(), job_of(registry.family)
    newest = next(iter(runs.runs_of(registry.engine, job, limit=1)), None)
    day = max(now.date(), newest.date) if newest else now.date()
    record = AcceptedLabels(labels=digest).canonical().decode()
    with writing(registry.engine) as connection:
        runs.keep_done(connection, job, day, machine(), now, record)
