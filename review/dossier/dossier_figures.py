"""The words and figures that a dossier's templates take from the records beside their fields."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any, NamedTuple

from evaluation.decision.power import chance, detectable, percent
from monitoring.night_text import VERDICTS
from project.records.adapters import Provenance
from project.records.data import Check, DatasetVersion
from project.records.drift import DriftVerdict, Night
from project.records.events import BallotCast, Event, Promotion, VotesAsked
from project.records.evidence import Measured, MetricEvidence
from project.records.field_change import FieldChange, adapter_facts, differing
from project.records.preferences import Calibration
from project.settings import Settings, load
from registry.experiment_events import ArmComparison
from registry.lineage import Lineage
from registry.model_card import line, ordered, parts
from review.data_pages.version_traffic import ExperimentEnd, Finding, VersionTraffic
from review.dossier.document import DossierBlock, ScoreInterval, VersionRecords
from review.frame import event_words

SCORES = ("Metric", ">Opponent", ">This version", ">Difference", ">90 % interval", ">Items")
SHOWN: dict[Finding, str] = {"worse": "worse", "better": "better", "not shown": "nothing"}

# --- plain values ---------------------------------------------------------------------------------


def thousands(value: int) -> str:
    return f"{value:,}"


def signed(value: float) -> str:
    return f"{value:+.3f}"


def score(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def interval(ends: tuple[float, float]) -> str:
    return f"{signed(ends[0])} … {signed(ends[1])}"


def yes_no(value: bool) -> str:
    return "yes" if value else "no"


def shorter(number: str) -> str:
    try:
        return f"{float(number):.4g}"
    except ValueError:
        return number


def listed(values: Iterable[object], empty: str = "none") -> str:
    return ", ".join(map(str, values)) or empty


def settings_of(values: Settings | Mapping[str, Any]) -> list[tuple[str, str]]:
    """Settings as facts, the empty ones too: what is not asked for is told as well."""
    known = values.model_dump(mode="json") if isinstance(values, Settings) else values
    return [
        (name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
        for name, value in known.items()
    ]


# --- data -----------------------------------------------------------------------------------------


def splits(dataset: DatasetVersion) -> str:
    return listed(f"{count:,} {split.value}" for split, count in dataset.splits.items())


def outcome_of(check: Check) -> str:
    if check.crashed:
        return f"the check crashed: {check.crashed}"
    if check.passed:
        return "passed" if check.met else "passed by a waiver"
    return "failed"


def packages(made: Provenance) -> str:
    return listed(f"{name} {version}" for name, version in made.packages.items())


def program() -> str:
    try:
        return f"Incumbent {version('incumbent')}"
    except PackageNotFoundError:  # run from its source, and not installed
        return "Incumbent, from its source"


def changed_facts(before: Lineage, now: Lineage) -> tuple[FieldChange, ...]:
    return differing(plain_facts(before), plain_facts(now))


def plain_facts(lineage: Lineage) -> dict[str, str]:
    """What may differ between two versions, by name."""
    facts, data = adapter_facts(lineage.version.adapter), lineage.dataset
    facts["trained from"] = lineage.parent or "the base"
    if data:
        facts |= {f"rows, {split.value}": f"{count:,}" for split, count in data.splits.items()}
        facts["sources"] = listed(data.sources)
    return facts | {f"recipe, {name}": value for name, value in lineage.recipe.items()}


# --- what was measured ----------------------------------------------------------------------------


def scores(records: VersionRecords, *, dev: bool) -> Iterator[DossierBlock]:
    """The scores of dev, or of all else that was measured, each part with its intervals."""
    gating, evidence = records.lineage.gating, records.lineage.evidence
    for title, measured in parts(records.lineage).items():
        if title.startswith("Dev") == dev:
            yield score_block(title, measured, gating)
    if evidence and dev and evidence.few_shot:
        title = "Dev eval set, against the base with a few-shot prompt"
        yield score_block(title, evidence.few_shot, gating)
    if evidence and not dev and evidence.reference and records.lineage.looked_at_sealed:
        title = "Sealed eval set, against the regression baseline"
        yield score_block(title, evidence.reference, gating)


def score_block(title: str, measured: Measured, gating: tuple[str, ...]) -> DossierBlock:
    lines = [(line(name, evidence), evidence) for name, evidence in ordered(measured, gating)]
    return DossierBlock(
        title=title,
        columns=SCORES,
        rows=tuple(
            (row.label, row.champion, row.challenger, row.difference, row.interval, f"{row.n:,}")
            for row, _ in lines
        ),
        intervals=tuple(ScoreInterval.of(row.label, evidence) for row, evidence in lines),
    )


def slices(lineage: Lineage) -> list[tuple[str, str, MetricEvidence]]:
    """The gating metrics in each slice of the sealed eval set."""
    return [
        (name, metric, evidence)
        for name, measured in lineage.slices.items()
        for metric, evidence in ordered(measured, lineage.gating)
        if metric in lineage.gating
    ]


class Power(NamedTuple):
    """What so many items could show: where that is little, finding nothing says little."""

    effect: float
    alpha: float
    rows: list[tuple[str, ...]]


def power_of(records: VersionRecords) -> Power | None:
    """None where nothing that gates was measured, or no policy says what it looks for."""
    lineage, decision = records.lineage, records.lineage.decision
    measured = lineage.sealed or (lineage.evidence.dev if lineage.evidence else {})
    effect, stated = records.policy.get("effect"), records.policy.get("alpha")
    level = (decision.alpha if decision else None) or (stated if isinstance(stated, float) else 0)
    gating = [metric for metric in lineage.gating if metric in measured]
    if not (gating and isinstance(effect, int | float) and level):
        return None
    rows = [power_row(metric, measured[metric], float(effect), level) for metric in gating]
    return Power(float(effect), level, rows)


def power_row(
    metric: str, evidence: MetricEvidence, effect: float, alpha: float
) -> tuple[str, ...]:
    if not (evidence.sd and evidence.se and evidence.n):
        return (metric, f"{evidence.n:,}", f"{evidence.clusters:,}", "–", "–")
    design = evidence.se**2 * evidence.n / evidence.sd**2  # how much the clusters widen the error
    chance_of = percent(chance(evidence.n, effect, evidence.sd, alpha, design))
    least = detectable(evidence.n, evidence.sd, alpha, design=design)
    return (metric, f"{evidence.n:,}", f"{evidence.clusters:,}", chance_of, f"{least:+.2g}")


def preference(calibration: Calibration) -> DossierBlock:
    """Whom the preference is of, and how far it may be trusted."""
    right = f"{score(calibration.matched_accuracy)} of {calibration.matched_n}"
    return DossierBlock(
        title=f"Preference: {calibration.source}",
        text=(
            f"It is advisory only: {calibration.advisory}."
            if calibration.advisory
            else f"{calibration}.",
        ),
        facts=(
            (
                "pairs judged",
                f"{calibration.n:,}, and {calibration.unjudged:,} without a judgement",
            ),
            ("right on held-out pairs", score(calibration.accuracy)),
            ("agreement (kappa)", score(calibration.kappa)),
            ("prefers the answer shown first", score(calibration.first_rate)),
            ("right on pairs of like length", right),
            ("picking the longer is right on", score(calibration.longer_accuracy)),
            *(("judge", str(pin)) for pin in calibration.judges),
        ),
    )


class VoteFigures(NamedTuple):
    """People's votes by who gave them."""

    items: int
    rows: list[tuple[str, ...]]


