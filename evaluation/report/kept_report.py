"""What the report shows and the registry does not hold, kept beside it: times, spreads of items.

There are no items in it and no answers, so it may tell of the sealed part too.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

from evaluation.decision.policy import Policy
from evaluation.report.report_data import AnswerExample, ReportData
from evaluation.report.report_page import Scored, histogram, items_shown
from project.errors import InputError
from project.files import home
from project.records.assertion_kinds import RowAssertions
from project.records.data import Message
from project.records.evidence import Decision, Evidence
from project.records.preferences import PreferencePair
from project.records.record import LATER, Digest, Record


class DifferenceSpread(Record):
    """How one metric's item differences spread, from −end to +end."""

    metric: str
    counts: tuple[int, ...]
    end: float
    wins: int
    losses: int


class KeptReport(Record):
    decision: Digest  # that it was written for
    seconds: dict[str, float | None]  # that an answer took each system
    spreads: tuple[DifferenceSpread, ...]
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
    """The report as it was made of these."""
    measured = evidence.dev if decision.opening is None else evidence.sealed
    items, flags = items_shown(decision, material, sealed)
    charts = [histogram(m, items, measured[m]) for m in policy.gating if m in measured and items]
    return KeptReport(
        decision=decision.digest,
        seconds=dict(seconds),
        spreads=tuple(
            DifferenceSpread(
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


# --- corrections export ---------------------------------------------------------------------------

# The next round of data: bad dev answers, as rows to correct and as negative examples.


class BadAnswer(Record):
    """What a person sees beside the row that is to be corrected."""

    why: str
    answer: str  # the challenger's
    champion: str
    scores: dict[str, float]  # the challenger's
    gain: float  # over the champion, mean over the metrics that the report sorts by


class Correction(Record):
    """A row that curation imports once its completion is as it should be."""

    prompt: tuple[Message, ...]
    completion: tuple[Message, ...]
    slices: dict[str, str]
    group: str
    assertions: Annotated[RowAssertions | None, LATER] = None
    about: BadAnswer


def bad(examples: Sequence[AnswerExample], count: int) -> list[tuple[str, AnswerExample]]:
    """The `count` dev items with the worst answers, and with those that lost most to the champion.

    Alternately of both kinds, each item once, with why it is there.
    """
    worst = sorted(examples, key=lambda e: (e.quality, e.row.id))
    regressed = sorted(
        (example for example in examples if example.gain < 0), key=lambda e: (e.gain, e.row.id)
    )
    found: dict[str, tuple[str, AnswerExample]] = {}
    for i in range(len(worst)):
        for why, ordered in (("regressed", regressed), ("worst", worst)):
            if i < len(ordered) and len(found) < count:
                found.setdefault(ordered[i].row.id, (why, ordered[i]))
    return list(found.values())


def correction(why: str, example: AnswerExample) -> Correction:
    row = example.row
    return Correction(
        prompt=row.prompt,
        completion=row.completion,
        slices=row.slices,
        group=row.group,
        assertions=row.assertions,
        about=BadAnswer(
            why=why,
            answer=example.challenger,
            champion=example.champion,
            scores=example.scores.challenger,
            gain=example.gain,
        ),
    )


def negative(example: AnswerExample) -> PreferencePair:
    """The bad answer as what a preference model should reject."""
    row = example.row
    return PreferencePair(
        prompt=row.prompt_text, chosen=row.completion_text, rejected=example.challenger
    )
