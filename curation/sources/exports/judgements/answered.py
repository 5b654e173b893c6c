"""A task with what one person said of it, as a tool's export has it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from curation.sources.exports.export_records import ExportRecord, Fields
from curation.sources.exports.judgements.judgement import Judgement
from curation.sources.exports.judgements.said import Said
from curation.sources.table_rows import UNREADABLE


@dataclass(frozen=True)
class Answered:
    """A task with what one person said of it, by the control that it was said with."""

    one: Judgement  # with a reason where nothing was said that counts
    task: Fields = field(default_factory=dict)  # its data fields
    said: Mapping[str, Said] = field(default_factory=dict)
    # The answers that were compared, by their names, where the task itself lists them.
    answers: Mapping[str, str] = field(default_factory=dict)
    rejected: bool = False  # the person refused what the control holds
    # What else was said, in a kind that is not read: "spans", by the control; "" has no control.
    unsupported: Mapping[str, str] = field(default_factory=dict)


def unread(record: ExportRecord) -> Answered:
    return Answered(Judgement(file=record.file, line=record.line, why=UNREADABLE))
