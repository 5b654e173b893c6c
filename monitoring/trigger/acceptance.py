"""Accepting labels: rows of people go to training, dev and sealed, and a record says by whom."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from curation.eval_sets import (
    EVAL_SETS,
    Extension,
    accepted_ids,
    append_change,
    changing,
    read_changes,
)
from curation.faults.private_data import account_data, secret
from evaluation.preference.preference_pairs import PREFERENCES
from monitoring.trigger.label_checks import refusals, set_aside
from monitoring.trigger.labels import LABEL_QUEUE, LABELLED, Label, labelled_row
from project.canonical import stamp
from project.erasures import WHY, Erased
from project.files import write_lines
from project.records.data import Row
from project.records.preferences import RatedAnswer, read_preferences
from project.records.record import Record, write_records
from registry.reader import RegistryReader

T = TypeVar("T")

# Of all users, queued or accepted at a time: a day's reading for a person.
LABELS_AT_ONCE = 500
LABELS_PER_USER = 50  # of one: a tenth of them is nobody's alone


class Acceptance(Record):
    """What became of some labels."""

    new: int
    known: int  # accepted before
    left_out: tuple[str, ...]  # how many, and why

    def __str__(self) -> str:
        return f"{self.new} of {self.new + self.known} rows are new in {LABELLED}"


def accept(labels: Sequence[Label], registry: RegistryReader, reason: str) -> Acceptance:
    """Add labels to the labelled rows, and record that they extend the sets, by whom and why.

    The rows are written first: where the record is missing after a crash, stage curate refuses
    them and says what to type. The same labels again change nothing. What would shut the gate for
    all others is set aside.
    """
    with changing():
        known, erased = accepted_ids(read_changes()), Erased.here()
        there = [
            label
            for label in labels
            if not (erased.holds(label.row) or label.request in erased.rows)
        ]
        fit, aside = let_in(there, known, stamp(registry.clock()))
        taken, left_out = capped(fit, lambda label: label.user, lambda label: label.row.id in known)
        left_out = (*left_out, *aside)
        if gone := len(labels) - len(there):
            left_out = (*left_out, f"{gone} {WHY}")
        rows = {label.row.id: label.row for label in taken}
        new = tuple(name for name in rows if name not in known)
        if new:
            add_bad_answers(taken, PREFERENCES / LABELLED.name)
            add_rows(rows.values(), LABELLED)
            at, by = stamp(registry.clock()), registry.actor
            append_change(Extension(at=at, by=by, reason=reason, source=LABELLED.name, rows=new))
    return Acceptance(new=len(new), known=len(rows) - len(new), left_out=left_out)


def let_in(
    labels: Iterable[Label], known: Collection[str], at: str
) -> tuple[list[Label], list[str]]:
    """The labels that would not shut the gate, or are known already; and notes on the others."""
    found = list(labels)
    new = [label.row for label in found if label.row.id not in known]
    refused = refusals(new)
    fit = [label for label in found if label.row.id in known or label.row.id not in refused]
    return fit, set_aside(new, refused, LABEL_QUEUE, at)


def capped(
    found: Iterable[T],
    user_of: Callable[[T], str | None],
    known: Callable[[T], bool] = lambda _: False,
) -> tuple[list[T], tuple[str, ...]]:
    """As many of each user, and of all, as the limits allow, in their order; and what that leaves
    out.

    Where all are too many, they are taken in turns: the first of each user, then the second of
    each. So many users with many rows leave a place to whoever has one. A row without a user is
    bound by the limit in all alone, and such rows share a turn. What is known already has its
    place: so the rest of a long file can be accepted after its start.
    """
    own, turns = Counter[str](), list[tuple[int, int, T]]()
    of_one = 0
    for place, one in enumerate(found):
        user = user_of(one) or ""
        if user and own[user] >= LABELS_PER_USER:
            of_one += 1
            continue
        turns.append((-1 if known(one) else own[user], place, one))
        own[user] += 1
    turns.sort(key=lambda turn: turn[:2])
    old = sum(turn < 0 for turn, _, _ in turns)
    kept = sorted(turns[: old + LABELS_AT_ONCE], key=lambda turn: turn[1])
    limits = {
        f"{LABELS_PER_USER} labels of one user": of_one,
        f"{LABELS_AT_ONCE} labels at once": len(turns) - len(kept),
    }
    left_out = tuple(f"{n} left out: over {limit}" for limit, n in limits.items() if n)
    return [one for _, _, one in kept], left_out


def accepted_prompts() -> set[str]:
    """What is asked in the labelled rows that somebody accepted."""
    return {row.prompt_text for row in accepted_rows()}


def accepted_rows() -> list[Row]:
    """The labelled rows that somebody accepted, in the order of their file."""
    accepted = accepted_ids(read_changes(EVAL_SETS))
    rows = Row.read_lines(LABELLED) if LABELLED.exists() else ()
    return [row for row in rows if row.id in accepted]


def add_rows(rows: Iterable[Row], path: Path) -> None:
    """Add rows that a file lacks behind the others, whole or not at all."""
    known = {row.id: row for row in Row.read_lines(path)} if path.exists() else {}
    new = [row for row in rows if row.id not in known]
    if new:
        write_lines(path, [row.canonical() for row in (*known.values(), *new)])


def add_bad_answers(labels: Iterable[Label], path: Path) -> None:
    """Add the answers that users corrected as negative examples, each once, whole or not at all."""
    known = {one.id: one for one in read_preferences(path)} if path.exists() else {}
    bad = {one.id: one for label in labels if (one := bad_answer(label))}
    if bad.keys() - known.keys():
        write_records(path, (known | bad).values())


def bad_answer(label: Label) -> RatedAnswer | None:
    """None too for an answer with somebody's data in it: no gate looks at these examples."""
    if not label.bad or is_private(labelled_row(label.row.prompt_text, label.bad, None)):
        return None
    return RatedAnswer(
        prompt=label.row.prompt_text,
        completion=label.bad,
        label=False,
        source=LABELLED.name,
        annotator=label.user,
    )


def is_private(row: Row) -> bool:
    return any(finds(row) for finds in (account_data, secret))
