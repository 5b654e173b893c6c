"""The report that a version keeps, and which comparisons it can be shown beside."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

from evaluation.decision.policy import Policy
from evaluation.generation.answers import SIDES, answers_of
from evaluation.report.dev_items import DevItems, kept_path, kept_versions, measured
from evaluation.report.report_data import AnswerExample, ReportData
from evaluation.report.report_page import DifferenceSpread, Scored, histogram, items_shown
from project.errors import InputError
from project.files import FileState, home, state_of
from project.paths import ADAPTER, CHAMPION, DIRECTIONS, SCORES, rows_of
from project.records.adapters import Adapter, Opponent
from project.records.assertion_kinds import RowAssertions
from project.records.data import EvidencePassage, Message, Split
from project.records.evidence import Decision, Evidence
from project.records.preferences import PreferencePair
from project.records.record import LATER, Digest, Record
from registry.reader import RegistryReader

# --- kept report ----------------------------------------------------------------------------------

# What the report shows and the registry does not hold, kept beside it: times, spreads of items.
#
# There are no items in it and no answers, so it may tell of the sealed part too.


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
    return KeptReport(
        decision=decision.digest,
        seconds=dict(seconds),
        spreads=tuple(
            histogram(m, items, measured[m]) for m in policy.gating if m in measured and items
        ),
        odd={what: len(about) for what, about in flags.items.items()},
    )


def read_kept_report(family: str, number: int, decision: Digest | None) -> KeptReport | None:
    """What was kept for this decision; None where nothing was, or on another machine."""
    path = kept_report_path(family, number)
    if not path.exists():
        return None
    try:
        report = KeptReport.read(path)
    except InputError:  # a page does without what is damaged
        return None
    return report if report.decision == decision else None


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
    evidence: Annotated[tuple[EvidencePassage, ...] | None, LATER] = None
    answerable: Annotated[bool | None, LATER] = None
    calculation: Annotated[str | None, LATER] = None
    tools: Annotated[tuple[dict[str, Any], ...] | None, LATER] = None
    about: BadAnswer


def bad(examples: Sequence[AnswerExample], count: int) -> list[tuple[str, AnswerExample]]:
    """The `count` dev items with the worst answers, and with those that lost most to the champion.

    Alternately of both kinds, each item once, with why it is there. Conversations are none of them:
    no right answer that somebody writes would be theirs, and nothing is to be learnt of them.
    """
    examples = [example for example in examples if not example.row.scenario]
    worst = sorted(examples, key=lambda e: (e.quality, e.row.id))
    regressed = sorted(
        (example for example in examples if example.gain < 0), key=lambda e: (e.gain, e.row.id)
    )
    chosen: dict[str, tuple[str, AnswerExample]] = {}
    for i in range(len(worst)):
        for why, ordered in (("regressed", regressed), ("worst", worst)):
            if i < len(ordered) and len(chosen) < count:
                chosen.setdefault(ordered[i].row.id, (why, ordered[i]))
    return list(chosen.values())


def correction(why: str, example: AnswerExample) -> Correction:
    row = example.row
    return Correction(
        prompt=row.prompt,
        completion=row.completion,
        slices=row.slices,
        group=row.group,
        assertions=row.assertions,
        evidence=row.evidence,
        answerable=row.answerable,
        calculation=row.calculation,
        tools=row.tools,
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
        prompt=row.prompt_text,
        chosen=row.completion_text,
        rejected=example.challenger,
        evidence=row.evidence,
        tools=row.tools,
    )


# --- comparisons ----------------------------------------------------------------------------------

# Which comparisons on dev can be shown, and the items of one, read once while its files stay.

LAST_RUN = 0  # the number of what the stages left, where nobody submitted it
# What the stages left of a comparison on dev. Sealed items are in other files, which are not read.
LEFT = (
    ADAPTER,
    CHAMPION,
    DIRECTIONS,
    SCORES / f"{Split.DEV}.jsonl",
    SCORES / f"{Split.DEV}.flags.json",
    rows_of(Split.DEV),
    *(answers_of(side, Split.DEV) for side in SIDES),
)


class ComparisonChoice(Record):
    """A comparison that can be shown."""

    number: int  # of the challenger's version; LAST_RUN: of none
    label: str


def choices(registry: RegistryReader) -> list[ComparisonChoice]:
    """Newest first; what the last run left only where it was not kept with a version."""
    kept = kept_versions(registry.family)
    offered = [ComparisonChoice(number=n, label=f"{registry.family} v{n}") for n in kept]
    left = left_by_stages(registry)
    if left is None or left in kept:
        return offered
    label = f"{registry.family} v{left}" if left else "the last run, not submitted"
    return [ComparisonChoice(number=left, label=label), *offered]


def left_by_stages(registry: RegistryReader) -> int | None:
    """The version that the stages' outputs are about; None where there are none."""
    if not all(path.exists() for path in LEFT):
        return None
    try:
        version = registry.version_of(Adapter.read(ADAPTER).files)
    except InputError:  # a run is about to write it anew
        return None
    return version.number if version else LAST_RUN


def items_of(registry: RegistryReader, number: int) -> DevItems:
    """The dev items of one choice. Raises InputError where it is none."""
    path = kept_path(registry.family, number)
    if number != LAST_RUN and path.exists():
        return read_kept(path, state_of(path))
    if left_by_stages(registry) == number:
        return read_left(number or None, state_of(*LEFT))
    problem = f"no dev items are kept of version {number}"
    raise InputError(f"{problem}: `incumbent submit` keeps them of a new version")


@lru_cache(4)
def read_kept(path: Path, state: FileState) -> DevItems:
    return DevItems.kept(path)


@lru_cache(2)
def read_left(version: int | None, state: FileState) -> DevItems:
    return measured(version)


def opponent_label(opponent: Opponent) -> str:
    return f"v{opponent.version} (champion then)" if opponent.version else "bare base"
