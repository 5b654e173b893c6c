"""The foreign formats, by the names that a source has for them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from curation.curation_settings import ExportFields
from curation.sources.exports.argilla import judge_argilla, looks_like_argilla
from curation.sources.exports.export_judgements import ExportJudgements
from curation.sources.exports.export_records import Export, Fields, SourceFile, read_export
from curation.sources.exports.label_studio import judge_label_studio, looks_like_label_studio
from curation.sources.exports.preference_files import (
    judge_preferences,
    judge_rated,
    looks_like_preferences,
    looks_like_rated,
)
from curation.sources.exports.prodigy import judge_prodigy, looks_like_prodigy
from curation.sources.row_formats import Read
from project.errors import InputError

LOOKED_AT = 100  # records


@dataclass(frozen=True)
class ExportFormat:
    """How a format is read, and by what it is known."""

    title: str  # as people call it
    judge: Callable[[Export, ExportFields], ExportJudgements]
    looks_like: Callable[[Sequence[Fields]], bool]  # of the first records of a file

    def judged(self, export: Export, fields: ExportFields) -> ExportJudgements:
        """What was made of every annotation, with notes on how it was read. Raises InputError."""
        found = self.judge(export, fields)
        return replace(found, notes=(*export.notes, *found.notes))

    def read(self, source: SourceFile) -> Iterator[Read]:
        """What was made of every record, or annotation. Raises InputError."""
        return self.judged(read_export(source), source.export).reads


EXPORTS: Mapping[str, ExportFormat] = {
    "label-studio": ExportFormat("Label Studio", judge_label_studio, looks_like_label_studio),
    "prodigy": ExportFormat("Prodigy", judge_prodigy, looks_like_prodigy),
    "argilla": ExportFormat("Argilla", judge_argilla, looks_like_argilla),
    "preferences": ExportFormat("preference pairs", judge_preferences, looks_like_preferences),
    "rated": ExportFormat("rated answers", judge_rated, looks_like_rated),
}


def refuse_other_format(name: str, export: Export) -> None:
    """Raise InputError for records that are in another format than they are to be read by."""
    records = export.readable[:LOOKED_AT]
    other = format_of(records)
    if other and not EXPORTS[name].looks_like(records):
        problem = f"is of {EXPORTS[other].title}, by its records: --format {other}, not {name}"
        raise InputError(problem, file=export.path)


def format_of(records: Sequence[Fields]) -> str | None:
    """The name of the format that the first records of a file are in, if one alone fits."""
    fitting = [name for name, form in EXPORTS.items() if form.looks_like(records)]
    return fitting[0] if len(fitting) == 1 else None
