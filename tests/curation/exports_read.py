"""Exports as tests read them, and their reads in a few words."""

import json
from pathlib import Path
from typing import Any

from curation.curation_settings import ExportFields
from curation.sources.exports.export_judgements import ExportJudgements, TaskAgreement, agreement
from curation.sources.exports.export_records import SourceFile, read_export
from curation.sources.row_formats import Made, Read
from curation.sources.source_file import EXPORTS
from project.records.data import Document, Row
from project.records.preferences import PreferencePair
from tests.conftest import ROOT

EXAMPLES = ROOT / "tests/curation/exports"


def reads(name: str, file: str | Path, **fields: Any) -> list[Read]:
    """What is made of an example, or of a file of the test's own."""
    return list(EXPORTS[name].read(source(name, EXAMPLES / file, **fields)))


def agreed(name: str, file: str | Path, **fields: Any) -> TaskAgreement:
    return agreement(judged(name, EXAMPLES / file, **fields).judgements)


def judged(name: str, path: Path, **fields: Any) -> ExportJudgements:
    own = source(name, path, **fields)
    return EXPORTS[name].judged(read_export(own), own.export)


def source(name: str, path: Path, *, skip: bool = False, **fields: Any) -> SourceFile:
    return SourceFile(path, name, export=ExportFields.model_validate(fields), skip=skip)


def in_words(found: list[Read]) -> list[str]:
    """Each as "line: what"."""
    return [f"{read.origin.line}: {told(read.made) or read.origin.why}" for read in found]


def told(made: Made | None) -> str | None:
    if made is None:
        return None
    if isinstance(made, Document):
        return made.text
    if isinstance(made, Row):
        return f"{made.prompt_text} -> {made.completion_text}"
    if isinstance(made, PreferencePair):
        return f"{made.prompt} -> {made.chosen} > {made.rejected}"
    return f"{made.prompt} -> {made.completion} is {'good' if made.label else 'bad'}"


def file_of(records: Any, name: str = "export.json") -> Path:
    path = Path(name).absolute()
    path.write_text(json.dumps(records))
    return path


def lines_of(records: list[Any], name: str = "export.jsonl") -> Path:
    path = Path(name).absolute()
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path
