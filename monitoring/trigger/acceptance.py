"""Labels checked, and accepted: rows of people go to training, dev and sealed, and a record says
by whom.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from curation.account import NO_ANSWER, NO_PROMPT
from curation.curation_settings import CurateParams
from curation.eval_sets import (
    EVAL_SETS,
    Extension,
    accepted_ids,
    append_change,
    changing,
    read_changes,
)
from curation.faults.private_data import account_data, secret
from curation.sifting import clean
from curation.token_lengths import TokenLengths
from evaluation.preference.preference_pairs import PREFERENCES
from monitoring.trigger.labels import LABEL_QUEUE, LABELLED, Label, labelled_row
from project.canonical import stamp
from project.erasures import WHY, Erased
from project.errors import InputError
from project.files import write_lines
from project.model_pins import BaseChoice, locate
from project.paths import BASE, rows_of
from project.personal_data import redact
from project.records.data import ACCEPTED, Row, Split
from project.records.preferences import RatedAnswer, read_preferences
from project.records.record import Record, read_input, write_records
from project.settings import load
from project.untrusted_input import one_line
from registry.reader import RegistryReader

# --- checks ---------------------------------------------------------------------------------------

# What users wrote is checked before a person is asked to accept it, and before it is accepted: by
# the gate's own rules, row by row. What fails is set aside with its reason.

SET_ASIDE = "set-aside.jsonl"  # beside the queues
MOST = 1_000  # lines of that file: the newest
SHOWN = 80  # characters of a prompt
WAIVE = (
    "a row that may stay as it is can be accepted once somebody excused it: "
    "`incumbent data waive CHECK --rows ID --until DATE --reason WHY`"
)
UNHEARD = "with turns that the base's chat template does not take"


class SetAsideRow(Record):
    """A row that nobody is asked about, and that no retrain sees."""

    id: str
    prompt: str  # how it begins, without personal data
    reason: str
    at: str  # RFC 3339, UTC


def refusals(rows: Iterable[Row]) -> dict[str, str]:
    """Why a row may not be accepted, by its id, in words that read well behind a number of rows."""
    distinct = {row.id: row for row in rows}
    reasons = {name: why for name, row in distinct.items() if (why := says_nothing(row))}
    return reasons | by_the_gate([row for name, row in distinct.items() if name not in reasons])


def says_nothing(row: Row) -> str | None:
    """A row without texts could be in no file; what else says nothing the contract knows."""
    if not row.prompt_text.strip():
        return NO_PROMPT
    return NO_ANSWER if not row.completion_text.strip() else None


def by_the_gate(rows: Sequence[Row]) -> dict[str, str]:
    """Nothing where the pipeline is not installed, as beside a page: stage curate checks too."""
    if not rows or find_spec("great_expectations") is None:
        return {}
    # Imported here because it takes seconds.
    from curation.checks.contract import RowGate

    gate = RowGate.here()
    if gate is None:
        return {}
    unheard, long = too_long([*map(clean, rows)])
    left = [clean(row) for row in rows if row.id not in unheard]
    return dict.fromkeys(unheard, UNHEARD) | gate.alone(left, item_prompts(), long)


def item_prompts() -> list[str]:
    """What the items of dev and sealed ask, but for accepted ones: these take new answers."""
    files = [rows_of(part) for part in (Split.DEV, Split.SEALED) if rows_of(part).exists()]
    rows = (row for file in files for row in Row.read_lines(file))
    return [row.prompt_text for row in rows if row.source != ACCEPTED]


def too_long(rows: Sequence[Row]) -> tuple[set[str], set[str]]:
    """The rows that the base's chat template refuses or that are too long, where it is here."""
    limit, lengths = load(BaseChoice).max_length, lengths_here()
    if lengths is None:
        return set(), set()
    sizes = {row.id: size_of(row, lengths) for row in rows}
    unheard = {name for name, size in sizes.items() if size is None}
    long = {name for name, size in sizes.items() if size is not None and size > limit}
    return unheard, set() if load(CurateParams).too_long == "cut" else long


