"""How much in the data waits for a person: small numbers for the page that all begin with."""

from collections import Counter
from datetime import date
from functools import lru_cache

from curation.checks.waivers_file import WAIVERS
from curation.gate import failing
from project.errors import InputError
from project.files import FileState, state_of
from project.paths import GATE_REPORT
from project.records.data import GateReport, Severity
from project.records.record import Record
from review.data_pages.gate_view import gate_report
from review.data_pages.waiting_tasks import waiting_tasks
from review.data_pages.waivers_view import waivers_view


class Waiting(Record):
    failed_checks: int  # critical ones: the gate is shut
    waivers_ending: int  # within two weeks, or ended
    synthetic: int  # rows that a model wrote, to accept or to refuse
    labels: int  # prompts to answer
    corrections: int  # what users wrote instead of an answer, to accept or to refuse

    @property
    def total(self) -> int:
        return sum(self.model_dump().values())


def waiting(today: date) -> Waiting:
    """Never fails: a file that cannot be read counts for nothing here, and /data tells of it."""
    try:
        kinds = Counter(task.kind for task, _ in waiting_tasks())
    except InputError:
        kinds = Counter()
    failed, ending = of_gate(today)
    return Waiting(
        failed_checks=failed,
        waivers_ending=ending,
        synthetic=kinds["synthetic"],
        labels=kinds["label"],
        corrections=kinds["correction"],
    )


def of_gate(today: date) -> tuple[int, int]:
    """The checks that keep the gate shut, and the waivers that somebody should look at."""
    try:
        return read_gate(today, state_of(GATE_REPORT, WAIVERS))
    except InputError:
        return 0, 0


@lru_cache(1)
def read_gate(today: date, state: FileState) -> tuple[int, int]:
    report = gate_report()
    ending = sum(one.ends_soon for one in waivers_view(report, today))
    return len(shut_by(report, today)), ending


def shut_by(report: GateReport | None, today: date) -> list[str]:
    checks = failing(report, today, Severity.CRITICAL) if report else []
    return [check.name for check in checks]
