"""A person's files by what they hold, and how they and their columns were read, in words."""

import shlex
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, NamedTuple, get_args

from rich.cells import cell_len
from rich.text import Text

from curation.curation_settings import Columns, ExportFields, FileSource, Format, ToolTurns
from curation.sources.chat_shapes import RoleNames
from curation.sources.columns.column_guess import guess
from curation.sources.columns.column_words import Guess, Taken
from curation.sources.documents.read_documents import documents_in, is_document
from curation.sources.exports.export_records import SourceFile
from curation.sources.exports.good_or_bad import COMMAND, arguments_of, in_pairs
from curation.sources.row_formats import Read
from curation.sources.source_file import EXPORTS, TRAFFIC, guess_format, read_source_file
from curation.sources.table_rows import NamedColumns
from curation.sources.tables.read_table import read_tables
from curation.sources.tables.table import Table
from curation.sources.tables.unpacked_file import files_in, left_aside
from curation.sources.turns import Turns
from incumbent.output import console, say
from project.errors import InputError
from project.model_pins import EMBEDDED, BaseChoice, locate
from project.records.data import Document, Row, counted
from project.records.preferences import PreferencePair, RatedAnswer
from project.untrusted_input import one_line

RAW_TEXT = ("documents", "texts")
JUDGED = ("preferences", "rated")
# Formats that a table is taken for where its columns are named.
NAMED = ("rows", "texts", *JUDGED)
SHOWN = 60  # characters of a text
BESIDE = (
    "holds raw text{}, and a project begins with rows: name a file of questions and answers beside"
    " it, as in --from faq.csv --from {}; if it is a table, write the names of its columns into its"
    " first line, and tabs between them and between the fields"
)
OTHERWISE = (
    "is {}, and a project begins with rows: make it of a table or by --sample, then"
    " `incumbent data import {}` in it"
)
IN_A_PROJECT = "(in a project: make it first, of a table or by --sample)"


FORMATS = (*get_args(Format), TRAFFIC)


@dataclass(frozen=True)
class HowRead(NamedColumns):
    """How files are to be read: what is what in tables and exports, and how the files are. None and
    empty is for what is told by the files themselves.

    Raises InputError for a format that there is not.
    """

    turns: Turns = "last"
    tools: ToolTurns = "keep"
    format: str | None = None
    roles: RoleNames = field(default_factory=dict)
    control: str | None = None
    answers: Mapping[str, str] = field(default_factory=dict)  # by what people choose
    good: tuple[str, ...] = ()
    bad: tuple[str, ...] = ()
    options: Literal["classes", "answers"] | None = None
    encoding: str | None = None
    skip: bool = False  # what is no record is left out and counted
    licence: str | None = None  # under which they stand
    redact: bool = False

    def __post_init__(self) -> None:
        if self.format is not None and self.format not in FORMATS:
            problem = f"there is no format {self.format!r}; there are {', '.join(FORMATS)}"
            raise InputError(problem, field="--format")

    @property
    def export(self) -> ExportFields:
        """The options for exports of annotation tools."""
        given = {name: getattr(self, name) for name in ExportFields.model_fields}
        return ExportFields(**given | {"slices": self.slices or ()})

    @property
    def of_transcripts(self) -> Columns:
        return Columns(
            messages="transcript",
            turns=self.turns,
            instruction=self.instruction,
            system=self.system,
        )

    def file(self, path: Path, form: str, names: Mapping[Path, str]) -> SourceFile:
        """`names` are those of files by which they are called in what is made of them."""
        return SourceFile(
            path,
            form,
            columns=self.of_transcripts if form == "transcripts" else None,
            export=self.export,
            skip=self.skip,
            encoding=self.encoding,
            roles=self.roles,
            names=names,
        )

    def with_export(self, fields: ExportFields) -> "HowRead":
        """The same with other names of what is what in an export."""
        given = {name: getattr(fields, name) for name in ExportFields.model_fields}
        return replace(self, **given | {"slices": fields.slices or self.slices})

    def idle_for(self, formats: Collection[str]) -> list[str]:
        """The options that were given and mean nothing for files of these formats."""
        idle = [] if "table" in formats else ["messages", "group"]
        if EXPORTS.keys().isdisjoint(formats):
            idle += ["control", "answer", "good", "bad", "options"]
        given = {"answer": self.answers}
        return [f"--{name}" for name in idle if given.get(name) or getattr(self, name, None)]

    def command(self, files: Sequence[Path], *more: str) -> str:
        """What to type for an import of the files with these options, and with more."""
        named = [
            ("--format", self.format),
            ("--messages", self.messages),
            ("--turns", self.turns if self.turns != "last" else None),
            *(("--role", f"{name}={role}") for name, role in self.roles.items()),
            ("--tools", self.tools if self.tools != "keep" else None),
            ("--group", self.group),
            ("--encoding", self.encoding),
            ("--licence", self.licence),
        ]
        flags = {"--skip-unreadable": self.skip, "--redact": self.redact}
        words = [*in_pairs(named), *(flag for flag, is_set in flags.items() if is_set), *more]
        return shlex.join([*COMMAND.split(), *map(str, files), *arguments_of(self.export), *words])


