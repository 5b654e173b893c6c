"""Settings of the curation stages."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    NonNegativeInt,
    PositiveInt,
    model_validator,
)

from project.canonical import digest_json
from project.licences import spdx
from project.records.data import ACCEPTED
from project.settings import Settings


def below(folder: str) -> Callable[[Path], Path]:
    """Refuse a path outside a folder that dvc.yaml declares: DVC would not see its file change."""

    def check(path: Path) -> Path:
        if path.is_absolute() or ".." in path.parts or Path(folder) not in path.parents:
            raise ValueError(f"must be a path below {folder}/, where DVC watches for changes")
        return path

    return check


class PackagesSource(Settings):
    """The sample task: one-line API summaries out of installed Python packages."""

    kind: Literal["python-api"]
    packages: tuple[Annotated[str, Field(pattern=r"^[A-Za-z_]\w*$")], ...] = Field(min_length=1)


class RetrievalParams(Settings):
    """Passages that questions are asked with which bring none, in evaluation and, where
    serving.retrieval says so, at the gateway. Their index is pinned with a contestant.
    """

    # Files or folders with PDF, DOCX, HTML, Markdown or text. None: nothing is retrieved.
    documents: tuple[Annotated[Path, AfterValidator(below("datasets/sources"))], ...] = ()
    shown: PositiveInt = 3  # passages that a question is asked with, of at most 500 characters
    # Passages are found by meaning too, beside words. An index of 10,000 takes about six minutes of
    # one processor then, and seconds without.
    embedder: bool = True
    # Eval items that bring passages are asked with those of the index too, in their place.
    replace: bool = False


def as_names(value: object) -> object:
    """One name may stand for a list of one."""
    return [value] if isinstance(value, str) else value


ToolTurns = Literal["refuse", "keep", "text"]
ABSTENTION = "I do not know: the passages do not say."


class Columns(Settings):
    """Which columns of a table are what; prompt and completion, or messages. No other is read."""

    # Several are joined by an empty line, blank ones left out.
    prompt: Annotated[tuple[str, ...], BeforeValidator(as_names)] = ()
    completion: str | None = None
    messages: str | None = None  # a conversation: curation/sources/chat_shapes.py has its shapes
    # Of a conversation: its last answer, or every answer as a row of its own, all in one group.
    turns: Literal["last", "every"] = "last"
    # Turns of tools in a conversation: it is left out; or calls, results, `weight` and `tools` are
    # kept as OpenAI's files have them; or they are texts, and the tools in the system prompt.
    tools: ToolTurns = "refuse"
    json_answers: bool = False  # answers that are objects or lists: learnt as JSON, or left out
    instruction: str | None = None  # a text before every prompt
    system: str | None = None  # the system prompt of every row
    slices: Annotated[tuple[str, ...], BeforeValidator(as_names)] = ()
    group: str | None = None  # rows with the same value are never split apart
    # Columns with passages on which the answer stands: texts, lists of texts, or of {text, title}.
    evidence: Annotated[tuple[str, ...], BeforeValidator(as_names)] = ()
    # A column that says whether the passages hold an answer; `is_impossible` says the contrary.
    answerable: str | None = None
    # The answer of a record without one, where the passages hold none.
    abstention: str = ABSTENTION

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that are read. A field of an object has the names of both: answer.text."""
        single = (self.completion, self.messages, self.group, self.answerable)
        read = (*self.prompt, *self.slices, *self.evidence)
        return (*read, *(name for name in single if name is not None))

    @model_validator(mode="after")
    def names_a_pair_or_a_conversation(self) -> Self:
        pair = bool(self.prompt and self.completion)
        if pair == bool(self.messages) or bool(self.prompt) != bool(self.completion):
            raise ValueError("name prompt and completion, or messages")
        if self.answerable and not self.evidence:
            raise ValueError("`answerable` is about `evidence`: name its columns too")
        return self


