"""`data preview`: a row or a document as the model sees it, token by token."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from curation.sources.columns.choices import NamedColumns
from incumbent.checking.own_records import HowRead, OwnRecords, read_own
from incumbent.options import LARGEST, CompletionColumn, Json, MessagesColumn, PromptColumns
from incumbent.output import console, print_json
from incumbent.previewing.preview_text import Preview, preview_of, print_preview
from project.chat_template import PROMPT_FIELD, missing_template, refuse_unheard
from project.errors import InputError
from project.model_pins import BaseChoice, locate
from project.paths import CURATED_DOCUMENTS, rows_of
from project.records.data import Document, Row, Split
from project.settings import load, refuse_no_project
from training.model.usable_base import end_tokens
from training.rows.row_tokens import RowTokens, document_tokens, row_tokens
from training.training_settings import DomainParams


@dataclass(frozen=True)
class PreviewOptions:
    """Which of a file's rows, and how they are shown."""

    row: str | None = None  # an id
    rows: int = 1  # the first ones, where no id is given
    document: bool = False  # documents, and not rows
    ids: bool = False


class PreviewBase:
    """The project's base, of which no more is loaded than the tokenizer."""

    def __init__(self, choice: BaseChoice) -> None:
        # Imported here because it takes seconds, and a wrong file is told before.
        from transformers import AutoTokenizer

        folder = locate(choice, "base")
        if not folder.is_dir():
            raise InputError("is not there yet: run `incumbent stage base` first", file=folder)
        self.choice = choice
        self.tokenizer: Any = AutoTokenizer.from_pretrained(folder)
        if not self.tokenizer.chat_template:
            raise missing_template(folder)
        refuse_unheard(self.tokenizer, choice.system_prompt, folder, PROMPT_FIELD)
        self.ends = end_tokens(folder) or [self.tokenizer.eos_token_id]

    def preview(self, name: str, place: str, made: Row | Document) -> Preview:
        """Raises InputError, with its line, for a row that nothing can be learnt from."""
        if isinstance(made, Document):
            tokens = document_tokens(made.text, self.tokenizer)
            cuts = cuts_of_document(tokens)
        else:
            tokens = self.tokens(made, place)
            cuts = cuts_of_row(tokens, self.choice.max_length)
        return preview_of(name, place, tokens, self.tokenizer, self.ends, cuts)

    def tokens(self, row: Row, place: str) -> RowTokens:
        file, _, line = place.rpartition(":")
        if not row.completion_text.strip():
            problem = "is empty: there is nothing to learn; write an answer, or take the row out"
            raise InputError(problem, file=file, line=int(line), field="completion")
        try:
            return row_tokens(row, self.tokenizer, self.choice.system_prompt)
        except InputError as error:
            raise InputError(str(error), file=file, line=int(line)) from None


def preview(
    file: Annotated[
        Path | None, typer.Argument(help="Anybody's rows or texts; the curated ones if left out.")
    ] = None,
    row: Annotated[str | None, typer.Option(help="A row's id.")] = None,
    rows: Annotated[int, typer.Option(min=1, max=LARGEST, help="How many, from the first on.")] = 1,
    document: Annotated[
        bool, typer.Option("--document", help="Documents, which step domain learns from.")
    ] = False,
    ids: Annotated[bool, typer.Option("--ids", help="A line for each token, with its id.")] = False,
    prompt: PromptColumns = None,
    completion: CompletionColumn = None,
    messages: MessagesColumn = None,
    as_json: Json = False,
) -> None:
    """A row as the model sees it: its tokens, which of them are learnt, where it ends.

    Raises InputError for a row that training cannot learn from.
    """
    if file is None:
        refuse_no_project()
    wanted = NamedColumns(prompt=tuple(prompt or ()), completion=completion, messages=messages)
    options = PreviewOptions(row=row, rows=rows, document=document, ids=ids)
    file = file or default_file(options)
    chosen = list(chosen_of(read_own([file], HowRead(wanted)), file, options))
    base = PreviewBase(load(BaseChoice))
    previews = [base.preview(*one) for one in chosen]
    if as_json:
        print_json([as_fields(preview) for preview in previews])
        return
    for number, preview in enumerate(previews):
        if number:
            console.print()
        print_preview(preview, ids=options.ids)


def default_file(options: PreviewOptions) -> Path:
    file = CURATED_DOCUMENTS if options.document else rows_of(Split.TRAIN)
    if not file.is_file():
        raise InputError("is not there yet: `incumbent run` makes it; or name a FILE", file=file)
    return file


def chosen_of(
    own: OwnRecords, file: Path, options: PreviewOptions
) -> Iterator[tuple[str, str, Row | Document]]:
    """Id, place and what was made of it. A file that holds no rows shows its documents."""
    rows = any(isinstance(made, Row) for made in own.made) and not options.document
    kind: type[Row | Document] = Row if rows else Document
    every = zip(own.ids, own.made, strict=True)
    found = [
        (name, own.lines[name][0], made)
        for name, made in every
        if isinstance(made, kind) and options.row in (None, name)
    ]
    if not found and options.row is not None:
        raise InputError(f"holds no {options.row}", file=file, field="--row")
    if not found:
        raise InputError("holds no documents" if options.document else "holds no rows", file=file)
    yield from found if options.row is not None else found[: options.rows]


def cuts_of_row(tokens: RowTokens, longest: int) -> dict[int, str]:
    over = f"base.max_length, {longest}: stage `curate` lets none through that is longer"
    return {longest: over} if len(tokens) > longest else {}


def cuts_of_document(tokens: RowTokens) -> dict[int, str]:
    """Where it is cut to fit the window of step `domain`."""
    # Imported here because it loads transformers, which is of an extra.
    from training.rows.document_pieces import even_pieces

    window = load(DomainParams).window
    cuts, place = {}, 0
    for piece in even_pieces(tokens, window)[:-1]:
        place += len(piece)
        cuts[place] = f"training.domain.window, {window}: cut here"
    return cuts


def as_fields(preview: Preview) -> dict[str, Any]:
    return {
        "id": preview.id,
        "place": preview.place,
        "length": len(preview.tokens),
        "learnt": preview.learnt,
        "end": preview.end,
        "cuts": preview.cuts,
        "tokens": [asdict(one) for one in preview.shown],
    }
