"""What the report shows and the registry does not hold, kept beside it: times, spreads of items.

There are no items in it and no answers, so it may tell of the sealed part too.
"""

from collections.abc import Mapping
from pathlib import Path

from evaluation.decision.policy import Policy
from evaluation.report.report_data import ReportData
from evaluation.report.report_page import Scored, histogram, items_shown
from project.errors import InputError
from project.files import home
from project.records.evidence import Decision, Evidence
from project.records.record import Digest, Record


class Spread(Record):
    """How one metric's item differences spread, from −end to +end."""

    metric: str
    counts: tuple[int, ...]
    end: float
    wins: int
    losses: int


class KeptReport(Record):
    decision: Digest  # that it was written for
    seconds: dict[str, float | None]  # that an answer took each system
    spreads: tuple[Spread, ...]
    odd: dict[str, int]  # items about which something is odd, by what it is


def kept_report_path(family: str, number: int) -> Path:
    return home() / "reports" / f"{family}-v{number}.json"


def kept_report(
    evidence: Evidence,
    decision: Decision,
    policy: Policy,
    material: ReportData,
    sealed: Scored | None,
    seconds: Mapping[str, float | None],
) -> KeptReport:
    """As the report was made of these."""
    measured = evidence.dev if decision.opening is None else evidence.sealed
    items, flags = items_shown(decision, material, sealed)
    charts = [histogram(m, items, measured[m]) for m in policy.gating if m in measured and items]
    return KeptReport(
        decision=decision.digest,
        seconds=dict(seconds),
        spreads=tuple(
            Spread(
                metric=chart.metric,
                counts=tuple(chart.counts),
                end=chart.end,
                wins=chart.found.wins,
                losses=chart.found.losses,
            )
            for chart in charts
        ),
        odd={what: len(about) for what, about in flags.items.items()},
    )


def read_kept_report(family: str, number: int, decision: Digest | None) -> KeptReport | None:
    """What was kept for this decision; None where nothing was, or on another machine."""
    path = kept_report_path(family, number)
    if not path.exists():
        return None
    try:
        found = KeptReport.read(path)
    except InputError:  # a page does without what is damaged
        return None
    return found if found.decision == decision else None
