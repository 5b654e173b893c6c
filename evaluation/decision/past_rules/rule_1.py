"""The first rule, as it was: decisions that name no rule were made by it.

Nothing here changes any more, neither a sentence nor a number: `incumbent verify` makes the old
decisions again, byte for byte. What it uses of `statistics` is copied here before that changes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import pi, sqrt
from typing import Literal

from pydantic import Field

from evaluation.decision.evidence import ALL_ITEMS, PREFERENCE
from evaluation.decision.statistics import bounds, e_value, holm, items_needed, p_below
from project.errors import InputError
from project.records.calibration import Calibration
from project.records.evidence import Bound, Decision, Evidence, MetricEvidence, Verdict
from project.records.record import Record

LEAST_CLUSTERS = 5  # that a slice must have for a veto


class Policy(Record):
    """The policy's settings, as they were stored."""

    kind: Literal["strict", "guarded"] = "strict"
    gating: tuple[str, ...] = ("rougeL", "semantic", "preference")
    alpha: float = 0.05
    alpha_floor: float = 0.0005
    qualify: float = 0.2
    margins: dict[str, float] = Field(default={})
    floors: dict[str, float] = Field(default={})
    critical_slices: dict[str, int] = Field(default={})
    slice_margin: float = 0.05
    general_margin: float = 0.1
    regression_budget: float = 0.05
    preference_test: Literal["t", "e-value"] = "t"
    unjudged_cap: float = 0.1
    effect: float = 0.02
    power: float = 0.8

    def margin(self, metric: str) -> float:
        return self.margins.get(metric, 0.0)

    def threshold(self, metric: str) -> float:
        """The difference that a gating metric's lower bound must exceed."""
        tolerant = self.kind == "guarded" and metric != "preference"
        return -self.margin(metric) if tolerant else self.margin(metric)


@dataclass(frozen=True)
class Look:
    """The k-th look of a champion at an eval set, out of a budget of alpha for all of them."""

    number: int
    budget: float

    def level(self, alpha: float) -> float:
        return min(alpha, 6 * self.budget / (pi * self.number) ** 2)


@dataclass(frozen=True)
class Case:
    """Evidence before the policy, at the level of one opening of the exam."""

    evidence: Evidence
    policy: Policy
    opening: Look | None = None
    alpha: float = 1.0

    @property
    def spent(self) -> bool:
        return self.alpha < self.policy.alpha_floor

    def lower(self, metric: str) -> float:
        return reach(self.evidence.sealed[metric], self.alpha)[0]

    def upper(self, metric: str) -> float:
        return reach(self.evidence.sealed[metric], self.alpha)[1]

    def won(self, metric: str) -> bool:
        """Whether a metric's lower bound, or its e-value, is above what the policy asks."""
        found = self.evidence.sealed[metric]
        if self.by_e_value(metric):
            return e_value(found.wins, found.losses) >= 1 / self.alpha
        return found.se > 0 and self.lower(metric) > self.policy.threshold(metric)

    def by_e_value(self, metric: str) -> bool:
        return metric == PREFERENCE and self.policy.preference_test == "e-value"


@dataclass(frozen=True)
class Tolerance:
    """Something that may get worse, but by no more than a margin."""

    subject: str
    metric: str
    found: MetricEvidence
    margin: float


def reach(found: MetricEvidence, alpha: float) -> tuple[float, float]:
    """One-sided (1 − alpha) bounds of a measured difference."""
    return bounds(found.diff, found.se, found.df, alpha)


def unqualified(evidence: Evidence, policy: Policy) -> list[str]:
    """Why a challenger may not sit the sealed exam; without a dev part there is nothing to fail.

    Every look at the sealed exam makes the next one harder, so none is spent on a challenger that
    is not clearly enough better on dev, or that could not be promoted whatever the exam says.
    """
    reasons = [f"did not qualify: {doubt}" for doubt in doubts_on_preference(evidence, policy)]
    for metric in policy.gating if evidence.dev else ():
        found, threshold = evidence.dev.get(metric), policy.threshold(metric)
        if found is None:
            reasons.append(f"did not qualify: {metric} was not measured on the dev part")
        elif found.p >= policy.qualify:
            reasons.append(
                f"did not qualify: {metric} differs by {signed(found.diff)} on the dev part "
                f"(p = {found.p:.2f}); it must exceed {signed(threshold)} with p under "
                f"{policy.qualify:g} before the sealed exam is opened"
            )
    return reasons


