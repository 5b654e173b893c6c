"""The one way to read an export: as it was named, or as the records allow; else it is asked."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path

from curation.curation_settings import ExportFields
from curation.sources.exports.answered_task import AnsweredTask
from curation.sources.exports.export_reading import (
    FIELD,
    READABLE,
    ExportReading,
    of_control,
)
from curation.sources.exports.good_or_bad import OptionsMissingError, alternatives, side_of
from curation.sources.tables.table import names_listed
from project.errors import InputError


def the_reading(
    everything: Sequence[AnsweredTask], fields: ExportFields, path: Path
) -> ExportReading:
    """The one way to read an export. Raises InputError for one that holds nothing which is read,
    and OptionsMissingError with all that is to be named.
    """
    return only_one(readings_of(everything, fields, path), path)


def only_one(readings: Sequence[ExportReading], path: Path) -> ExportReading:
    """The first, where nothing is missing; it is told what is missing in each.

    Raises OptionsMissingError, whose commands name what is missing in some.
    """
    of_each = [reading.missing for reading in readings]
    if any(of_each):
        shared = [what for what in of_each[0] if all(what in other for other in of_each)]
        missing = shared if len(readings) > 1 else list(of_each[0])
        raise OptionsMissingError(missing, [way for one in readings for way in one.ways], path)
    return readings[0]


def readings_of(
    everything: Sequence[AnsweredTask], fields: ExportFields, path: Path
) -> list[ExportReading]:
    """A way to read it for each control that may be meant. Raises InputError."""
    counting = [answered for answered in everything if not answered.one.why]
    refuse_unsupported(everything, path)
    there = list(dict.fromkeys(name for answered in counting for name in answered.task))
    controls = list(dict.fromkeys(name for answered in counting for name in answered.said))
    begun = without_unknown(ExportReading(fields), there, controls)
    wanted = [begun.fields.control] if begun.fields.control else controls
    if not wanted:
        return [begun]
    if len(wanted) > 1:
        told_of = ", ".join(map(repr, controls))
        begun = begun.lacks(f"name --control NAME: people used {told_of}")
    readings = []
    for control in wanted:
        own = [answered for answered in counting if control in answered.said]
        named = begun.named(control=control) if len(controls) > 1 else begun
        readings.append(of_control(replace(named, control=control), own, path))
    return readings


def without_unknown(
    reading: ExportReading, there: Sequence[str], controls: Sequence[str]
) -> ExportReading:
    """Without the names that nothing in the file has; each is told, with those there are."""
    fields = reading.fields
    if fields.control and controls and fields.control not in controls:
        problem = f"{fields.control}: no such control; people used {names_listed(controls)}"
        reading = reading.lacks(problem, control=near(fields.control, controls))
    has = f"this export has {names_listed(there)}"
    for option in ("prompt", "slices"):
        names = getattr(fields, option)
        if unknown := [name for name in names if there and name not in there]:
            known = tuple(filter(None, (near(name, there) for name in names)))
            reading = reading.lacks(f"{unknown[0]}: no such field; {has}", **{option: known})
    if fields.completion and there and fields.completion not in there:
        problem = f"{fields.completion}: no such field; {has}"
        reading = reading.lacks(problem, completion=near(fields.completion, there))
    named = list(fields.answers.values())
    unknown = [name for name in named if there and name not in there]
    if unknown or len(set(named)) < len(named):
        problem = (
            f"{unknown[0]}: no such field; {has}" if unknown else "--answer names a field twice"
        )
        sides = alternatives(there)
        answers = {
            choice: sides.get(side_of(choice) or 0) or near(name, there) or FIELD
            for choice, name in fields.answers.items()
        }
        reading = reading.lacks(problem, answers=answers)
    return reading


def near(name: str, names: Sequence[str]) -> str | None:
    """The name itself, or the one that it is a misspelling of."""
    return next(iter(get_close_matches(name, names, n=1, cutoff=0.6)), None)


def refuse_unsupported(everything: Sequence[AnsweredTask], path: Path) -> None:
    """Raise InputError where people, or a model, said what is not read, and nothing else."""
    unread = kinds_unread(everything)
    if unread and not any(answered.said for answered in everything if not answered.one.why):
        raise InputError(f"holds {unread}, which are not supported; {READABLE}", file=path)


def kinds_unread(everything: Iterable[AnsweredTask]) -> str:
    """What was said and is not read, in words."""
    kinds: dict[str, list[str]] = {}
    for answered in everything:
        for control, kind in answered.unsupported.items():
            if control not in kinds.setdefault(kind, []):
                kinds[kind].append(control)
    found = [
        f"{kind} ({names_listed(names)})" if any(names) else kind for kind, names in kinds.items()
    ]
    return " and ".join(found)
