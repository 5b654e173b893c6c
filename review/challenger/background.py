"""What stands behind a version: the checks of its data, the nights that led to it, its history."""

from monitoring.night_history import REMEMBERED, night_of, nightly_of
from monitoring.scheduling.runs import runs_of
from project.records.data import GateReport
from project.records.events import Signing
from project.untrusted_input import one_line
from registry.lineage import Lineage
from registry.overview.why_paragraph import day
from registry.reader import RegistryReader
from review.challenger.review_record import GateSummary, HistoryLine, NightBefore
from review.frame.event_words import event_words


def gate(report: GateReport | None) -> GateSummary | None:
    if report is None:
        return None
    return GateSummary(
        summary=f"Of {report.row_count:,} rows, {report}.",
        failed=tuple(one_line(str(check)) for check in report.checks if not check.passed),
        waived=tuple(one_line(str(check)) for check in report.waived),
        checks=tuple((check.name, check.passed) for check in report.checks),
    )


def nights(reader: RegistryReader, number: int) -> tuple[NightBefore, ...]:
    """The nights whose retrain made this version."""
    named = f'"challenger":{number}'
    found = (
        night_of(run)
        for run in runs_of(reader.engine, nightly_of(reader.family), REMEMBERED)
        if named in (run.record or "")  # parsing all of them takes too long for a page
    )
    return tuple(
        NightBefore(
            date=night.date,
            verdict=night.verdict.value.replace("_", " "),
            reasons=night.reasons,
            topics=tuple(topic.name for topic in night.topics),
        )
        for night in found
        if night and night.challenger == number
    )


def signature(lineage: Lineage, required: bool) -> str:
    """Who signed it last, in a sentence."""
    signed = lineage.newest("sign")
    if signed is None:
        return "Nobody signed it, and it must be signed." if required else "Nobody signed it."
    key = signed.told(Signing).key[:12]
    return f"Signed by {signed.actor} on {day(signed)} with key {key}; checked on promotion."


def history_lines(lineage: Lineage) -> tuple[HistoryLine, ...]:
    """The version's history, the newest first."""
    return tuple(
        HistoryLine(
            seq=e.seq, kind=e.kind, words=event_words(e), actor=e.actor, at=e.at, reason=e.reason
        )
        for e in reversed(lineage.history)
    )
