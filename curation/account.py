"""What became of every record of the sources: in which part its row is, or why in none."""

import csv
import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from curation.text_forms import repeat_key
from project.files import write_bytes
from project.paths import ACCOUNT
from project.records.data import Origin, Row, Split, counted

# Why a row is in no part; each reads well behind a number.
TOO_LONG = "longer than base.max_length"
NO_PROMPT = "without a prompt"
NO_ANSWER = "without an answer"
OUT_OF_TURN = "whose last turn is no answer to a question"
SEVERAL = "with several instructions in one"
WITH_MARKERS = "with marks of a chat template"
ECHO = "whose answer says the prompt again"
GIBBERISH = "of letters or bytes at random"
LOOPS = "whose answer repeats itself"
ABOUT_UNSEEN = "about what the model cannot see"
UNGROUNDED = "with an answer that its passages do not bear out"
PERSONAL = "with what seems to be personal data"
CORRECTED = "replaced by a row for training only"
REPEATED = "repeats"
CONFLICT = "other answers to the same prompt"
SURPLUS = "surplus near-duplicates"
OF_TEMPLATE = "of a template: in figures or names alone they differ from rows that are kept"
WITH_BLANKS = "with blanks of a template that nobody filled"
RETIRED = "that left with a rotation"
NEAR_FROZEN = "near-duplicates of frozen items"
OF_UNSEEN = "of documents or groups that are kept for items"
SPARE = "spare: the part has its number of rows"
EVAL_ONLY = "that are for evaluation only, and no item"
WAITS = "that wait: accepted_share allows no more of them"


NOTHING: Mapping[str, str] = MappingProxyType({})


class Fate(NamedTuple):
    """One record: a line of outputs/rows.csv, whose columns are these."""

    file: str
    line: int
    row: str  # its row's id; "" where none was made of it
    part: str  # train, dev or sealed; "" where it is in none
    why: str
    see: str  # the record that it repeats, as file:line
    changes: str = ""  # what was mended in its row


def account_of(
    origins: Iterable[Origin],
    raw: Sequence[Row],
    parts: Mapping[Split, Sequence[Row]],
    left_out: Mapping[str, str],
    changes: Mapping[str, str] = NOTHING,
    others: Mapping[str, str] = NOTHING,
) -> list[Fate]:
    """A fate for each record, in their order; of records with the same text the first one counts.

    `raw` are the rows as they were compared with each other; left_out says by id why a row is in
    no part, and changes what was mended in it. `others` says by id where a record is that is no
    row: preferences and documents count by their ids.
    """
    part_of = {row.id: part.value for part, rows in parts.items() for row in rows} | dict(others)
    same: dict[tuple[str, str, str], str] = {}
    first_id = {row.id: same.setdefault(repeat_key(row), row.id) for row in raw}
    first: dict[str, Origin] = {}
    fates = []
    for origin in origins:
        if origin.row is None:
            fates.append(Fate(origin.file, origin.line, "", "", origin.why or "", ""))
            continue
        earlier = first.setdefault(first_id.get(origin.row, origin.row), origin)
        repeats = earlier is not origin and (
            earlier.row == origin.row or left_out.get(origin.row) == REPEATED
        )
        part = "" if repeats else part_of.get(origin.row, "")
        why = REPEATED if repeats else "" if part else left_out[origin.row]
        see = f"{earlier.file}:{earlier.line}" if repeats else ""
        change = changes.get(origin.row, "")
        fates.append(Fate(origin.file, origin.line, origin.row, part, why, see, change))
    return fates


def summary(account: Sequence[Fate]) -> str:
    """One line whose numbers add up to the first one."""
    taken = Counter(fate.part for fate in account if fate.part)
    left = Counter(fate.why for fate in account if not fate.part)
    parts = ", ".join(f"{taken[part]:,} {part}" for part in dict.fromkeys([*Split, *taken]))
    out = f"; left out: {reasons(left)}" if left else ""
    return f"{total(account)}: {parts}{out}; each is in {ACCOUNT}"


def total(account: Sequence[Fate]) -> str:
    """How many records; of conversations each of whose answers is a row, how many rows too."""
    records = len({(fate.file, fate.line) for fate in account})
    rows = f"{len(account):,} rows of " if len(account) > records else ""
    return f"{rows}{counted(records, 'record')}"


def reasons(left: Counter[str]) -> str:
    return ", ".join(f"{count:,} {why}" for why, count in left.most_common())


def write_account(account: Iterable[Fate]) -> None:
    """Write the account as CSV, which a spreadsheet opens."""
    text = io.StringIO(newline="")
    table = csv.writer(text, lineterminator="\n")
    table.writerow(Fate._fields)
    table.writerows(account)
    write_bytes(ACCOUNT, text.getvalue().encode())


def left_out_by(reason: str) -> dict[str, int]:
    """How many records the newest account has left out for a reason that begins so, by reason."""
    if not ACCOUNT.exists():
        return {}
    with ACCOUNT.open(encoding="utf-8", newline="") as lines:
        whys = Counter(line["why"] for line in csv.DictReader(lines))
    return {why: count for why, count in sorted(whys.items()) if why.startswith(reason)}
