"""Choices of columns as options that can be typed, and the error where somebody has to choose."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from curation.curation_settings import Columns
from curation.sources.chats.turns import Turns
from curation.sources.columns.column_profile import ColumnProfile
from project.errors import InputError
from project.untrusted_input import one_line

SHOWN = 60  # characters of a value
MOST = 6  # choices that are listed
MOST_SHOWN = 30  # columns


@dataclass(frozen=True)
class ColumnChoice:
    """Prompt and completion, or messages."""

    prompt: tuple[str, ...] = ()
    completion: str | None = None
    messages: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        return (*self.prompt, *(n for n in (self.completion, self.messages) if n is not None))

    def __str__(self) -> str:
        named = [("--prompt", name) for name in self.prompt]
        named += [("--completion", self.completion)] if self.completion is not None else []
        named += [("--messages", self.messages)] if self.messages is not None else []
        return " ".join(f"{option} {shlex.quote(one_line(name))}" for option, name in named)


@dataclass(frozen=True)
class FittingColumns:
    """What fits. It is taken where it is one choice and nothing speaks against it."""

    choices: tuple[ColumnChoice, ...]
    unsure: str | None = None  # why somebody has to choose

    @property
    def sure(self) -> ColumnChoice | None:
        return self.choices[0] if len(self.choices) == 1 and not self.unsure else None


def has_to_choose(
    found: FittingColumns, columns: Sequence[ColumnProfile], file: Path
) -> InputError:
    """The error that lists the choices, with a value of each of their columns."""
    choices = found.choices[:MOST]
    why = one_line(found.unsure or "several columns fit")
    if not choices:
        options = "--prompt COLUMN --completion COLUMN, or --messages COLUMN"
        return InputError(f"{why}; name the columns: {options}\n{examples(columns)}", file=file)
    offered = "\n".join(f"  {choice}" for choice in choices)
    names = {name for choice in choices for name in choice.names}
    shown = examples([c for c in columns if c.name in names])
    return InputError(f"{why}; choose:\n{offered}\n{shown}", file=file)


def examples(columns: Sequence[ColumnProfile]) -> str:
    """A line for each of some columns, with its value in one row."""
    shown = columns[:MOST_SHOWN]
    # The place in the sample of the row of middling length among those with fewest empty cells.
    rows = list(zip(*(column.texts for column in shown), strict=True))
    empty = [sum(not text for text in row) for row in rows]
    fullest = [place for place, count in enumerate(empty) if count == min(empty)]
    by_length = sorted(fullest, key=lambda place: sum(map(len, rows[place])))
    place = by_length[len(by_length) // 2] if by_length else 0
    more = f"\n  and {len(columns) - MOST_SHOWN} columns more" if len(columns) > MOST_SHOWN else ""
    return (
        "such as\n" + "\n".join(f"  {one_line(c.name)}: {example(c, place)}" for c in shown) + more
    )


def example(column: ColumnProfile, place: int) -> str:
    """The value at a place of the sample in quotation marks, cut; or what the values are."""
    if not column.is_text:
        return column.kind
    text = one_line(column.texts[place]) if column.texts else ""
    return f'"{text}"' if len(text) <= SHOWN else f'"{text[:SHOWN].rstrip()}…"'


# --- wanted ---------------------------------------------------------------------------------------

# What was asked for of a table's columns, and what was guessed.


@dataclass(frozen=True)
class NamedColumns:
    """What somebody named; None and () are for what nobody did."""

    prompt: tuple[str, ...] = ()
    completion: str | None = None
    messages: str | None = None
    turns: Turns | None = None
    tools: Literal["refuse", "text"] = "refuse"  # turns of tools in conversations
    instruction: str | None = None  # a text
    system: str | None = None  # a text
    slices: tuple[str, ...] | None = None  # () is for none at all
    group: str | None = None
    evidence: tuple[str, ...] = ()
    answerable: str | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that were named."""
        one = (self.completion, self.messages, self.group, self.answerable)
        several = (*self.prompt, *(self.slices or ()), *self.evidence)
        return (*several, *(name for name in one if name is not None))


class Taken(NamedTuple):
    """What a column is taken for."""

    use: str | None  # such as "prompt"; None: it is not read
    why: str

    def __str__(self) -> str:
        return f"{self.use or 'not read'}: {self.why}"


@dataclass(frozen=True)
class Guess:
    """Columns by the names that the first table has for them."""

    columns: Columns
    taken: dict[str, Taken]  # of each column
    notes: tuple[str, ...] = ()
