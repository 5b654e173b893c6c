"""The retention: after `monitoring.traffic.keep_days` no word of a user is left in what was made.

What a person accepted is no longer traffic: it stays, and `incumbent data forget` takes it out.
docs/how-to/keep.md says what goes and what stays.
"""

import re
from collections.abc import Collection
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from monitoring.night_context import NightContext, trusted_day
from monitoring.night_history import REMEMBERED, check_job, night_of, nightly_of
from monitoring.night_page import map_path, page_path
from monitoring.scheduling.outbox import forget_texts
from monitoring.scheduling.runs import begun, rewrite_records, runs_of
from monitoring.trigger.acceptance import SET_ASIDE, read_set_aside
from monitoring.trigger.labels import LABEL_QUEUE
from monitoring.trigger.waiting_corrections import NAME as CORRECTIONS
from project.canonical import canonical_json, moment_of
from project.files import home, write_bytes, write_lines
from project.records.drift import Night, Topic
from project.records.record import Digest
from registry.garbage import forget_folders
from registry.store import Registry

DAY = re.compile(r"\d{4}-\d\d-\d\d")
NEW_TOPIC, KNOWN_TOPIC = "a new topic", "a known topic"  # once its words are gone
Tasks = TypeAdapter(list[dict[str, Any]])


def forget(context: NightContext, day: date) -> None:
    """Delete traffic and what was made of it, older than the retention. Raises IncumbentError."""
    registry, before = context.registry, first_kept(context, day)
    context.traffic.expire(context.keep_days, before + timedelta(days=context.keep_days))
    context.embeddings.expire(context.keep_days)
    forget_dated_files(home() / "monitoring", before)
    forget_idle_files(home() / "monitoring" / "surprise", before)
    forget_idle_files(home() / "serving" / "spool", before)
    # Pages and maps of nights show users' prompts.
    for path in (page_path(registry.family, before), map_path(registry.family, before)):
        for other in path.parent.glob(f"{registry.family}-night-????-??-??{path.suffix}"):
            if other.name < path.name:
                other.unlink(missing_ok=True)
    for job in (check_job(registry.family), nightly_of(registry.family)):
        rewrite_records(registry.engine, job, before, without_words, problems=True)
    forget_texts(registry.engine, f"{nightly_of(registry.family)} ", before)


def forget_queued(context: NightContext, day: date) -> None:
    """Take old prompts out of what waits for people, before a night carries it on."""
    before = first_kept(context, day)
    for queue in (LABEL_QUEUE, LABEL_QUEUE.with_name(CORRECTIONS)):
        forget_tasks(queue, before)
    path = LABEL_QUEUE.with_name(SET_ASIDE)
    known = read_set_aside(path)
    kept = [row for row in known if row.at >= before.isoformat()]
    if len(kept) < len(known):
        write_lines(path, [row.canonical() for row in kept])


def first_kept(context: NightContext, day: date) -> date:
    today = trusted_day(context.registry, context.traffic, day)
    return today - timedelta(days=context.keep_days)


def forget_carried(registry: Registry, day: date) -> None:
    """Delete what earlier finished nights carried for other machines: the newest has all."""
    engine, jobs = registry.engine, (check_job(registry.family), nightly_of(registry.family))
    nights = [(run.date, night_of(run)) for job in jobs for run in runs_of(engine, job, REMEMBERED)]
    carried = [(when, night.labels) for when, night in nights if night and night.labels]
    needed = {max(when for when, _ in carried), *begun(engine, jobs[1])} if carried else set()
    new = {labels for when, labels in carried if when >= day or when in needed}
    if gone := {labels for _, labels in carried} - new:
        forget_folders(registry, gone)
        for job in jobs:
            rewrite_records(engine, job, day, partial(without_folders, gone))


def without_folders(gone: Collection[Digest], record: str) -> str:
    night = Night.model_validate_json(record)
    if night.labels not in gone:
        return record
    return night.model_copy(update={"labels": None}).canonical().decode()


def without_words(record: str) -> str:
    """A night's record without what users wrote: what is left are numbers, states and verdicts."""
    night = Night.model_validate_json(record)
    change = night.answer_change
    wordless = {
        "topics": tuple(map(unnamed, night.topics)),
        "exemplars": (),
        "new_words": (),
        "notes": (),
        "reasons": tuple(reason.partition("\n")[0] for reason in night.reasons),
        "labels": None,
        "answer_change": change and change.model_copy(update={"furthest": ()}),
    }
    return night.model_copy(update=wordless).canonical().decode()


def unnamed(topic: Topic) -> Topic:
    """A topic's name is made of its words too."""
    name = NEW_TOPIC if topic.new else KNOWN_TOPIC
    return topic.model_copy(update={"name": name, "exemplars": ()})


def forget_dated_files(folder: Path, before: date) -> None:
    """Delete the files that an older day's name stands in, or in a folder's on the way to them.

    Units, maps, what was set aside, logs of retrains, copies of remote traffic: also drafts that a
    killed process left, and those of settings that were changed since.
    """
    for path in sorted(folder.rglob("*")):
        if path.is_file() and is_older(path.relative_to(folder), before):
            path.unlink(missing_ok=True)
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir() and is_older(path.relative_to(folder), before) and not any(path.iterdir()):
            path.rmdir()


def is_older(path: Path, before: date) -> bool:
    return any(name < before.isoformat() for name in DAY.findall(str(path)))


def forget_idle_files(folder: Path, before: date) -> None:
    """Delete the files that nobody wrote to since a day."""
    since = datetime.combine(before, time(), UTC).timestamp()
    for path in folder.rglob("*"):
        if path.is_file() and path.stat().st_mtime < since:
            path.unlink(missing_ok=True)


def forget_tasks(queue: Path, before: date) -> None:
    """Take prompts that were asked before a day out of the labelling queue, if it is one."""
    if not queue.exists():
        return
    try:
        tasks = Tasks.validate_json(queue.read_bytes())
        kept = [task for task in tasks if not asked_before(task, before)]
    except (ValidationError, ValueError):
        return
    if len(kept) < len(tasks):
        write_bytes(queue, canonical_json(kept) + b"\n")


def asked_before(task: dict[str, Any], day: date) -> bool:
    meta = task.get("meta")
    at = meta.get("at") if isinstance(meta, dict) else None
    return isinstance(at, str) and moment_of(at).date() < day
