"""A file, or a folder of files, read by its format: rows, preferences or documents."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from curation.curation_settings import ExportFields
from curation.faults.missing_answers import is_more_than_placeholder
from curation.sources.documents.passages import LONGEST, passages, read_text_of, text_blocks
from curation.sources.documents.read_documents import read_documents
from curation.sources.exports.argilla import judge_argilla, looks_like_argilla
from curation.sources.exports.export_judgements import ExportJudgements
from curation.sources.exports.export_records import (
    Export,
    Fields,
    SourceFile,
    lone_record,
    read_export,
)
from curation.sources.exports.label_studio import judge_label_studio, looks_like_label_studio
from curation.sources.exports.preference_files import (
    judge_preferences,
    judge_rated,
    looks_like_preferences,
    looks_like_rated,
)
from curation.sources.exports.prodigy import judge_prodigy, looks_like_prodigy
from curation.sources.row_formats import (
    PREFERENCES,
    SHAPES,
    Read,
    numbered_rows,
    readable_rows,
    row_of,
)
from curation.sources.table_rows import (
    NO_TEXT,
    UNREADABLE,
    as_text,
    name_of,
    numbered,
    rows_of_table,
)
from curation.sources.tables.read_table import read_table, read_tables
from curation.sources.tables.table import TableRow, find_column
from curation.sources.tables.unpacked_file import (
    GZIP,
    PARQUET,
    YAML,
    ZIP,
    data_in,
    files_in,
    readable,
)
from curation.sources.transcripts import is_transcript, read_transcripts
from project.errors import InputError
from project.records.data import Document, Origin


@dataclass(frozen=True)
class ExportFormat:
    """How a format is read, and by what it is known."""

    title: str  # as people call it
    judge: Callable[[Export, ExportFields], ExportJudgements]
    looks_like: Callable[[Sequence[Fields]], bool]  # of the first records of a file

    def judged(self, export: Export, fields: ExportFields) -> ExportJudgements:
        """What was made of every annotation, with notes on how it was read. Raises InputError."""
        judgements = self.judge(export, fields)
        return replace(judgements, notes=(*export.notes, *judgements.notes))

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


def read_source_file(file: SourceFile) -> Iterator[Read]:
    """Every record, in its order, with what was made of it. Raises InputError with the place."""
    return READERS[file.format](file)


def rows(file: SourceFile) -> Iterator[Read]:
    numbered = readable_rows if file.skip else numbered_rows
    for number, row in numbered(file.path, encoding=file.encoding):
        origin = Origin(file=file.path.name, line=number)
        why = {"row": row.id} if row else {"why": UNREADABLE}
        yield Read(origin.model_copy(update=why), row)


def table_rows(file: SourceFile) -> Iterator[Read]:
    assert file.columns, "a table has named columns"
    for table in read_tables(file.path, skip=file.skip, encoding=file.encoding):
        yield from rows_of_table(table, file.columns)


def texts(file: SourceFile) -> Iterator[Read]:
    for table in read_tables(file.path, skip=file.skip, encoding=file.encoding):
        column, name = find_column(table, TEXT), name_of(table.path)
        lost = [Read(Origin(file=name, line=row.line, why=UNREADABLE)) for row in table.unreadable]
        made = [
            read for record in numbered(table.rows) for read in documents_of(record, column, name)
        ]
        yield from sorted([*lost, *made], key=lambda read: read.origin.line)


def export(form: ExportFormat, file: SourceFile) -> Iterator[Read]:
    for read in form.read(file):
        yield read
        if file.answers_as_rows and (row := row_of(read.made)):
            yield Read(read.origin.model_copy(update={"row": row.id}), row)


READERS: Mapping[str, Callable[[SourceFile], Iterator[Read]]] = {
    "rows": rows,
    "table": table_rows,
    "transcripts": lambda file: read_transcripts(
        file.path, file.columns, encoding=file.encoding, roles=file.roles
    ),
    "documents": lambda file: read_documents(file.path, encoding=file.encoding, skip=file.skip),
    "texts": texts,
    **{name: partial(export, form) for name, form in EXPORTS.items()},
}


# --- text table -----------------------------------------------------------------------------------

TEXT = "text"


def documents_of(record: TableRow, column: str, file: str) -> Iterator[Read]:
    """The passages of its text. Id and source are the record's own, where it has them as texts."""
    text = as_text(record.fields.get(column))
    if text is None or not is_more_than_placeholder(text):
        why = NO_TEXT if text is None else "without a text"
        yield Read(Origin(file=file, line=record.line, why=why))
        return
    source, name = own(record.fields, "source") or file, own(record.fields, "id")
    # An id that is made of the text is that of a passage which an import has cut already.
    cut = [text] if name == Document.of(text, source=source).id else passages_of(text)
    for number, passage in enumerate(cut, start=1):
        made = Document.of(passage, source=source)
        if name:
            made = made.model_copy(update={"id": name if len(cut) == 1 else f"{name}-{number}"})
        yield Read(Origin(file=file, line=record.line, row=made.id), made)


def passages_of(text: str) -> list[str]:
    """A text as it is, unless it is too long to be one passage."""
    if len(text) <= LONGEST:
        return [text]
    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    return [passage.text for passage in passages(text_blocks(plain))]


