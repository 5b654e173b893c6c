"""The gate's report for people: its checks, and the rows that fail one of them."""

import re
from collections.abc import Collection, Sequence, Set
from datetime import date, timedelta

from curation.checks.gate_message import advice_on
from curation.checks.waivers import is_stale, read_waivers
from curation.gate import failing
from project.canonical import canonical_json
from project.errors import InputError
from project.paths import GATE_REPORT, rows_of
from project.personal_data import redact
from project.records.data import Check, GateReport, Row, Severity, Split
from project.records.record import Record
from project.untrusted_input import shortened
from review.frame.form_fields import NumberedPage, nth_page, page_count

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
    found, now = found_rows(set(ids)), gate_report()
    private = private_rows((*report.checks, *(now.checks if now else ())))
    left = set(check.unexcused(today))
    return FailedRows(
        check=check_view(check, today),
        total=len(check.failing_rows),
        page=page,
        pages=page_count(len(check.failing_rows), SHOWN),
        rows=tuple(
            failed_row(name, found.get(name), excused=name not in left, private=name in private)
            for name in ids
        ),
    )


def private_rows(checks: Sequence[Check]) -> frozenset[str]:
    return frozenset(row for c in checks if c.column in PRIVATE for row in c.failing_rows)


def failed_row(
    name: str, found: tuple[Split, Row] | None, *, excused: bool, private: bool
) -> FailedRow:
    part, row = found or (None, None)
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
    wanted = {canonical_json(one) for one in ids}
    found: dict[str, tuple[Split, Row]] = {}
    for part in SHOWN_PARTS:
        for row in rows_in(part, wanted):
            if row.id in ids:
                found.setdefault(row.id, (part, row))
    return found


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
    unused = {(one.check, one.by, one.until) for one in (report and report.unused) or ()}
    found = [
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
    return tuple(sorted(found, key=lambda one: (one.until, one.check)))
