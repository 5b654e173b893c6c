"""A selection of training rows: its file, and which rows stay."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Self

from pydantic import Field, PositiveInt

from project.errors import InputError
from project.files import write_lines
from project.records.adapters import Numerics
from project.records.data import Row
from project.records.record import Digest, Record, read_input
from project.settings import PARAMS

# --- selection file -------------------------------------------------------------------------------

# A selection as a file: JSON Lines, first what it was made from and how, then a line for each row
# that was ranked.

FOLDER = Path("datasets/selection")  # which stage `curate` depends on
METHOD = "ifd-coverage-1"  # another rule gets another name


class RowQuality(Record):
    """What a row's quality is made of; each part is between 0 and 1, and they are multiplied."""

    ifd: float | None  # what the prompt leaves of the answer's loss; None: the base cannot read it
    learnable: float
    length: float
    faultless: float
    faults: tuple[str, ...] = ()  # by the names of curation/faults

    @property
    def value(self) -> float:
        return self.learnable * self.length * self.faultless


class RankedRow(Record):
    """A training row that was ranked; one without a rank was not selected."""

    id: str
    rank: PositiveInt | None
    quality: float
    parts: RowQuality


class SelectionHead(Record):
    """What a selection was made from, and how."""

    method: str = METHOD
    selected: PositiveInt  # how many of the ranked rows have a rank
    ranked: PositiveInt
    dataset: Digest  # of the dataset version
    base: Digest  # of the pin of the model whose losses say how much a row teaches
    embedder: Digest
    numerics: Numerics


class Selection(Record):
    head: SelectionHead
    rows: tuple[RankedRow, ...] = Field(min_length=1)

    @property
    def chosen(self) -> list[str]:
        """The ids of the selected rows, the best first."""
        taken = [(row.rank, row.id) for row in self.rows if row.rank is not None]
        return [name for _, name in sorted(taken)]

    def save(self, path: Path) -> None:
        """Write head and rows, whole or not at all."""
        write_lines(path, (record.canonical() for record in (self.head, *self.rows)))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Raises InputError naming file, line and field."""
        lines = [line for line in read_input(path).split(b"\n") if line.strip()]
        if len(lines) < 2:
            raise InputError("holds no selection: `incumbent search select` makes one", file=path)
        head = SelectionHead.parse(lines[0], path, 1)
        rows = tuple(RankedRow.parse(line, path, n) for n, line in enumerate(lines[1:], start=2))
        refuse_inconsistent(head, rows, path)
        return cls(head=head, rows=rows)


def refuse_inconsistent(head: SelectionHead, rows: Sequence[RankedRow], path: Path) -> None:
    """Raise InputError for a file that was cut or mended by hand: it would select in silence."""
    ranks = sorted(row.rank for row in rows if row.rank is not None)
    if len(rows) != head.ranked or ranks != list(range(1, head.selected + 1)):
        raise InputError(
            f"does not hold the {head.selected} selected of {head.ranked} rows that its first line "
            "tells of: run `incumbent search select` again",
            file=path,
        )
    if len({row.id for row in rows}) < len(rows):
        raise InputError("ranks a row twice: run `incumbent search select` again", file=path)


# --- selected rows --------------------------------------------------------------------------------

# A selection applied to training rows: which of them stay, and why the others do not.

# Why a row is in no part; each reads well behind a number.
NOT_SELECTED = "not selected"
UNRANKED = "newer than the selection: `incumbent search select` ranks them"


def selected(rows: Sequence[Row], selection: Selection, train_only: Collection[str]) -> list[Row]:
    """The rows of sources that are for training only, as they are; then the selected ones, the best
    first.

    Rows that people accepted come later, and are not for this function. Raises InputError where a
    selected row is not among these rows: the data changed, and the rest would be another selection.
    """
    known = {row.id: row for row in rows}
    kept = [row for row in rows if row.source in train_only]
    if gone := [name for name in selection.chosen if name not in known]:
        raise InputError(
            f"{len(gone)} of the {selection.head.selected} selected rows are no training rows any "
            f"more, such as {gone[0]}: take the line out, run `dvc repro`, and then "
            "`incumbent search select` again",
            file=PARAMS,
            field="curation.curate.selection",
        )
    return [*kept, *(known[name] for name in selection.chosen)]


def unselected(
    rows: Sequence[Row], selection: Selection, train_only: Collection[str]
) -> dict[str, str]:
    """Why each of the other rows is left out, by id."""
    ranked = {row.id for row in selection.rows}
    chosen = set(selection.chosen)
    return {
        row.id: NOT_SELECTED if row.id in ranked else UNRANKED
        for row in rows
        if row.id not in chosen and row.source not in train_only
    }
