"""The waivers of the gate: which hold, which end soon, which excuse nothing."""

from datetime import date, timedelta

from curation.checks.waivers_file import read_waivers
from project.records.data import GateReport
from project.records.record import Record

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
