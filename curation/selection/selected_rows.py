"""A selection applied to training rows: which of them stay, and why the others do not."""

from collections.abc import Collection, Sequence

from curation.selection.selection_file import Selection
from project.errors import InputError
from project.records.data import Row
from project.settings import PARAMS

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