def votes_of(records: VersionRecords) -> VoteFigures:
    history, cast = records.lineage.history, records.ballots or ()
    # What the sheets that people voted on call this version.
    names = {e.detail.challenger for e in history if isinstance(e.detail, VotesAsked)}
    by_person: dict[str, list[BallotCast]] = defaultdict(list)
    for event in cast:
        by_person[event.actor].append(event.told(BallotCast))
    rows = [vote_row(who, votes, names) for who, votes in sorted(by_person.items())]
    return VoteFigures(len({event.told(BallotCast).item for event in cast}), rows)


def vote_row(who: str, votes: list[BallotCast], names: set[str]) -> tuple[str, ...]:
    sides = [getattr(vote, vote.choice, None) for vote in votes]  # left, right, or neither
    mine, neither = sum(side in names for side in sides), sides.count(None)
    return (who, str(len(votes)), str(mine), str(len(votes) - mine - neither), str(neither))


# --- in use ---------------------------------------------------------------------------------------


def approval_text(records: VersionRecords) -> str:
    """A sentence on who approved the version, or that nobody has."""
    gained, lost = records.tenure
    if gained is None:
        return "It was never promoted."
    until = f", until {lost.at}" if lost else " and still is"
    return f"It became champion on {gained.at}, {approved(gained)}{until}."


