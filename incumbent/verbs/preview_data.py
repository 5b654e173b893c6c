"""`data preview`: a row or a document as the model sees it, token by token."""

from collections.abc import Container, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.cells import chop_cells
from rich.text import Text

from incumbent.importing.own_records import OwnRecords, read_own
from incumbent.init.own_sources import HowRead
from incumbent.options import LARGEST, CompletionColumn, Json, MessagesColumn, PromptColumns
from incumbent.output import console, print_json, print_table, say, screen_width
from project.chat_template import PROMPT_FIELD, missing_template, refuse_unheard
from project.errors import InputError
from project.model_pins import BaseChoice, end_tokens, locate
from project.paths import CURATED_DOCUMENTS, rows_of
from project.records.data import Document, Row, Split
from project.settings import load, refuse_no_project
from project.shown_passages import with_passages
from training.rows.row_tokens import RowTokens, document_tokens, row_tokens
from training.training_settings import SftParams

# --- shown tokens ---------------------------------------------------------------------------------

# A row or a document as its tokens: the text of each, what is learnt, where it ends and is cut.

BROKEN = "\ufffd"  # what a part of a character is decoded to
LONGEST = 4  # bytes of a character, and so tokens that one is made of


@dataclass(frozen=True)
class ShownToken:
    """One token, or the few that only together are a character."""

    ids: tuple[int, ...]
    text: str
    learnt: bool


@dataclass(frozen=True)
class Preview:
    """What the model sees of one text."""

    id: str
    place: str  # FILE:LINE
    tokens: RowTokens
    shown: tuple[ShownToken, ...]
    end: str | None  # the end token that is learnt last; None: none is
    cuts: dict[int, str]  # what happens before a token, by its position

    @property
    def learnt(self) -> int:
        return sum(self.tokens.learnt)


def shown_tokens(
    tokens: RowTokens, tokenizer: Any, cuts: Container[int] = ()
) -> Iterator[ShownToken]:
    """Each token's text is what it adds behind the one before it: alone, some lose their space.

    A character that is cut, before a position in `cuts`, is shown as its broken parts.
    """

    def decode(ids: Sequence[int]) -> str:
        return str(tokenizer.decode(ids, clean_up_tokenization_spaces=False))

    before: list[int] = []
    waiting: list[int] = []
    for place, token in enumerate(tokens.ids):
        waiting.append(token)
        text = decode([*before, *waiting])[len(decode(before)) if before else 0 :]
        after = place + 1
        last = after == len(tokens) or tokens.learnt[after] != tokens.learnt[place] or after in cuts
        broken = text.endswith(BROKEN)
        if broken and len(waiting) < LONGEST and not last:
            continue
        yield ShownToken(tuple(waiting), text, tokens.learnt[place])
        before, waiting = [] if broken else waiting, []  # its rest would complete it, unseen


# --- preview text ---------------------------------------------------------------------------------

# A preview for people: a text with a margin that says what is learnt, or its tokens as a table.

MARGIN = {False: "masked │ ", True: "learnt │ "}
REST = "       │ "  # of a line that goes on
# In a terminal, tokens side by side differ in shade; without colours a dot stands between them.
SHADES = {False: ("bright_black", "default"), True: ("green", "bold bright_green")}
DOT = "·"
LINE_END = "↵"


def print_preview(preview: Preview, *, ids: bool) -> None:
    console.print(Text(headline(preview), "bold"))
    if preview.end is None:
        console.print("no end token is learnt: after this the model would go on for ever")
    if ids:
        print_tokens(preview)
        return
    say(*margined(preview))


def headline(preview: Preview) -> str:
    told = (
        f"{preview.id} ({preview.place}): {len(preview.tokens):,} tokens, {preview.learnt:,} learnt"
    )
    return told + (f", ends with {preview.end}" if preview.end else "")


def print_tokens(preview: Preview) -> None:
    """One line for each token, or for those that are a character together."""
    rows, place = [], 0
    for token in preview.shown:
        ids = " ".join(map(str, token.ids))
        rows.append((str(place), ids, "learnt" if token.learnt else "", spelled(token.text)))
        place += len(token.ids)
    print_table((">at", ">id", "", "token"), rows)


def margined(preview: Preview) -> Iterator[Text]:
    """The text's own lines, broken where the screen ends, what is learnt on lines of its own."""
    line, kind, place = Text(), None, 0
    for number, token in enumerate(preview.shown):
        cut = preview.cuts.get(place)
        if line and (cut or token.learnt != kind):
            yield line
            line = Text()
        if cut:
            yield Text(f"─────── {cut}", "yellow")
            kind = None
        for part in parts_of(token):
            if line and line.cell_len + len(DOT) + part.cell_len > screen_width():
                yield line
                line = Text()
            if not line:
                line.append(REST if token.learnt == kind else MARGIN[token.learnt], "dim")
            elif not console.color_system:
                line.append(DOT)
            kind = token.learnt
            line.append(part.plain, SHADES[token.learnt][number % 2])
            if part.plain.endswith(LINE_END):
                yield line
                line = Text()
        place += len(token.ids)
    if line:
        yield line