def size_of(row: Row, lengths: TokenLengths) -> int | None:
    """The row's size in tokens; None where the chat template does not take it."""
    try:
        (count,) = lengths.count([row])
    except InputError:
        return None
    return count.prompt + count.completion


def lengths_here() -> TokenLengths | None:
    if not BASE.exists():
        return None
    choice = load(BaseChoice)
    try:
        folder = locate(choice, "base")
        if not folder.is_dir():
            return None
        return TokenLengths(folder, choice.system_prompt, choice.evidence_template)
    except InputError:  # stage base tells of it
        return None


# --- what was set aside -------------------------------------------------------------------------


def set_aside(rows: Iterable[Row], refused: Mapping[str, str], queue: Path, at: str) -> list[str]:
    """Note what was refused beside the queue; returns how many, and why, and what can be done."""
    gone = {row.id: row for row in rows if row.id in refused}
    path = queue.with_name(SET_ASIDE)
    new = [
        SetAsideRow(id=name, prompt=beginning(row), reason=refused[name], at=at)
        for name, row in gone.items()
    ]
    if new:
        keep(new, path)
    counts = Counter(row.reason for row in new)
    notes = [f"{count} set aside {why}; see {path}" for why, count in counts.items()]
    excusable = any(row.reason not in (NO_PROMPT, NO_ANSWER, UNHEARD) for row in new)
    return [*notes, WAIVE] if excusable else notes


def keep(new: Sequence[SetAsideRow], path: Path) -> None:
    """Add lines, each row and reason once; the oldest leave where there are too many."""
    known = {(old.id, old.reason): old for old in read_set_aside(path)}
    for row in new:
        known.setdefault((row.id, row.reason), row)
    write_lines(path, [kept.canonical() for kept in [*known.values()][-MOST:]])


def read_set_aside(path: Path) -> list[SetAsideRow]:
    """What was set aside so far; lines that are none are left out, for people may edit the file."""
    lines = read_input(path).split(b"\n") if path.exists() else []
    rows = []
    for line in lines:
        try:
            rows.append(SetAsideRow.model_validate_json(line))
        except ValidationError:
            continue
    return rows


def beginning(row: Row) -> str:
    asked = row.prompt[-1].content if row.prompt else ""  # what is before may be a system prompt
    text = one_line(redact(asked))
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


# --- acceptance -----------------------------------------------------------------------------------

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
    every = list(labels)
    new = [label.row for label in every if label.row.id not in known]
    refused = refusals(new)
    fit = [label for label in every if label.row.id in known or label.row.id not in refused]
    return fit, set_aside(new, refused, LABEL_QUEUE, at)


def capped(
    entries: Iterable[T],
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
    counts, turns = Counter[str](), list[tuple[int, int, T]]()
    of_one = 0
    for place, item in enumerate(entries):
        user = user_of(item) or ""
        if user and counts[user] >= LABELS_PER_USER:
            of_one += 1
            continue
        turns.append((-1 if known(item) else counts[user], place, item))
        counts[user] += 1
    turns.sort(key=lambda turn: turn[:2])
    old = sum(turn < 0 for turn, _, _ in turns)
    kept = sorted(turns[: old + LABELS_AT_ONCE], key=lambda turn: turn[1])
    limits = {
        f"{LABELS_PER_USER} labels of one user": of_one,
        f"{LABELS_AT_ONCE} labels at once": len(turns) - len(kept),
    }
    left_out = tuple(f"{n} left out: over {limit}" for limit, n in limits.items() if n)
    return [chosen for _, _, chosen in kept], left_out


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
    known = {answer.id: answer for answer in read_preferences(path)} if path.exists() else {}
    bad = {negative.id: negative for label in labels if (negative := bad_answer(label))}
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