def approved(gained: Event) -> str:
    if not isinstance(gained.detail, Promotion):
        return f"when {gained.actor} rolled back to it ({gained.reason})"
    promotion = gained.detail
    how = "by force and without a verdict, " if promotion.forced else ""
    by = "by the policy in a run of" if promotion.by == "policy" else "approved by"
    return f"{how}{by} {gained.actor} ({gained.reason})"


def traffic_text(records: VersionRecords) -> str:
    """A sentence on whether gateways that run send users to it: none tells when it ends."""
    traffic = records.traffic
    if traffic is None:
        return "No gateway has told of this family: no version is known to have answered users."
    if traffic.answers and traffic.champion:
        return "Each gateway that runs sends the champion's requests to it."
    if traffic.answers:
        return (
            "Gateways sent the champion's requests to it last, and it is not the champion any more."
        )
    if traffic.champion:
        return "It is the champion, and the traffic has not moved to it."
    if traffic.deployments:
        return "It does not answer the champion's requests any more."
    return "It never answered the champion's requests."


def engines(traffic: VersionTraffic | None) -> tuple[str, ...]:
    """The engines that answered users with it, each once, the newest first."""
    times = traffic.deployments if traffic else ()
    return tuple(dict.fromkeys(deployment.engine for deployment in times))


def nightly_when() -> str:
    """The cron line of the nightly check; its settings need the library that reads such lines."""
    if find_spec("apscheduler") is None:
        return ""
    from monitoring.scheduling.job import ScheduleParams

    schedule = load(ScheduleParams)
    return f" (cron line {schedule.nightly}, {schedule.timezone})"


def verdict_counts(nights: Sequence[Night]) -> list[tuple[str, str]]:
    counts = Counter(night.verdict for night in nights)
    return [(VERDICTS[verdict].lower(), str(counts[verdict])) for verdict in DriftVerdict]


# --- experiments ----------------------------------------------------------------------------------


def ending(end: ExperimentEnd | None) -> str:
    return event_words.VERDICTS[end.verdict] if end else "it still runs"


def act(at: str, by: str, reason: str) -> str:
    return f"{at} by {by}" + (f" ({reason})" if reason else "")


def figure_row(arms: ArmComparison, finding: Finding) -> tuple[str, ...]:
    means, users = arms.means, arms.users
    both = bool(users.champion and users.challenger)
    return (
        measure(arms),
        side(means.champion, users.champion),
        side(means.challenger, users.challenger),
        signed(arms.difference) if both else "–",
        interval(arms.interval) if both else "–",
        e_value(arms.harm, arms.harm_needed),
        SHOWN[finding],
    )


def e_value(most: float | None, needed: float | None) -> str:
    if most is None or needed is None:
        return "not asked about"
    return f"{most:.3g} ({needed:,.0f})"


def measure(arms: ArmComparison) -> str:
    """Its name, what of it counts, and which way is better where that is not more."""
    unit = "ms" if arms.name == "slow" else "characters"
    limit = f" over {arms.limit:,.0f} {unit}" if arms.limit is not None else ""
    return f"{arms.name}{limit}" + ("" if arms.more_is_better else " (less is better)")


def side(mean: float, users: float) -> str:
    return f"{score(mean)} of {users:,.0f}" if users else "–"