# What a file holds, and how; curation/sources/source_file.py has what reads each.
Format = Literal[
    "rows",  # JSON Lines of rows, in one of the shapes of curation/sources/row_formats.py
    "table",  # CSV, TSV, JSON, JSON Lines, YAML, XLSX or Parquet, with named columns
    "transcripts",  # texts in which marks say who speaks
    "documents",  # plain text, Markdown, HTML, PDF, DOCX
    "texts",  # a table whose column `text` holds documents
    # Exports of annotation tools, and what people said of answers, as curation/sources/exports has
    # them.
    "label-studio",
    "prodigy",
    "argilla",
    "preferences",  # {prompt, chosen, rejected}
    "rated",  # {prompt, completion, label}
]


def as_words(value: object) -> object:
    """As as_names, and numbers, such as ratings, as they are written."""
    words = value if isinstance(value, list | tuple) else [value]
    return [str(word) if type(word) in (int, float) else word for word in words]


class ExportFields(Settings):
    """What is what in an export of an annotation tool. Where one reading alone is possible, it
    needs no name; else an error lists what there is.
    """

    # The data field with the prompt. Several are joined by an empty line, blank ones left out.
    prompt: Annotated[tuple[str, ...], BeforeValidator(as_names)] = ()
    completion: str | None = None  # the data field with the answer, or answers, that people judged
    # Of two or more answers that were compared, each in a data field of its own: what people
    # choose, with the field that it stands for. Any other choice is a tie.
    answers: dict[str, str] = Field(default={})
    control: str | None = None  # the control, or question, that holds what people said
    good: Annotated[tuple[str, ...], BeforeValidator(as_words)] = ()  # what praises an answer
    bad: Annotated[tuple[str, ...], BeforeValidator(as_words)] = ()  # what blames it
    # What the options of a task are: classes of the prompt, or answers to it.
    options: Literal["classes", "answers"] | None = None
    instruction: str | None = None  # a text before every prompt
    system: str | None = None  # the system prompt of every row
    slices: Annotated[tuple[str, ...], BeforeValidator(as_names)] = ()  # data fields


def as_licence(value: str) -> str:
    known = spdx(value)
    if known is None:
        raise ValueError(
            f"{value!r} is no licence that SPDX knows, such as CC-BY-4.0; one of your own is "
            "LicenseRef-NAME"
        )
    return known


class FileSource(Settings):
    """A file, or a folder of files."""

    kind: Literal["file"]
    path: Annotated[Path, AfterValidator(below("datasets/sources"))]
    format: Format | None = None  # null: a table where columns are named, else rows
    columns: Columns | None = None  # of a table, or of transcripts as conversations
    # What is no record: an error that names the line, or left out and counted.
    unreadable: Literal["refuse", "skip"] = "refuse"
    encoding: str | None = None  # null: told by its bytes
    # Under which its rows stand, as SPDX names it: CC-BY-4.0; null: nobody said.
    licence: Annotated[str, AfterValidator(as_licence)] | None = None
    export: ExportFields = ExportFields()  # of an annotation tool's export: what is what in it
    # Of preference pairs and rated answers: the better answers, and the good ones, are rows too.
    answers_as_rows: bool = False

    @property
    def read_as(self) -> Format:
        return self.format or ("table" if self.columns else "rows")

    @model_validator(mode="after")
    def has_the_columns_that_its_format_takes(self) -> Self:
        if self.read_as == "table" and not self.columns:
            raise ValueError("name the columns of a table")
        if self.columns and self.read_as not in ("table", "transcripts"):
            raise ValueError(f"columns are of tables and transcripts, not of {self.read_as}")
        return self


Source = Annotated[PackagesSource | FileSource, Field(discriminator="kind")]


TooLong = Literal["drop", "refuse", "cut"]
Conflicts = Literal["keep", "newest", "longest", "refuse"]


class CollectParams(Settings):
    """Where rows come from, in this order."""

    sources: tuple[Source, ...] = Field(min_length=1)
    # Which sources are let in: all; those that name a licence; of these, those whose licence does
    # not forbid to pass on what is made of them.
    licences: Literal["any", "named", "trainable"] = "any"
    # A JSON file with the tools that every row may call which names none: a list, as OpenAI has it.
    tools: Annotated[Path, AfterValidator(below("datasets/sources"))] | None = None


