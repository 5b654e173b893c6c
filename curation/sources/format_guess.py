"""What a file of anybody's holds, told by its first bytes and records before its name's ending."""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from curation.sources.chats.transcripts import is_transcript
from curation.sources.documents.passages import read_text_of
from curation.sources.exports.export_formats import EXPORTS
from curation.sources.exports.export_records import lone_record
from curation.sources.row_formats import PREFERENCES, SHAPES
from curation.sources.tables.archives import YAML, data_in, files_in
from curation.sources.tables.read_table import read_table, read_tables
from curation.sources.tables.unpacked_file import GZIP, PARQUET, ZIP, readable
from project.errors import InputError

Fields = dict[str, Any]
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
    for found in ([path] if path in files else [], data, documents, files):
        if found:
            return found[0]
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
    """Whether they are rows in a usual shape, with assertions or passages: a table would lose the
    first, and ask which column has the second.
    """
    lists = ("assertions", "evidence")
    some = any(isinstance(record.get(name), list) for record in records for name in lists)
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
