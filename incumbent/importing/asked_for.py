"""What the options of an import ask for, each where it means something."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from curation.curation_settings import Columns, ExportFields, Format
from curation.sources.columns.wanted import Wanted
from curation.sources.format_guess import TRAFFIC
from curation.sources.source_file import SourceFile
from project.errors import InputError

FORMATS = (*get_args(Format), TRAFFIC)


@dataclass(frozen=True)
class Asked:
    """How files are to be read; None and empty is for what is told by the files themselves."""

    format: str | None = None
    wanted: Wanted = field(default_factory=Wanted)  # of tables
    export: ExportFields = field(default_factory=ExportFields)
    encoding: str | None = None
    skip: bool = False  # what is no record is left out and counted
    redact: bool = False

    def file(self, path: Path, form: str) -> SourceFile:
        return SourceFile(
            path,
            form,
            columns=self.of_transcripts if form == "transcripts" else None,
            export=self.export,
            skip=self.skip,
            encoding=self.encoding,
        )

    @property
    def of_transcripts(self) -> Columns:
        return Columns(
            messages="transcript",
            turns=self.wanted.turns or "last",
            instruction=self.wanted.instruction,
            system=self.wanted.system,
        )


@dataclass(frozen=True)
class ImportOptions:
    """The options as they were given; None and () are for what nobody said."""

    format: str | None = None
    prompt: tuple[str, ...] = ()
    completion: str | None = None
    messages: str | None = None
    turns: Literal["last", "every"] = "last"
    instruction: str | None = None
    system: str | None = None
    slices: tuple[str, ...] | None = None
    group: str | None = None
    control: str | None = None
    answers: tuple[str, ...] = ()  # CHOICE=FIELD
    good: tuple[str, ...] = ()
    bad: tuple[str, ...] = ()
    options: Literal["classes", "answers"] | None = None
    encoding: str | None = None
    skip: bool = False
    redact: bool = False


def asked_for(given: ImportOptions) -> Asked:
    """Raises InputError for a format that there is not, and for an answer without its field."""
    if given.format is not None and given.format not in FORMATS:
        problem = f"there is no format {given.format!r}; there are {', '.join(FORMATS)}"
        raise InputError(problem, field="--format")
    return Asked(
        format=given.format,
        wanted=wanted(given),
        export=export_fields(given),
        encoding=given.encoding,
        skip=given.skip,
        redact=given.redact,
    )


def wanted(given: ImportOptions) -> Wanted:
    """Of tables."""
    return Wanted(
        prompt=given.prompt,
        completion=given.completion,
        messages=given.messages,
        turns=given.turns,
        instruction=given.instruction,
        system=given.system,
        slices=given.slices,
        group=given.group,
    )


def export_fields(given: ImportOptions) -> ExportFields:
    return ExportFields(
        prompt=given.prompt,
        completion=given.completion,
        answers=dict(pair(text) for text in given.answers),
        control=given.control,
        good=given.good,
        bad=given.bad,
        options=given.options,
        instruction=given.instruction,
        system=given.system,
        slices=given.slices or (),
    )


def pair(text: str) -> tuple[str, str]:
    choice, is_there, field = text.partition("=")
    if not (choice and is_there and field):
        raise InputError(f"{text!r} is no CHOICE=FIELD", field="--answer")
    return choice, field