def unread_files(path: Path, form: str) -> list[Path]:
    """Files of a folder that are not read, by the format that it is read as."""
    if form == "documents":
        return [file for file in files_in(path) if file not in documents_in(path)]
    return left_aside(path)


@dataclass(frozen=True)
class OwnFile:
    """A file or a folder, by its format, and what is in it: tables, or what was made of records."""

    path: Path
    format: Format
    tables: Sequence[Table] = ()
    reads: Sequence[Read] = ()
    export: ExportFields = field(default_factory=ExportFields)

    def source(self, path: Path, columns: Columns | None, how: HowRead) -> FileSource:
        """The source as the project has it, where the file lies at a path in it."""
        return FileSource(
            kind="file",
            path=path,
            format=None if self.format in ("table", "rows") else self.format,
            columns=columns if self.format == "table" else None,
            answers_as_rows=self.format in JUDGED,
            export=self.export,
            unreadable="skip" if how.skip else "refuse",
            encoding=how.encoding,
            licence=how.licence,
        )

    @property
    def begins(self) -> str:
        """How its first text begins, for a message."""
        texts = [read.made.text for read in self.reads if isinstance(read.made, Document)]
        return f' ("{one_line(texts[0])[:SHOWN].rstrip()}…")' if texts else ""

    @property
    def aside(self) -> list[Path]:
        return unread_files(self.path, self.format)

    @property
    def summary(self) -> str:
        """What was made of it, in words."""
        kinds = {PreferencePair: "preference pair", RatedAnswer: "rated answer"}
        kinds |= {Row: "row", Document: "passage"}
        counts = Counter(kinds[type(read.made)] for read in self.reads if read.made is not None)
        lost = Counter(read.origin.why for read in self.reads if read.made is None)
        told = [counted(count, noun) for noun, count in counts.items()]
        told += [f"{count:,} {why}" for why, count in lost.most_common()]
        title = EXPORTS[self.format].title if self.format in EXPORTS else self.format
        return f"{self.path}: {title}, {', '.join(told) or 'nothing that can be read'}"


@dataclass(frozen=True)
class OwnFiles:
    files: Sequence[OwnFile]
    columns: Guess | None  # of the tables

    @property
    def tables(self) -> list[Table]:
        return [table for file in self.files for table in file.tables]

    def sources(self, paths: Sequence[Path], how: HowRead) -> list[FileSource]:
        columns = self.columns.columns if self.columns else None
        pairs = zip(self.files, paths, strict=True)
        return [file.source(path, columns, how) for file, path in pairs]


def look_at(files: Sequence[Path], how: HowRead) -> OwnFiles:
    """What the files hold. Raises InputError for unreadable files, unclear columns, no rows."""
    export = how.export if len(files) == 1 else ExportFields()
    sources = [own_file(file, how, export) for file in files]
    tables = [table for file in sources for table in file.tables]
    if not tables and all(file.format in RAW_TEXT for file in sources):
        first = sources[0]
        raise InputError(BESIDE.format(first.begins, first.path), file=first.path)
    return OwnFiles(sources, guess(tables, how, passages=True) if tables else None)


def own_file(path: Path, how: HowRead, export: ExportFields) -> OwnFile:
    form = format_of(path, how)
    if form == "table":
        return OwnFile(path, form, tables=read_tables(path, skip=how.skip, encoding=how.encoding))
    file = SourceFile(path, form, export=export, skip=how.skip, encoding=how.encoding)
    try:
        return OwnFile(path, form, reads=list(read_source_file(file)), export=export)
    except InputError as error:
        if "incumbent data import" not in str(error):
            raise
        raise InputError(f"{error}\n{IN_A_PROJECT}") from None


def format_of(path: Path, how: HowRead) -> Format:
    """Raises InputError for a log of what users wrote."""
    form = guess_format(path, how.encoding)
    if form == TRAFFIC:
        raise InputError(OTHERWISE.format("a traffic log", path), file=path)
    own_format: Format = form  # type: ignore[assignment]  # all others are
    return "table" if how.columns and own_format in NAMED else own_format


# --- base choice ----------------------------------------------------------------------------------

# The base that a new project is to start from, told early if it cannot be one.

NEEDED = ("config.json", "*.safetensors", "tokenizer*")


def chosen_base(choice: BaseChoice) -> BaseChoice:
    """The same; a folder by its whole path, for the project lies elsewhere.

    Raises InputError for a folder that holds no model, and for an id of the Hub without a commit.
    """
    if choice.model == EMBEDDED:
        locate(choice, "base")
        return choice
    folder = Path(choice.model).expanduser()
    if folder.is_dir():
        refuse_no_model(folder)
        return choice.model_copy(update={"model": str(folder.resolve())})
    if choice.revision is None:
        raise InputError(
            f"{choice.model!r} is no folder here; an id of the Hub needs --revision COMMIT, so "
            "that runs repeat",
            field="--base",
        )
    return choice


