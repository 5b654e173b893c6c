"""A selection of training rows: its file, which rows stay, and how good a row is."""

from collections.abc import Collection, Mapping, Sequence
from heapq import heapify, heappop, heappush
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveInt

from curation.faults.private_data import Finder
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
        # A file that was cut or mended by hand: it would select in silence.
        ranks = sorted(row.rank for row in rows if row.rank is not None)
        if len(rows) != head.ranked or ranks != list(range(1, head.selected + 1)):
            raise InputError(
                f"does not hold the {head.selected} selected of {head.ranked} rows that its first "
                "line tells of: run `incumbent search select` again",
                file=path,
            )
        if len({row.id for row in rows}) < len(rows):
            raise InputError("ranks a row twice: run `incumbent search select` again", file=path)
        return cls(head=head, rows=rows)


# --- selected rows --------------------------------------------------------------------------------

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


# --- row quality ----------------------------------------------------------------------------------

# How much a row is worth learning from: by what the base makes of it, its length, its faults.
#
# The instruction-following difficulty (IFD; Li et al. 2024, "From Quantity to Quality", NAACL) is
# the loss of an answer given its prompt, divided by its loss without. At 1 and above the prompt
# does not help at all, so that answer and prompt do not belong together; near 0 the base knows it
# already.

FENCE = 1.5  # interquartile ranges: Tukey's rule for what lies far outside
ODD_LENGTH = 0.5  # what is left of a row's quality if its answer is that far outside
A_FAULT = 0.5  # and for each fault


class AnswerLoss(NamedTuple):
    """Mean loss of an answer's token under the base, in nats; None where it cannot be read."""

    with_prompt: float | None
    alone: float | None


def qualities(
    rows: Sequence[Row],
    losses: Sequence[AnswerLoss],
    tokens: Sequence[int],
    faults: Mapping[str, Finder],
) -> list[RowQuality]:
    """The quality of each row [n], given the losses [n] and the lengths [n] of its answer."""
    # Lengths within Tukey's fences of all, on a logarithmic scale.
    logs = np.log(np.maximum(np.asarray(tokens, dtype=np.float64), 1))
    low, high = np.quantile(logs, [0.25, 0.75])
    reach = FENCE * (high - low)
    ordinary = [bool(low - reach <= value <= high + reach) for value in logs]
    return [
        quality(row, loss, ordinary[i], faults)
        for i, (row, loss) in enumerate(zip(rows, losses, strict=True))
    ]


def quality(
    row: Row, loss: AnswerLoss, ordinary_length: bool, faults: Mapping[str, Finder]
) -> RowQuality:
    fault_names = tuple(name for name, finder in faults.items() if finder(row))
    # The IFD; None where there is no loss to divide by.
    ifd = None if loss.with_prompt is None or not loss.alone else loss.with_prompt / loss.alone
    return RowQuality(
        ifd=None if ifd is None else round(ifd, 4),
        learnable=0.0 if ifd is None or ifd >= 1 else round(ifd, 4),
        length=1.0 if ordinary_length else ODD_LENGTH,
        faultless=A_FAULT ** len(fault_names),
        faults=fault_names,
    )


# --- coverage -------------------------------------------------------------------------------------

# Rows taken one by one, each for the quality that it has and for what it adds to those taken.
#
# Facility location (Cornuéjols et al. 1977; Lin & Bilmes 2011 for texts): a set of rows is worth
# how near each row of the data has one of the set. What a row adds to that is weighted by its
# quality, so neither many rows of one topic nor poor ones of a rare topic come first.

Floats = NDArray[np.float32]

COVERED = 3_000  # rows, evenly taken, that are to be near a taken one: all of a small dataset


def taken_in_order(quality: Sequence[float], vectors: Floats, count: int) -> list[int]:
    """The positions of `count` rows, the best first, given unit vectors [n, d].

    Greedy, and lazily: what a row adds only shrinks as others are taken, so it is computed again
    just when it would come first (Minoux 1978). Ties go to the better and then to the earlier row.
    """
    # An instruction that stands in every prompt makes all rows alike: what all have in common goes.
    centred = vectors - vectors.mean(axis=0)
    lengths = np.linalg.norm(centred, axis=1, keepdims=True)
    apart = np.asarray(centred / np.maximum(lengths, 1e-6), dtype=np.float32)
    covered = apart[np.unique(np.linspace(0, len(apart) - 1, COVERED).astype(int))]
    nearest = np.zeros(len(covered), dtype=np.float32)

    def added(i: int) -> float:
        closer = np.maximum(covered @ apart[i] - nearest, 0)
        return quality[i] * float(closer.sum())

    heap = [(-added(i), -quality[i], i) for i in range(len(apart))]
    heapify(heap)
    taken: list[int] = []
    while heap and len(taken) < count:
        _, worth, i = heappop(heap)
        now = -added(i)
        if heap and (now, worth, i) > heap[0]:
            heappush(heap, (now, worth, i))
            continue
        taken.append(i)
        nearest = np.maximum(nearest, covered @ apart[i])
    return taken
