"""A preview for people: a text with a margin that says what is learnt, or its tokens as a table."""

from collections.abc import Iterator

from rich.cells import chop_cells
from rich.text import Text

from incumbent.output import console, print_table
from incumbent.previewing.shown_tokens import Preview, Shown

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


def parts_of(one: Shown) -> Iterator[Text]:
    """A token, in pieces that end where its lines do, none wider than the screen."""
    for piece in one.text.splitlines(keepends=True) or [""]:
        for part in chop_cells(spelled(piece), console.width - len(REST)) or [""]:
            yield Text(part)


def spelled(text: str) -> str:
    """With a sign for the end of a line; what would steer a terminal is written out."""
    ended = text.removesuffix("\n")
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in ended)
    return shown + (LINE_END if ended != text else "")