def refuse_no_model(folder: Path) -> None:
    for pattern in NEEDED:
        if not any(folder.glob(pattern)):
            raise InputError(
                f"holds no model: {pattern} is missing. A model in the format of Hugging Face is "
                "needed, with safetensors",
                file=folder,
                field="--base",
            )


# --- screen ---------------------------------------------------------------------------------------

# What `init` says: paragraphs beside their labels, wrapped in a terminal and whole in a pipe.

MARGIN = 11  # columns: the longest label, and a gap
WIDEST = 100  # columns: longer lines are hard to read


class LabelledLines(NamedTuple):
    """Lines about one thing, which the label names."""

    label: str
    lines: Sequence[str]


def show(paragraphs: Iterable[LabelledLines]) -> None:
    for label, lines in paragraphs:
        for line in lines:
            show_line(label, line)
            label = ""


def show_line(label: str, line: str) -> None:
    """What is wrapped begins where the line's own text does, behind its blanks."""
    head = Text(label.ljust(MARGIN), "dim")
    indent = len(line) - len(line.lstrip())
    for place, part in enumerate(wrapped(line)):
        blanks = " " * (indent if place else 0)
        whole = Text.assemble(head if place == 0 else " " * MARGIN, blanks, part.rstrip())
        say(whole)


def wrapped(line: str) -> list[str]:
    if not console.is_terminal:
        return [line]
    indent = len(line) - len(line.lstrip())
    width = max(min(console.width, WIDEST) - MARGIN - indent, 20)
    parts = [part.plain for part in Text(line.lstrip()).wrap(console, width)]
    return [" " * indent + first for first in parts[:1]] + parts[1:] or [line]


def padded(text: str, width: int) -> str:
    """The text, padded to so many columns of a terminal, where a Chinese character takes two."""
    return text + " " * (width - cell_len(text))


# --- columns text ---------------------------------------------------------------------------------

# How files and their columns were read, in words; light, for it stands before anything heavy.

MOST_NAMED = 5  # values of a slice, names of columns, contacts
MOST_FILES = 10  # named one by one
WIDEST_NAME = 30  # columns of a terminal, for a name


def own_file_lines(files: OwnFiles) -> LabelledLines:
    tables = files.tables
    lines = [line for table in tables[:MOST_FILES] for line in file_lines(table)]
    if len(tables) > MOST_FILES:
        lines.append(f"and {counted(len(tables) - MOST_FILES, 'file')} more")
    lines += [file.summary for file in files.files if not file.tables]
    aside = [path for file in files.files for path in file.aside]
    lines += aside_lines(aside)
    if texts := list(filter(is_raw_text, aside)):
        lines.append(
            f"  raw text is learnt too where it is named: --from {shlex.quote(str(texts[0]))}"
        )
    return LabelledLines("files" if max(len(files.files), len(tables)) > 1 else "file", lines)


def aside_lines(paths: Sequence[Path]) -> list[str]:
    return [f"left aside, by their names: {some(map(str, paths))}"] if paths else []


def is_raw_text(path: Path) -> bool:
    """Whether it is a document, and none about the files beside it."""
    about = path.name.casefold().startswith(("readme", "licen", "change", "notice"))
    return is_document(path) and not about


def file_lines(table: Table) -> Iterator[str]:
    lost = f", {len(table.unreadable):,} unreadable" if table.unreadable else ""
    records = counted(len(table.rows) + len(table.unreadable), "record")
    yield f"{table.path}: {table.format}, {records}{lost}"
    yield from (f"  {note}" for note in table.notes)


def column_lines(guess: Guess) -> Iterator[LabelledLines]:
    """The columns that are read, and the others by the reason why they are not."""
    read = {name: taken for name, taken in by_use(guess) if taken.use}
    width = min(max(map(cell_len, read)), WIDEST_NAME)
    yield LabelledLines(
        "columns", [f"{padded(name, width)}  {taken}" for name, taken in read.items()]
    )
    unread: dict[str, list[str]] = {}
    for name, taken in guess.taken.items():
        if not taken.use:
            unread.setdefault(taken.why, []).append(name)
    yield LabelledLines("not read", [f"{why}: {some(names)}" for why, names in unread.items()])
    yield LabelledLines("note", guess.notes)


def by_use(guess: Guess) -> list[tuple[str, Taken]]:
    """Prompt and answer first."""
    order = ("prompt", "completion", "messages")
    return sorted(guess.taken.items(), key=lambda item: item[1].use not in order)


def some(names: Iterable[str]) -> str:
    """The first of some names, and how many there are beside them."""
    every = list(names)
    more = f" and {len(every) - MOST_NAMED:,} more" if len(every) > MOST_NAMED else ""
    return ", ".join(every[:MOST_NAMED]) + more