def parts_of(token: ShownToken) -> Iterator[Text]:
    """A token, in pieces that end where its lines do, none wider than the screen."""
    for piece in token.text.splitlines(keepends=True) or [""]:
        for part in chop_cells(spelled(piece), screen_width() - len(REST)) or [""]:
            yield Text(part)


def spelled(text: str) -> str:
    """The text with a sign for the end of a line; what would steer a terminal is written out."""
    ended = text.removesuffix("\n")
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in ended)
    return shown + (LINE_END if ended != text else "")


# --- preview data ---------------------------------------------------------------------------------


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
            cuts = cuts_of_document(tokens, self.choice.max_length)
        else:
            tokens = self.tokens(made, place)
            cuts = cuts_of_row(tokens, self.choice.max_length)
        learnt = [i for i, mark in zip(tokens.ids, tokens.learnt, strict=True) if mark]
        last = next((token for token in reversed(learnt) if token in self.ends), None)
        end = None if last is None else str(self.tokenizer.convert_ids_to_tokens(last))
        return Preview(
            name, place, tokens, tuple(shown_tokens(tokens, self.tokenizer, cuts)), end, cuts
        )

    def tokens(self, row: Row, place: str) -> RowTokens:
        file, _, line = place.rpartition(":")
        if not row.completion_text.strip():
            problem = "is empty: there is nothing to learn; write an answer, or take the row out"
            raise InputError(problem, file=file, line=int(line), field="completion")
        try:
            shown = with_passages(row, self.choice.evidence_template)
            loss_on = load(SftParams).loss_on
            return row_tokens(shown, self.tokenizer, self.choice.system_prompt, loss_on)
        except InputError as error:
            raise InputError(str(error), file=file, line=int(line)) from None


def preview(
    file: Annotated[
        Path | None, typer.Argument(help="Anybody's rows or texts; if left out, the curated ones.")
    ] = None,
    row: Annotated[str | None, typer.Option(help="A row's id.")] = None,
    rows: Annotated[
        int, typer.Option(min=1, max=LARGEST, help="How many rows, from the first on.")
    ] = 1,
    document: Annotated[
        bool, typer.Option("--document", help="Documents, which step domain learns from.")
    ] = False,
    ids: Annotated[bool, typer.Option("--ids", help="A line for each token, with its id.")] = False,
    prompt: PromptColumns = None,
    completion: CompletionColumn = None,
    messages: MessagesColumn = None,
    as_json: Json = False,
) -> None:
    """Show a row as the model sees it: its tokens, which of them are learnt, where it ends.

    Raises InputError for a row that training cannot learn from.

    $ incumbent data preview faq.csv --rows 3
    """
    if file is None:
        refuse_no_project()
    how = HowRead(prompt=tuple(prompt or ()), completion=completion, messages=messages)
    if file is None:
        file = CURATED_DOCUMENTS if document else rows_of(Split.TRAIN)
        if not file.is_file():
            problem = "is not there yet: `incumbent run` makes it; or name a FILE"
            raise InputError(problem, file=file)
    records = read_own([file], how)
    chosen = chosen_of(records, file, row, rows, documents=document)
    base = PreviewBase(load(BaseChoice))
    previews = [base.preview(*item) for item in chosen]
    if as_json:
        print_json([as_fields(preview) for preview in previews])
        return
    for number, preview in enumerate(previews):
        if number:
            console.print()
        print_preview(preview, ids=ids)


def chosen_of(
    records: OwnRecords, file: Path, row: str | None, count: int, *, documents: bool
) -> list[tuple[str, str, Row | Document]]:
    """Id, place and what was made of it. A file that holds no rows shows its documents."""
    rows = any(isinstance(made, Row) for made in records.made) and not documents
    kind: type[Row | Document] = Row if rows else Document
    matches = [
        (name, records.lines[name][0], made)
        for name, made in zip(records.ids, records.made, strict=True)
        if isinstance(made, kind) and row in (None, name)
    ]
    if not matches and row is not None:
        raise InputError(f"holds no {row}", file=file, field="--row")
    if not matches:
        raise InputError("holds no documents" if documents else "holds no rows", file=file)
    return matches if row is not None else matches[:count]


def cuts_of_row(tokens: RowTokens, longest: int) -> dict[int, str]:
    over = f"base.max_length, {longest}: stage `curate` lets none through that is longer"
    return {longest: over} if len(tokens) > longest else {}


def cuts_of_document(tokens: RowTokens, longest: int) -> dict[int, str]:
    """Where step `domain` cuts it."""
    # Imported here because it loads transformers, which is of an extra.
    from training.rows.packed_rows import even_pieces

    cuts, place = {}, 0
    for piece in even_pieces(tokens, longest)[:-1]:
        place += len(piece)
        cuts[place] = f"base.max_length, {longest}: cut here"
    return cuts


def as_fields(preview: Preview) -> dict[str, Any]:
    return {
        "id": preview.id,
        "place": preview.place,
        "length": len(preview.tokens),
        "learnt": preview.learnt,
        "end": preview.end,
        "cuts": preview.cuts,
        "tokens": [asdict(token) for token in preview.shown],
    }
