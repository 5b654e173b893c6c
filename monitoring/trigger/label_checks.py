"""What users wrote is checked before a person is asked to accept it, and before it is accepted: by
the gate's own rules, row by row. What fails is set aside with its reason.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from pydantic import ValidationError

from curation.account import NO_ANSWER, NO_PROMPT
from curation.curation_settings import CurateParams
from curation.sifting import clean
from curation.token_lengths import TokenLengths
from project.errors import InputError
from project.files import write_lines
from project.model_pins import BaseChoice, locate
from project.paths import BASE, rows_of
from project.personal_data import redact
from project.records.data import Row, Split
from project.records.record import Record, read_input
from project.settings import load
from project.untrusted_input import one_line

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
    found = {name: why for name, row in distinct.items() if (why := says_nothing(row))}
    return found | by_the_gate([row for name, row in distinct.items() if name not in found])


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
    accepted = load(CurateParams).accepted
    files = [rows_of(part) for part in (Split.DEV, Split.SEALED) if rows_of(part).exists()]
    rows = (row for file in files for row in Row.read_lines(file))
    return [row.prompt_text for row in rows if row.source not in accepted]


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
    counts = Counter(one.reason for one in new)
    said = [f"{count} set aside {why}; see {path}" for why, count in counts.items()]
    excusable = any(one.reason not in (NO_PROMPT, NO_ANSWER, UNHEARD) for one in new)
    return [*said, WAIVE] if excusable else said


def keep(new: Sequence[SetAsideRow], path: Path) -> None:
    """Add lines, each row and reason once; the oldest leave where there are too many."""
    known = {(one.id, one.reason): one for one in read_set_aside(path)}
    for one in new:
        known.setdefault((one.id, one.reason), one)
    write_lines(path, [one.canonical() for one in [*known.values()][-MOST:]])


def read_set_aside(path: Path) -> list[SetAsideRow]:
    """What was set aside so far; lines that are none are left out, for people may edit the file."""
    lines = read_input(path).split(b"\n") if path.exists() else []
    found = []
    for line in lines:
        try:
            found.append(SetAsideRow.model_validate_json(line))
        except ValidationError:
            continue
    return found


def beginning(row: Row) -> str:
    asked = row.prompt[-1].content if row.prompt else ""  # what is before may be a system prompt
    text = one_line(redact(asked))
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
