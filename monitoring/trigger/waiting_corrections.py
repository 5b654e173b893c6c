"""What users corrected waits for a person, in a file of its own, also where nothing drifts."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from monitoring.traffic.traffic_store import LATEST, TrafficStore
from monitoring.trigger.acceptance import accepted_prompts, capped, refusals, set_aside
from monitoring.trigger.labels import (
    LABEL_QUEUE,
    TASKS,
    Data,
    corrected,
    correction,
    labelled_row,
    pseudonym,
    task_of,
)
from project.canonical import canonical_json, moment_of
from project.errors import InputError
from project.files import write_bytes
from project.records.data import Row
from project.records.record import invalid, read_input
from project.records.traffic import Traffic

NAME = "user-corrections.json"  # beside the queue of the nights
NOTHING = canonical_json([]) + b"\n"
Task = dict[str, Any]


@dataclass(frozen=True)
class Queued:
    """How many corrections wait, and what there is to say of those that came and do not."""

    waiting: int
    notes: tuple[str, ...] = ()


def queue_corrections(
    traffic: TrafficStore, day: date, keep_days: int, *, any_own: bool = True
) -> Queued:
    """Add what users corrected on a day to what waits; what somebody accepted, and what is older
    than the traffic is kept, leaves. `any_own`: whether rows of the day itself were corrected.

    Raises InputError for a file of that name that is no queue.
    """
    path = LABEL_QUEUE.with_name(NAME)
    before = read_tasks(path)
    known, oldest = accepted_prompts(), day - timedelta(days=keep_days)
    written = {
        row.id: row for row in corrected_on(traffic, day, any_own) if row.prompt_text not in known
    }
    rows, too_many = capped(written.values(), pseudonym)
    fit, notes = worth_asking(rows, LABEL_QUEUE, f"{day}T23:59:59Z", drafts=True)
    waiting = before | {row.id: task_of(row, None) for row in fit}
    waits = (
        task
        for task in waiting.values()
        if prompt_text(task) not in known and asked_on(task) >= oldest
    )
    taken, over = capped(waits, lambda task: task["data"]["user"])
    data = canonical_json(taken) + b"\n"
    if data != (path.read_bytes() if path.exists() else NOTHING):
        write_bytes(path, data)
    notes += [f"of the day's corrections by users {told}" for told in too_many]
    notes += [f"of the corrections that wait {told}" for told in over]
    return Queued(len(taken), tuple(notes))


def read_tasks(path: Path) -> dict[str, Task]:
    """The tasks by the id of the answer that was corrected."""
    if not path.exists():
        return {}
    try:
        tasks = TypeAdapter(list[Task]).validate_json(read_input(path))
        by_id = {task["data"]["id"]: task for task in tasks if asked_on(task)}
        TASKS.validate_python([*by_id.values()], strict=False)
        return by_id
    except ValidationError as error:
        raise InputError(f"{invalid(error, path)}; move the file away") from None
    except (KeyError, TypeError, ValueError):
        raise InputError("is no queue of users' corrections: move it away", file=path) from None


def prompt_text(task: Mapping[str, Any]) -> str:
    return Data.model_validate(task["data"], strict=False).prompt_text


def asked_on(task: Mapping[str, Any]) -> date:
    return moment_of(task["meta"]["at"]).date()


def corrected_on(traffic: TrafficStore, day: date, any_own: bool) -> Iterator[Traffic]:
    """The day's own rows that were corrected, and older ones on which a correction came that day.

    A day is read only where there may be some: reading is what a night's time goes into.
    """
    late = traffic.corrected_on(day)
    for when in reversed([d for d in traffic.days() if day - timedelta(days=LATEST) <= d <= day]):
        if not late and not (any_own and when == day):
            continue
        for rows in traffic.read(when, late=True):
            for row in corrected(rows):
                if when == day or row.id in late:
                    late.discard(row.id)
                    yield row


# --- rows to ask about ----------------------------------------------------------------------------

# Which rows of traffic people are asked about: what could never be accepted is none of them.

ANY_ANSWER = "It is still to be written."  # of a prompt alone: an answer that no check minds


def worth_asking(
    rows: Sequence[Traffic], queue: Path, at: str, *, drafts: bool = False
) -> tuple[list[Traffic], list[str]]:
    """The rows that could be accepted, and what there is to say of the others.

    Where a prompt could, and what its user wrote could not, people are asked for an answer of their
    own; with `drafts`, where a correction is all that there is to ask about, the row is set aside.
    """
    prompts = {row.id: asked_row(row, ANY_ANSWER) for row in rows}
    written = {row.id: asked_row(row, draft) for row in rows if (draft := correction(row))}
    refused = refusals([*prompts.values(), *written.values()])
    gone = {name for name, made in prompts.items() if made.id in refused}
    mute = {name for name, made in written.items() if made.id in refused} - gone
    notes = set_aside(
        [*(prompts[name] for name in gone), *(written[name] for name in mute)], refused, queue, at
    )
    left = gone | mute if drafts else gone
    kept = [row for row in rows if row.id not in left]
    wordless = {"feedback": None}
    return [row.model_copy(update=wordless) if row.id in mute else row for row in kept], notes


def asked_row(row: Traffic, answer: str) -> Row:
    made = labelled_row(row.prompt_text, answer, None)
    if isinstance(row.prompt, str) or not row.prompt:
        return made
    return made.model_copy(update={"prompt": row.prompt})
