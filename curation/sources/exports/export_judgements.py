"""From what people said, as a tool has it, to judgements."""

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from curation.curation_settings import ExportFields
from curation.sources.exports.answered_task import (
    AnsweredTask,
    ControlAnswer,
    judged,
    rated,
    reject,
    with_known_kind,
)
from curation.sources.exports.export_reading import (
    ExportReading,
    kinds_unread,
    only_one,
    readings_of,
)
from curation.sources.exports.good_or_bad import Praise
from curation.sources.exports.shown import (
    NO_RESULT,
    REPLACED,
    NothingShownError,
    TaskJudgement,
    reads,
    shown_task,
)
from curation.sources.row_formats import Read


@dataclass(frozen=True)
class ExportJudgements:
    """All that people said in an export, and what its owner should know of how it was read."""

    judgements: Sequence[TaskJudgement]
    notes: tuple[str, ...] = ()

    @property
    def reads(self) -> Iterator[Read]:
        return reads(self.judgements)


def judge(everything: Sequence[AnsweredTask], fields: ExportFields, path: Path) -> ExportJudgements:
    """Judgements as the options say, or as the records alone allow. Raises InputError."""
    return judged_by(only_one(readings_of(everything, fields, path), path), everything)


def judged_by(reading: ExportReading, everything: Sequence[AnsweredTask]) -> ExportJudgements:
    found = list(judgements_of(reading, everything))
    notes = list(reading.notes)
    if unread := kinds_unread(everything):
        notes.append(f"{unread} are not read")
    return ExportJudgements(found, tuple(notes))


def judgements_of(
    reading: ExportReading, everything: Sequence[AnsweredTask]
) -> Iterator[TaskJudgement]:
    for answered in everything:
        own = answered.said.get(reading.control)
        if answered.one.why:
            yield answered.one
        else:
            said = with_known_kind(own, reading.kinds) if own else None
            yield judgement(answered, said, reading.fields, reading.words)


def judgement(
    answered: AnsweredTask,
    what_was_said: ControlAnswer | None,
    fields: ExportFields,
    words: Praise | None,
) -> TaskJudgement:
    if what_was_said is None or not what_was_said.flat:
        return replace(answered.one, why=NO_RESULT)
    try:
        what = shown_task(answered.task, fields)
    except NothingShownError as nothing:
        return replace(answered.one, why=str(nothing))
    if answered.answers:
        what = replace(what, answers=answered.answers)
    if answered.rejected:
        # What was refused is the answer that was shown, what was said of it, or a proposed class.
        if what.answer is not None and words:
            good = words.of(what_was_said.flat)
            return replace(
                rated(answered.one, None if good is None else not good, what), asked=what.digest
            )
        return reject(answered.one, what.answer or ", ".join(what_was_said.flat), what)
    return judged(answered.one, what_was_said, what, words)


# --- newest ---------------------------------------------------------------------------------------

# Which of several judgements of one person on one task counts: the newest.

Key = tuple[Hashable, ...]


def newest(everything: Sequence[tuple[Key | None, object, AnsweredTask]]) -> list[AnsweredTask]:
    """Each with its key and its time, in the order in which they were written down.

    All but the newest of a key are marked as replaced. Where a time is missing, or is none, the
    later in that order is the newer. What has no key replaces nothing.
    """
    best: dict[Key, int] = {}
    for place, (key, at, _) in enumerate(everything):
        if key is None:
            continue
        rival = best.setdefault(key, place)
        one, other = moment(at), moment(everything[rival][1])
        if not (one is not None and other is not None and one < other):
            best[key] = place
    kept = set(best.values())
    return [
        answered if key is None or place in kept else replaced(answered)
        for place, (key, _, answered) in enumerate(everything)
    ]


def replaced(answered: AnsweredTask) -> AnsweredTask:
    return replace(answered, one=replace(answered.one, why=REPLACED))


def moment(at: object) -> float | None:
    """Seconds since 1970 of a time as an export writes it: a number, or ISO 8601."""
    if isinstance(at, int | float) and not isinstance(at, bool):
        return float(at)
    if not isinstance(at, str):
        return None
    try:
        parsed = datetime.fromisoformat(at)
    except ValueError:
        return None
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()


def first_known(times: Iterable[object]) -> object:
    return next((at for at in times if moment(at) is not None), None)
