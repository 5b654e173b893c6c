"""What fails, for people: checks of the gate with their rows, and bad answers to dev items."""

import re
from collections.abc import Collection, Sequence, Set
from datetime import date, timedelta
from pathlib import Path

from curation.checks.gate_message import advice_on
from curation.checks.waivers import is_stale, read_waivers
from curation.eval_sets import changing
from curation.gate import failing
from evaluation.report.dev_items import DevItems
from evaluation.report.kept_report import Correction, bad, choices, correction, items_of
from evaluation.report.report_data import AnswerExample
from evaluation.report.shown_answers import GivenAnswer, ShownConversation, conversation_of
from project.canonical import canonical_json
from project.errors import InputError
from project.paths import GATE_REPORT, rows_of
from project.personal_data import redact
from project.records.data import Check, GateReport, Message, Row, Severity, Split
from project.records.record import Record, write_records
from project.untrusted_input import shortened
from registry.reader import RegistryReader
from review.frame.form_fields import NumberedPage, nth_page, page_numbers, written

# --- gate view ------------------------------------------------------------------------------------

SHOWN = 50  # rows of a page
CHARS = 300  # of a text
# A row that fails a check of one of these columns is listed without its text, as on the gate's own
# page.
PRIVATE = frozenset(
    {"personal_data", "account_data", "contact_data", "person_name", "secret", "toxicity"}
)


class CheckView(Record):
    name: str
    severity: Severity
    passes: bool  # today
    limit: str
    observed: str
    crashed: str | None
    failing: int  # rows
    unexcused: int  # of them, those that no waiver excuses today
    waived: tuple[str, ...]  # by whom, until when and why
    why: str
    todo: str


class GateView(Record):
    version: int | None  # whose rows were checked; None: those that are curated now
    is_open: bool
    is_stale: bool  # other rows are curated now than were checked; never of a version's own
    rows: int
    dataset: str  # digest of the rows that were checked
    checks: tuple[CheckView, ...]  # those that fail first


class FailedRow(Record):
    """A failing row; texts are shortened, and None where they must not get out."""

    id: str
    part: Split | None  # None: sealed, or not there any more
    source: str | None
    excused: bool
    prompt: str | None
    completion: str | None
    hidden: str | None  # why its texts are not shown


class FailedRows(NumberedPage):
    check: CheckView
    rows: tuple[FailedRow, ...]


def gate_report() -> GateReport | None:
    return GateReport.read(GATE_REPORT) if GATE_REPORT.exists() else None


def gate_view(report: GateReport, today: date, version: int | None = None) -> GateView:
    """`today` is the day by which waivers hold: of a version, the one when it was submitted."""
    checks = [check_view(check, today) for check in report.checks]
    return GateView(
        version=version,
        is_open=not failing(report, today, Severity.CRITICAL),
        is_stale=version is None and is_stale(report),
        rows=report.row_count,
        dataset=report.dataset_rows,
        checks=tuple(sorted(checks, key=lambda c: (c.passes, c.severity is Severity.WARNING))),
    )


def check_view(check: Check, today: date) -> CheckView:
    advice = advice_on(check.column)
    return CheckView(
        name=check.name,
        severity=check.severity,
        passes=check.passes(today),
        limit=check.limit,
        observed=check.observed,
        crashed=check.crashed,
        failing=len(check.failing_rows),
        unexcused=len(check.unexcused(today)),
        waived=tuple(map(str, check.waived or ())),
        why=advice.why,
        todo=advice.todo,
    )


def failed_rows(report: GateReport, name: str, page: int, today: date) -> FailedRows:
    """The rows that fail a check, as far as shown. Raises InputError for an unknown check."""
    check = next((check for check in report.checks if check.name == name), None)
    if check is None:
        raise InputError(f"the report has no check {shortened(name)!r}", field="check")
    ids = nth_page(check.failing_rows, page, SHOWN)
    rows, now = found_rows(set(ids)), gate_report()
    private = private_rows((*report.checks, *(now.checks if now else ())))
    left = set(check.unexcused(today))
    return FailedRows(
        check=check_view(check, today),
        **page_numbers(len(check.failing_rows), page, SHOWN),
        rows=tuple(
            failed_row(name, rows.get(name), excused=name not in left, private=name in private)
            for name in ids
        ),
    )


def private_rows(checks: Sequence[Check]) -> frozenset[str]:
    return frozenset(row for c in checks if c.column in PRIVATE for row in c.failing_rows)


def failed_row(
    name: str, place: tuple[Split, Row] | None, *, excused: bool, private: bool
) -> FailedRow:
    part, row = place or (None, None)
    hidden = "it seems to hold what must not get out" if private else None
    if row is None:
        hidden = "it is an item of the sealed eval set, or not there any more"
    texts = (row.prompt_text, row.completion_text) if row and not hidden else (None, None)
    prompt, completion = (text and excerpt(text) for text in texts)
    return FailedRow(
        id=name,
        part=part,
        source=row.source if row else None,
        excused=excused,
        prompt=prompt,
        completion=completion,
        hidden=hidden,
    )


def excerpt(text: str) -> str:
    """Its beginning, with labels in place of what could be somebody's data."""
    return shortened(redact(text), CHARS)


# --- found rows -----------------------------------------------------------------------------------

# Curated rows by their ids, read without parsing all the others.

ID = re.compile(rb'"id":("(?:[^"\\]|\\.)*")')  # as canonical JSON has it
SHOWN_PARTS = (Split.TRAIN, Split.DEV)  # sealed rows are shown nowhere