def objections(case: Case) -> Iterator[str]:
    """Everything that speaks clearly against the challenger."""
    for metric in case.policy.gating:
        found = case.evidence.sealed.get(metric)
        if found and found.se > 0 and case.upper(metric) < -case.policy.margin(metric):
            best = signed(case.upper(metric))
            yield f"{metric} is clearly worse: {signed(found.diff)}, at best {best}"
    for metric, floor in case.policy.floors.items():
        scored = case.evidence.sealed.get(metric)
        if scored is None or scored.challenger_mean is None:
            raise InputError(f"the policy's floor names {metric!r}, which was not scored")
        if scored.challenger_mean < floor:
            yield f"{metric} is {scored.challenger_mean:.3f}, under the floor of {floor:.3f}"
    for limit in tolerances(case):
        if limit.found.se > 0 and reach(limit.found, case.alpha)[1] < -limit.margin:
            loss = f"{signed(limit.found.diff)} on {limit.found.n} items"
            yield f"{limit.subject} is clearly worse in {limit.metric}: {loss}"
    yield from harmed_slices(case)


def harmed_slices(case: Case) -> Iterator[str]:
    """Slices with a significant loss in a gating metric, Holm-corrected over all of them.

    Critical slices have a tolerance of their own. Slices of very few clusters are left out: their
    errors are too poorly known for a veto.
    """
    cells = [
        (name, metric, found)
        for name, measured in case.evidence.slices.items()
        for metric, found in measured.items()
        if metric in case.policy.gating
        and name not in case.policy.critical_slices
        and found.clusters >= LEAST_CLUSTERS
    ]
    adjusted = holm([p_below(found.diff, found.se, found.df, 0.0) for _, _, found in cells])
    for (name, metric, found), p in zip(cells, adjusted, strict=True):
        if p < case.alpha:
            loss = f"{signed(found.diff)} on {found.n} items"
            yield f"slice {name} is clearly worse in {metric}: {loss}"


def tolerances(case: Case) -> Iterator[Tolerance]:
    """What must be shown not to have lost more than its margin."""
    policy, evidence = case.policy, case.evidence
    for name in policy.critical_slices:
        for metric, found in evidence.slices[name].items():
            if metric in policy.gating:
                yield Tolerance(f"critical slice {name}", metric, found, policy.slice_margin)
    for metric, found in evidence.general.get(ALL_ITEMS, {}).items():
        yield Tolerance("general ability", metric, found, policy.general_margin)
    for metric, found in evidence.reference.items():
        if metric in policy.gating:
            subject = "quality since the reference"
            yield Tolerance(subject, metric, found, policy.regression_budget)


def open_questions(case: Case) -> Iterator[str]:
    """Everything that a promotion still lacks."""
    if case.spent:
        yield (
            f"the exam is spent: alpha is {case.alpha:.5f}, under the floor of "
            f"{case.policy.alpha_floor:.5f}; a fresh eval set is due"
        )
    for metric in case.policy.gating:
        if metric not in case.evidence.sealed:
            yield f"{metric} could not be measured: fewer than two clusters"
        elif not case.won(metric):
            yield undecided(case, metric, case.evidence.sealed[metric])
    yield from doubts_on_preference(case.evidence, case.policy)
    for name, least in case.policy.critical_slices.items():
        for metric in case.policy.gating:
            measured = case.evidence.slices[name].get(metric)
            if (n := measured.n if measured else 0) < least:
                yield f"critical slice {name} has {n} items for {metric}, and needs {least}"
    for limit in tolerances(case):
        if reach(limit.found, case.alpha)[0] <= -limit.margin:
            yield (
                f"{limit.subject} may have lost more than {limit.margin:g} in {limit.metric}: "
                f"{signed(limit.found.diff)} on {limit.found.n} items"
            )


def undecided(case: Case, metric: str, found: MetricEvidence) -> str:
    """Why a gating metric has not won yet."""
    if case.by_e_value(metric):
        evidence = e_value(found.wins, found.losses)
        return (
            f"{metric}: {found.wins} wins and {found.losses} losses are evidence of "
            f"E = {evidence:.3g}, and {1 / case.alpha:.3g} is needed"
        )
    if found.se == 0:
        return f"{metric} differs by {signed(found.diff)} on every item: that is no measurement"
    return (
        f"{metric} differs by {signed(found.diff)}, but may be as low as "
        f"{signed(case.lower(metric))}; it must exceed {signed(case.policy.threshold(metric))}"
    )


def doubts_on_preference(evidence: Evidence, policy: Policy) -> Iterator[str]:
    """Why the preference cannot carry a promotion: its source is poor, or too little was judged."""
    if PREFERENCE not in policy.gating:
        return
    if evidence.calibration and (why := advisory(evidence.calibration)):
        yield f"the preference is advisory only: {why}"
    if found := evidence.sealed.get(PREFERENCE):
        total = found.n + found.unjudged
        if found.unjudged > policy.unjudged_cap * total:
            yield (
                f"{found.unjudged} of {total} items have no preference, and the policy allows "
                f"{policy.unjudged_cap:.0%}"
            )


def advisory(source: Calibration) -> str | None:
    """Why no promotion may rest on the source; None when it beats length and chance."""
    if source.accuracy is None:
        return f"no held-out pair tells how good {source.source} is"
    if source.longer_accuracy is None:
        return beaten_by_chance(source, source.accuracy, source.n, "held-out pairs")
    if source.matched_accuracy is None:
        return f"no held-out pair of like length tells what {source.source} goes by"
    return beaten_by_length(source) or beaten_by_chance(
        source, source.matched_accuracy, source.matched_n, "pairs of like length"
    )