def own(fields: dict[str, Any], name: str) -> str | None:
    value = fields.get(name)
    return value if isinstance(value, str) and value else None


# --- format ---------------------------------------------------------------------------------------

Records = Sequence[Fields]
# What users wrote, which nobody has accepted yet: it is no source, and so no Format.
TRAFFIC = "traffic"

DOCUMENTS = frozenset({".md", ".markdown", ".html", ".htm", ".pdf", ".docx"})
SUBTITLES = frozenset({".vtt", ".srt", ".sbv"})
TEXTS = frozenset({".txt", ".text"})
LOOKED_AT = 100  # records
LOOKED_AT_BYTES = 4096
# How JSON begins that holds records. A transcript may begin with a bracket too.
OBJECTS = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:\[\s*)?\{\s*\"")
TABBED = 0.9  # of the lines


def guess_format(path: Path, encoding: str | None = None) -> str:
    """A Format, or TRAFFIC, of a file, or of a folder's first one. Raises InputError for what
    cannot be read.
    """
    file = telling_file(path)
    if holds_records(file):
        return format_of_records(file, encoding)
    ending = file.suffix.casefold()
    if ending in SUBTITLES or (ending in TEXTS and is_transcript(file, encoding)):
        return "transcripts"
    if ending in DOCUMENTS or (ending in TEXTS and is_prose(file, encoding)):
        return "documents"
    # Of a folder of YAML one file may be settings, and all are read together.
    return format_of_records(path if ending in YAML else file, encoding)


def holds_records(file: Path) -> bool:
    """Whether its first bytes are those of JSON, Parquet, or XLSX, whatever its name ends in."""
    with readable(file), file.open("rb") as opened:
        start = opened.read(LOOKED_AT_BYTES)
    if start.startswith(ZIP):
        return file.suffix.casefold() not in DOCUMENTS
    return start.startswith((PARQUET, GZIP)) or OBJECTS.match(start) is not None


def format_of_records(file: Path, encoding: str | None) -> str:
    table = read_tables(file, skip=True, encoding=encoding)[0]
    records = [row.fields for row in table.rows[:LOOKED_AT]]
    alone = lone_record(file, encoding) if table.format == "json" else None
    if have_more_than_a_table(
        [alone] if alone else records if table.format == "json lines" else []
    ):
        return "rows"
    if alone:
        # A list in it, such as one of options, passes for the records of a table.
        records = [alone] if any(form.looks_like([alone]) for form in EXPORTS.values()) else records
    if not records:
        return "table"
    return next((name for name, looks in LOOKS.items() if looks(records)), "table")


def telling_file(path: Path) -> Path:
    """The file itself; of a folder the first one with data, or else the first document. YAML beside
    more documents is their settings.
    """
    files = files_in(path)
    documents = [file for file in files if file.suffix.casefold() in DOCUMENTS]
    data = [file for file in data_in(path) if file.suffix.casefold() not in TEXTS]
    if all(file.suffix.casefold() in YAML for file in data) and len(data) < len(documents):
        data = []
    for candidates in ([path] if path in files else [], data, documents, files):
        if candidates:
            return candidates[0]
    raise InputError("is a folder without files", file=path)


def is_prose(file: Path, encoding: str | None) -> bool:
    """Whether a text is no table with two columns at least. One with a tab in nearly every line is
    meant as a table, even if it cannot be read as such.
    """
    try:
        table = read_table(file, encoding=encoding)
    except InputError:
        filled = [line for line in read_text_of(file, encoding).split("\n") if line.strip()]
        return not sum("\t" in line.strip() for line in filled) >= TABBED * len(filled) > 0
    return table.format == "csv" and len(table.columns) < 2


def looks_like_traffic(records: Records) -> bool:
    return all({"id", "at", "prompt", "response"} <= record.keys() for record in records)


def looks_like_rows(records: Records) -> bool:
    """Whether they are canonical, or nearly: a table would lose their turns, groups or slices."""
    return all(
        {"prompt", "completion"} <= record.keys() and isinstance(record["prompt"], list)
        for record in records
    )


def have_more_than_a_table(records: Records) -> bool:
    """Whether they are rows in a usual shape, with assertions, passages or a scenario: a table
    would lose the first, and ask which column has the second.
    """
    lists = ("assertions", "evidence")
    some = any(isinstance(record.get(name), list) for record in records for name in lists)
    some = some or any(isinstance(record.get("scenario"), dict) for record in records)
    return some and all(
        not SHAPES.keys().isdisjoint(record) and PREFERENCES.isdisjoint(record)
        for record in records
    )


def looks_like_texts(records: Records) -> bool:
    """Whether there is a text, and nothing beside it but where it is from."""
    about = {"id", "source", "url", "meta", "metadata", "title"}
    return all("text" in record and record.keys() <= {"text", *about} for record in records)


LOOKS: Mapping[str, Callable[[Records], bool]] = {
    TRAFFIC: looks_like_traffic,
    **{name: form.looks_like for name, form in EXPORTS.items()},
    "rows": looks_like_rows,
    "texts": looks_like_texts,
}
