"""From what people said, as a tool has it, to judgements."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from curation.curation_settings import ExportFields
from curation.sources.exports.judgements.answered import Answered
from curation.sources.exports.judgements.export_reading import ExportReading
from curation.sources.exports.judgements.good_or_bad import Praise
from curation.sources.exports.judgements.judgement import NO_RESULT, Judgement, reads
from curation.sources.exports.judgements.kinds import told
from curation.sources.exports.judgements.reading_choice import kinds_unread, the_reading
from curation.sources.exports.judgements.said import Said, judged, rated, reject
from curation.sources.exports.judgements.shown import NothingShownError, Shown, shown
from curation.sources.reading import Read


@dataclass(frozen=True)
class Judged:
    """All that people said in an export, and what its owner should know of how it was read."""

    judgements: Sequence[Judgement]
    notes: tuple[str, ...] = ()

    @property
    def reads(self) -> Iterator[Read]:
        return reads(self.judgements)


def judge(everything: Sequence[Answered], fields: ExportFields, path: Path) -> Judged:
    """Judgements as the options say, or as the records alone allow. Raises InputError."""
    return judged_by(the_reading(everything, fields, path), everything)


def judged_by(reading: ExportReading, everything: Sequence[Answered]) -> Judged:
    found = list(judgements_of(reading, everything))
    notes = list(reading.notes)
    if unread := kinds_unread(everything):
        notes.append(f"{unread} are not read")
    return Judged(found, tuple(notes))


def judgements_of(reading: ExportReading, everything: Sequence[Answered]) -> Iterator[Judgement]:
    for answered in everything:
        own = answered.said.get(reading.control)
        if answered.one.why:
            yield answered.one
        else:
            said = told(own, reading.kinds) if own else None
            yield judgement(answered, said, reading.fields, reading.words)


def judgement(
    answered: Answered, what_was_said: Said | None, fields: ExportFields, words: Praise | None
) -> Judgement:
    if what_was_said is None or not what_was_said.flat:
        return replace(answered.one, why=NO_RESULT)
    try:
        what = shown(answered.task, fields)
    except NothingShownError as nothing:
        return replace(answered.one, why=str(nothing))
    if answered.answers:
        what = replace(what, answers=answered.answers)
    if answered.rejected:
        return rejection(answered.one, what_was_said, what, words)
    return judged(answered.one, what_was_said, what, words)


def rejection(one: Judgement, what_was_said: Said, what: Shown, words: Praise | None) -> Judgement:
    """A person refused the answer that was shown, or what was said of it, or a proposed class."""
    if what.answer is not None and words:
        good = words.of(what_was_said.flat)
        return replace(rated(one, None if good is None else not good, what), asked=what.digest)
    return reject(one, what.answer or ", ".join(what_was_said.flat), what)