def beaten_by_length(source: Calibration) -> str | None:
    for pairs, accuracy, longer, shorter in (
        ("held-out pairs", source.accuracy, source.longer_accuracy, source.shorter_accuracy),
        (
            "those of like length",
            source.matched_accuracy,
            source.matched_longer,
            source.matched_shorter,
        ),
    ):
        for name, rival in (("longer", longer), ("shorter", shorter)):
            if accuracy is not None and rival is not None and accuracy <= rival:
                return (
                    f"{source.source} is right on {accuracy:.0%} of the {pairs}, picking the "
                    f"{name} answer on {rival:.0%}"
                )
    return None


def beaten_by_chance(source: Calibration, p: float, n: int, pairs: str) -> str | None:
    """By Wilson's (1927) one-sided 95 % lower bound of an accuracy p on n pairs."""
    z = 1.6448536269514722  # the 95 % point of the normal distribution
    centre, spread = p + z**2 / (2 * n), z * sqrt(p * (1 - p) / n + (z / (2 * n)) ** 2)
    lower = (centre - spread) / (1 + z**2 / n)
    if lower > 0.5:
        return None
    return (
        f"{source.source} is right on {p:.0%} of {n} {pairs}, where a coin may be as good: 95 % "
        f"sure is only {lower:.0%}"
    )


def signed(difference: float) -> str:
    """A difference as people read it; what rounds to nothing is +0.000."""
    return f"{round(difference, 3) + 0.0:+.3f}"


def rule(
    evidence: Evidence, policy: Policy, opening: int | None, budget: float | None = None
) -> Decision:
    """The verdict on evidence, at the level of the k-th opening out of a budget (see the ledger).

    Opening None: the sealed exam stays closed, because the challenger did not qualify on dev.
    Budget None: the policy's alpha. No opening is judged at more than that, whatever was earned.
    REJECT when a metric, a floor or a slice speaks clearly against the challenger; PROMOTE when
    every gating metric's lower bound is above its threshold (an intersection–union test, Berger
    1982, so no correction across metrics) and nothing else is in doubt; HOLD otherwise.
    """
    if opening is None:
        reasons = unqualified(evidence, policy) or ["the sealed exam was not opened"]
        return decided(Case(evidence, policy), Verdict.HOLD, reasons)
    look = Look(number=opening, budget=policy.alpha if budget is None else budget)
    case = Case(evidence, policy, look, look.level(policy.alpha))
    against, doubts = list(objections(case)), list(open_questions(case))
    if against:
        return decided(case, Verdict.REJECT, against + doubts)
    if doubts:
        return decided(case, Verdict.HOLD, doubts, further_items(case))
    return decided(case, Verdict.PROMOTE, victories(case))


def victories(case: Case) -> list[str]:
    """By how much each gating metric won, or did not lose more than a guarded policy allows."""
    reasons = []
    for metric in case.policy.gating:
        diff = case.evidence.sealed[metric].diff
        word = "is better" if diff > 0 else "differs"
        reasons.append(f"{metric} {word} by {signed(diff)}, at least {signed(case.lower(metric))}")
    return reasons


def further_items(case: Case) -> int | None:
    """How many more items would find the policy's `effect` in every metric that is undecided.

    None where no number of items would: the exam is spent, or all that is in doubt is not a mean.
    """
    policy, needed = case.policy, []
    if case.spent:
        return None
    for metric in policy.gating:
        if metric in case.evidence.sealed and not case.won(metric):
            found = case.evidence.sealed[metric]
            design = found.n * (found.se / found.sd) ** 2 if found.sd else 1.0
            effect = policy.effect - policy.threshold(metric)
            if effect <= 0:
                return None  # such an effect would not win however often it is measured
            asked = (found.sd, effect, case.alpha, policy.power, len(policy.gating), design)
            needed.append(max(0, items_needed(*asked) - found.n))
    return max(needed, default=None)


def decided(
    case: Case, verdict: Verdict, reasons: list[str], needed: int | None = None
) -> Decision:
    return Decision(
        verdict=verdict,
        reasons=tuple(reasons),
        opening=case.opening.number if case.opening else None,
        budget=case.opening.budget if case.opening else None,
        alpha=case.alpha if case.opening else None,
        bounds={m: bound(case, m) for m in case.evidence.sealed} if case.opening else {},
        needed=needed,
        pins=case.evidence.pins,
        evidence=case.evidence.digest,
        policy=case.policy.digest,
    )


def bound(case: Case, metric: str) -> Bound:
    found = case.evidence.sealed[metric]
    lower, upper = bounds(found.diff, found.se, found.df, case.alpha)
    return Bound(lower=lower, upper=upper, won=case.won(metric))
