"""Which rows are worth a place, and why each of the others is not."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

from curation.account import CONFLICT, CORRECTED, OF_TEMPLATE, REPEATED, WITH_BLANKS
from curation.cleaning.conflicts import settle
from curation.cleaning.mending import mended, mended_messages
from curation.curation_settings import CurateParams, lot
from curation.faults.unfilled import unfilled
from curation.kin.text_forms import capitals_tell_names, said_alike, templates
from project.contacts import Contacts
from project.personal_data import found
from project.records.data import Message, Row

FEW_BLANKS = 0.1  # of the rows: less than the gate tolerates, for others may leave later


def clean(row: Row) -> Row:
    """The row with its texts put right; the same row where nothing is to be done."""
    return mended(row)[0]


def cleaned(messages: Iterable[Message]) -> tuple[Message, ...]:
    """Messages of no row, in the form that those of rows have."""
    return mended_messages(messages)


def with_personal_data(rows: Iterable[Row], ours: Contacts) -> list[str]:
    """The ids of rows that seem to hold some, in prompt or answer."""
    return [row.id for row in rows if found(f"{row.prompt_text}\n{row.completion_text}", ours)]


def sifted(
    rows: list[Row], params: CurateParams, unfit: Mapping[str, str]
) -> tuple[list[Row], dict[str, str]]:
    """The rows that are worth a place, and why each of the others is not."""
    left_out = {row.id: unfit[row.id] for row in rows if row.id in unfit}
    rows = [row for row in rows if row.id not in unfit]
    steps: tuple[tuple[str, Callable[[list[Row]], list[Row]]], ...] = (
        (CORRECTED, lambda rows: corrected(rows, params.train_only)),
        (REPEATED, lambda rows: list(unrepeated(rows))),
        (CONFLICT, lambda rows: settle(rows, params.conflicts)),
        (OF_TEMPLATE, lambda rows: few_of_each_template(rows, params)),
        (WITH_BLANKS, lambda rows: without_blanks(rows, params)),
    )
    for why, step in steps:
        kept = step(rows)
        left_out |= reasons((why, rows, kept))
        rows = kept
    return rows, left_out


def reasons(*steps: tuple[str, Sequence[Row], Sequence[Row]]) -> dict[str, str]:
    """Why each row left that a step had before it and not behind it; by id."""
    found: dict[str, str] = {}
    for why, before, behind in steps:
        there = {row.id for row in behind}
        found |= {row.id: why for row in before if row.id not in there}
    return found


def corrected(rows: Iterable[Row], train_only: Collection[str]) -> list[Row]:
    """Drop the rows that ask what a row for training only asks too: it is their correction."""
    known = list(rows)
    asked = {row.prompt_text for row in known if row.source in train_only}
    return [r for r in known if r.source in train_only or r.prompt_text not in asked]


def few_of_each_template(rows: list[Row], params: CurateParams) -> list[Row]:
    """At most max_per_template rows of each: those for training only, then those of the highest
    lots, so that a large template is trained on.
    """
    if params.max_per_template is None:
        return rows
    asked = [row.prompt_text for row in rows]
    forms = templates(asked, names=capitals_tell_names(asked))
    own: dict[str, list[Row]] = {}
    for row, form in zip(rows, forms, strict=True):
        if form:
            own.setdefault(form, []).append(row)
    gone = {
        row.id
        for same in own.values()
        for row in by_training(same, params)[params.max_per_template :]
    }
    return [row for row in rows if row.id not in gone]


def without_blanks(rows: list[Row], params: CurateParams) -> list[Row]:
    """A few rows with unfilled blanks stay, for somebody to look at; of many the gate would take
    none.
    """
    if params.faulty == "keep":
        return rows
    filled = [row for row in rows if not unfilled(row)]
    return rows if len(filled) >= (1 - FEW_BLANKS) * len(rows) else filled


def by_training(rows: Sequence[Row], params: CurateParams) -> list[Row]:
    """Those that are the first to be trained on come first."""
    return sorted(
        rows, key=lambda row: (row.source not in params.train_only, -lot(params.seed, row.id))
    )


def unrepeated(rows: Iterable[Row]) -> Iterator[Row]:
    """Pass on the first of the rows that ask and answer the same, but for case and punctuation."""
    seen: set[tuple[str, str]] = set()
    for row in rows:
        said = said_alike(row)
        if said not in seen:
            seen.add(said)
            yield row
