"""A preview for people: a text with a margin that says what is learnt, or its tokens as a table."""

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rich.cells import chop_cells
from rich.text import Text

from incumbent.output import console, print_table
from training.rows.row_tokens import RowTokens

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


def preview_of(
    name: str,
    place: str,
    tokens: RowTokens,
    tokenizer: Any,
    ends: Sequence[int],
    cuts: dict[int, str],
) -> Preview:
    """The tokenizer is one of transformers, which has no types; `ends`: ids that end an answer."""
    learnt = [i for i, mark in zip(tokens.ids, tokens.learnt, strict=True) if mark]
    last = next((token for token in reversed(learnt) if token in ends), None)
    end = None if last is None else str(tokenizer.convert_ids_to_tokens(last))
    return Preview(name, place, tokens, tuple(shown_tokens(tokens, tokenizer, cuts)), end, cuts)


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
    for line in margined(preview):
        console.print(line, soft_wrap=True)


def headline(preview: Preview) -> str:
    told = (
        f"{preview.id} ({preview.place}): {len(preview.tokens):,} tokens, {preview.learnt:,} learnt"
    )
    return told + (f", ends with {preview.end}" if preview.end else "")


def print_tokens(preview: Preview) -> None:
    """One line for each token, or for those that are a character together."""
    rows, place = [], 0
    for one in preview.shown:
        ids = " ".join(map(str, one.ids))
        rows.append((str(place), ids, "learnt" if one.learnt else "", spelled(one.text)))
        place += len(one.ids)
    print_table((">at", ">id", "", "token"), rows)


def margined(preview: Preview) -> Iterator[Text]:
    """The text's own lines, broken where the screen ends, what is learnt on lines of its own."""
    line, kind, place = Text(), None, 0
    for number, one in enumerate(preview.shown):
        cut = preview.cuts.get(place)
        if line and (cut or one.learnt != kind):
            yield line
            line = Text()
        if cut:
            yield Text(f"─────── {cut}", "yellow")
            kind = None
        for part in parts_of(one):
            if line and line.cell_len + len(DOT) + part.cell_len > console.width:
                yield line
                line = Text()
            if not line:
                line.append(REST if one.learnt == kind else MARGIN[one.learnt], "dim")
            elif not console.color_system:
                line.append(DOT)
            kind = one.learnt
            line.append(part.plain, SHADES[one.learnt][number % 2])
            if part.plain.endswith(LINE_END):
                yield line
                line = Text()
        place += len(one.ids)
    if line:
        yield line


def parts_of(one: ShownToken) -> Iterator[Text]:
    """A token, in pieces that end where its lines do, none wider than the screen."""
    for piece in one.text.splitlines(keepends=True) or [""]:
        for part in chop_cells(spelled(piece), console.width - len(REST)) or [""]:
            yield Text(part)


def spelled(text: str) -> str:
    """With a sign for the end of a line; what would steer a terminal is written out."""
    ended = text.removesuffix("\n")
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in ended)
    return shown + (LINE_END if ended != text else "")