def found_rows(ids: Collection[str]) -> dict[str, tuple[Split, Row]]:
    """The rows of training and dev that have these ids, and the part that each is in."""
    wanted = {canonical_json(row_id) for row_id in ids}
    rows: dict[str, tuple[Split, Row]] = {}
    for part in SHOWN_PARTS:
        for row in rows_in(part, wanted):
            if row.id in ids:
                rows.setdefault(row.id, (part, row))
    return rows


def rows_in(part: Split, ids: Set[bytes]) -> list[Row]:
    """Those of one part in whose line one of the ids stands."""
    path = rows_of(part)
    if not path.exists():
        return []
    with path.open("rb") as stream:
        lines = [
            (number, line)
            for number, line in enumerate(stream, start=1)
            if not ids.isdisjoint(ID.findall(line))
        ]
    return [Row.parse(line, path, number) for number, line in lines]


# --- waivers view ---------------------------------------------------------------------------------

# The waivers of the gate: which hold, which end soon, which excuse nothing.

SOON = timedelta(days=14)


class WaiverView(Record):
    check: str
    rows: tuple[str, ...]  # ids; none: every row
    by: str
    until: date
    reason: str
    days: int  # left, the last one included; 0 or less: it does not hold any more
    unused: bool  # as the last report has it

    @property
    def ends_soon(self) -> bool:
        """Whether somebody should look at it: it ends within two weeks, or has ended."""
        return not self.unused and self.days <= SOON.days


def waivers_view(report: GateReport | None, today: date) -> tuple[WaiverView, ...]:
    """The first to end comes first. Raises InputError for a file that cannot be read."""
    unused = {(entry.check, entry.by, entry.until) for entry in (report and report.unused) or ()}
    views = [
        WaiverView(
            check=waiver.check,
            rows=waiver.rows,
            by=waiver.by,
            until=waiver.until,
            reason=waiver.reason,
            days=(waiver.until - today).days + 1,
            unused=(waiver.check, waiver.by, waiver.until) in unused,
        )
        for waiver in read_waivers().waivers
    ]
    return tuple(sorted(views, key=lambda view: (view.until, view.check)))


# --- regressed ------------------------------------------------------------------------------------

# As `incumbent data export` writes it; `incumbent data import` reads it.
CORRECTIONS = Path("datasets/queue/corrections.jsonl")
COMMAND = f"incumbent data import {CORRECTIONS} --as corrections --replace"
MOST = 150  # items, as `data export` has it
SHOWN_ITEMS = 20  # items of a page


class BadItem(Record):
    """A dev item whose answer is among the worst, or lost most to the champion."""

    why: str
    row: Row
    champion: str
    challenger: str
    gain: float  # over the champion, mean over the metrics that decide
    corrected: str | None  # what a person wrote, waiting for its import

    @property
    def conversation(self) -> ShownConversation | None:
        answers = {
            "champion": GivenAnswer(self.champion),
            "challenger": GivenAnswer(self.challenger),
        }
        return conversation_of(self.row, answers)


class BadItems(NumberedPage):
    """One page of them."""

    version: int | None  # of the challenger; None: it was not submitted
    items: tuple[BadItem, ...]
    waiting: int  # corrections in the file


def bad_items(registry: RegistryReader, page: int) -> BadItems:
    """Of the newest comparison. Nothing where none was made."""
    dev, waiting = newest(registry), read_corrections()
    wrote = {text_of_prompt(row): row.completion[0].content for row in waiting}
    worst = bad(examples(dev), MOST) if dev else []
    return BadItems(
        version=dev.comparison.version if dev else None,
        **page_numbers(len(worst), page, SHOWN_ITEMS),
        items=tuple(
            BadItem(
                why=why,
                row=example.row,
                champion=example.champion,
                challenger=example.challenger,
                gain=example.gain,
                corrected=wrote.get(text_of_prompt(example.row)),
            )
            for why, example in nth_page(worst, page, SHOWN_ITEMS)
        ),
        waiting=len(waiting),
    )


def newest(registry: RegistryReader) -> DevItems | None:
    there = choices(registry)
    return items_of(registry, there[0].number) if there else None


def examples(dev: DevItems) -> list[AnswerExample]:
    """As the command line has them: sorted by the gating metrics, or by all where none is there."""
    head = dev.comparison
    better = {name: head.better[name] for name in head.gating if name in head.better}
    return [
        AnswerExample(
            row=item.row,
            champion=item.champion,
            challenger=item.challenger,
            scores=item.scores,
            better=better or head.better,
        )
        for item in dev.items
    ]


def correct(registry: RegistryReader, item: str, answer: str) -> Correction:
    """Write a right answer into the file of corrections, in place of an earlier one to this item.

    Raises InputError for a blank answer, and for what is no bad item of the newest comparison.
    """
    text = written(answer)
    if not text:
        raise InputError("write the right answer first: it is blank", field="answer")
    dev = newest(registry)
    worst = bad(examples(dev), MOST) if dev else []
    why, example = next((pair for pair in worst if pair[1].row.id == item), (None, None))
    if why is None or example is None:
        raise InputError("is no bad answer of the newest comparison any more", field="item")
    made = correction(why, example).model_copy(
        update={"completion": (Message(role="assistant", content=text),)}
    )
    with changing():
        kept = [row for row in read_corrections() if text_of_prompt(row) != text_of_prompt(made)]
        write_records(CORRECTIONS, [*kept, made])
    return made


def read_corrections() -> Sequence[Correction]:
    """Raises InputError naming file and line."""
    return Correction.read_lines(CORRECTIONS) if CORRECTIONS.exists() else ()


def text_of_prompt(asked: Row | Correction) -> str:
    return "\n".join(message.content for message in asked.prompt)