def lot(seed: int, name: str) -> float:
    """A number in [0, 1) that is a function of seed and name, spread evenly over names."""
    return int(digest_json([seed, name])[:13], 16) / 16**13


class CurateParams(Settings):
    """Which rows are kept, and how they are split into training, dev and sealed."""

    # Rows of more tokens than base.max_length: left out, refused by the gate, or their prompt cut.
    too_long: TooLong = "drop"
    # One prompt with several answers: all are kept, together in one part; only the newest or the
    # longest answer is; or the gate refuses them.
    conflicts: Conflicts = "keep"
    # Rows that teach nothing, or a falsehood: no answer, several instructions in one, what no model
    # can see. They are left out; or they stay, and the gate tells of them. What can be mended is.
    faulty: Literal["drop", "keep"] = "drop"
    # Rows that seem to hold numbers of accounts, or contacts: by its contract the gate refuses them
    # or tells of them; or they are left out. The organisation's own contacts, in
    # datasets/contracts/waivers.yaml, are none.
    personal_data: Literal["refuse", "drop"] = "refuse"
    max_per_group: PositiveInt | None = None  # rows kept of a group of near-duplicates; null: all
    # What stays in one part: rows that ask or answer alike; or, of rows on passages, all that are
    # about one document, so that items are about texts that nobody learnt.
    split_by: Literal["kin", "source"] = "kin"
    # Rows kept of one template, whose prompts differ in figures, dates or names alone; null: all.
    # Hundreds of "My balance is 53,784, …" are one question, and would be most of what is learnt.
    max_per_template: PositiveInt | None = 20
    dev_share: float = Field(default=0.15, gt=0, lt=1)  # of the groups
    sealed_share: float = Field(default=0.25, gt=0, lt=1)  # of the groups; the rest is training
    # Rows taken, the first ones; null: all. How many are learnt, training.sft.rows says.
    dev: PositiveInt | None = None
    sealed: PositiveInt | None = None
    seed: NonNegativeInt = 0  # of the lots by which groups go to a part
    # Sources (file names) whose rows are for training only, with all their near-duplicates, or
    # their documents. They come first, and replace the rows that ask the same.
    train_only: tuple[str, ...] = ()
    # Sources (file names) whose rows are dev's and sealed's alone: what lots deal to training is
    # left out.
    eval_only: tuple[str, ...] = ()
    # At most this share of training, of dev and of sealed are accepted rows; the rest waits. They
    # go beside the other rows, which are curated as if these were not there.
    accepted_share: float = Field(default=0.5, ge=0, lt=1)
    # Of training, at most this share is rows that a model wrote, accepted ones; the rest waits.
    synthetic_share: float = Field(default=0.2, ge=0, lt=1)
    # A file of `incumbent search select`: its rows are trained on, beside those of train_only and
    # the accepted ones; null: all.
    selection: Annotated[Path, AfterValidator(below("datasets/selection"))] | None = None

    @model_validator(mode="after")
    def a_source_is_of_one_kind(self) -> Self:
        if both := set(self.train_only) & set(self.eval_only):
            raise ValueError(f"{min(both)} is in train_only and in eval_only: choose one")
        if ACCEPTED in (*self.train_only, *self.eval_only):
            raise ValueError(f"{ACCEPTED} has what somebody accepted, for all parts: leave it out")
        return self

    @model_validator(mode="after")
    def leaves_rows_to_train_on(self) -> Self:
        if self.dev_share + self.sealed_share >= 1:
            raise ValueError(
                f"dev_share {self.dev_share:g} and sealed_share {self.sealed_share:g} leave "
                "nothing to train on: together they are less than 1"
            )
        return self


class ValidateParams(Settings):
    """What the curated rows must fulfil."""

    contract: Annotated[Path, AfterValidator(below("datasets/contracts"))]
    # Rows that the embedder looks at, of each part and slice its share: for rows that say the same
    # in other words, are off the topic or leak an eval item. 0: none, and these are not looked for.
    embedded_rows: NonNegativeInt = 2000
