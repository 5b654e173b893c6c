"""The second rule, as it was: decisions that name rule 2 were made by it.

Nothing here changes any more, neither a sentence nor a number: `incumbent verify` makes the old
decisions again, byte for byte. What it uses of other modules is copied here before that changes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import sqrt
from typing import Annotated, Literal

from pydantic import Field

from evaluation.decision.evidence import ALL_ITEMS, PREFERENCE
from evaluation.decision.statistics import bounds, e_value, holm, items_needed, p_below
from project.errors import InputError
from project.records.calibration import BALLOTS, Calibration
from project.records.evidence import Bound, Decision, Evidence, Measured, MetricEvidence, Verdict
from project.records.record import LATER, Record
from project.records.scores import Better
from registry.alpha_ledger.spending import Look, alpha_at

VERSION = 2
MOST_LOOKS = 1_000_000
LEAST_CLUSTERS = 5  # that a slice must have for a veto
# Of an error that a verdict may rest on: below it, a few large clusters say nearly all.
LEAST_DF = 6


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
    better: Annotated[dict[str, Better] | None, LATER] = None
    effect: float = 0.02
    power: float = 0.8

    def margin(self, metric: str) -> float:
        return self.margins.get(metric, 0.0)

    def threshold(self, metric: str) -> float:
        """The difference that a gating metric's lower bound must exceed."""
        may_lose = self.kind == "guarded" and metric != "preference"
        return -self.margin(metric) if may_lose else self.margin(metric)


@dataclass(frozen=True)
class Case:
    """Evidence under a policy, at the level of one look at the sealed eval set."""

    evidence: Evidence
    policy: Policy
    look: Look | None = None
    alpha: float = 1.0

    @property
    def fresh_alpha(self) -> float:
        """The level of a first look at a fresh eval set."""
        return alpha_at(self.policy.alpha, 1)

    @property
    def worn_out(self) -> bool:
        """Whether so many looks were taken that a fresh eval set would ask for much less."""
        return self.alpha < min(self.policy.alpha_floor, self.fresh_alpha)

    def lower(self, metric: str) -> float:
        return reach(self.evidence.sealed[metric], self.alpha)[0]

    def upper(self, metric: str) -> float:
        return reach(self.evidence.sealed[metric], self.alpha)[1]

    def won(self, metric: str) -> bool:
        """Whether a metric's lower bound, or its e-value, is above what the policy asks."""
        found = self.evidence.sealed[metric]
        if self.by_e_value(metric):
            return e_value(*found.independent) >= 1 / self.alpha
        return self.known(metric) and self.lower(metric) > self.policy.threshold(metric)

    def known(self, metric: str) -> bool:
        """Whether a metric's error can be trusted."""
        found = self.evidence.sealed[metric]
        return found.se > 0 and found.df >= LEAST_DF

    def by_e_value(self, metric: str) -> bool:
        return metric == PREFERENCE and self.policy.preference_test == "e-value"


@dataclass(frozen=True)
class MarginCheck:
    """One policy check: something may get worse, but by no more than a margin."""

    subject: str
    metric: str
    found: MetricEvidence
    margin: float

    def failed(self, alpha: float) -> bool:
        """Whether the loss is clearly larger; also where all items lose alike, without an error."""
        if self.found.se == 0:
            every = self.found.losses == self.found.n >= LEAST_CLUSTERS
            return every and self.found.diff < -self.margin
        return reach(self.found, alpha)[1] < -self.margin

    def passed(self, alpha: float) -> bool:
        """Whether the loss is surely smaller; equal losses on every item say nothing of that."""
        if self.found.se == 0 and self.found.diff < 0:
            return False
        return reach(self.found, alpha)[0] > -self.margin


def reach(found: MetricEvidence, alpha: float) -> tuple[float, float]:
    """One-sided (1 − alpha) bounds of a measured difference."""
    return bounds(found.diff, found.se, found.df, alpha)


def unqualified(evidence: Evidence, policy: Policy) -> list[str]:
    """Why a challenger does not qualify for a look at the sealed eval set; empty where it does.

    Every look makes the next one harder, so none is taken for a challenger that is not clearly
    enough better on dev, or that could not be promoted whatever the sealed items say. Without a
    dev part there is nothing to fail.
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
                f"{policy.qualify:g} before the sealed eval set is looked at"
            )
    return reasons


def objections(case: Case) -> Iterator[str]:
    """Everything that speaks clearly against the challenger."""
    for metric in case.policy.gating:
        found = case.evidence.sealed.get(metric)
        if found and case.known(metric) and case.upper(metric) < -case.policy.margin(metric):
            best = signed(case.upper(metric))
            yield f"{metric} is clearly worse: {signed(found.diff)}, at best {best}"
    refuse_unscored_floors(case.evidence.sealed, case.policy)
    for metric, floor in case.policy.floors.items():
        scored = case.evidence.sealed[metric]
        mean, less = scored.own_score, scored.better == "less"
        if mean > floor if less else mean < floor:
            beyond = "above the most" if less else "under the least"
            yield f"{metric} is {mean:.3f}, {beyond} that the policy allows, {floor:.3f}"
    for check in margin_checks(case):
        if check.failed(case.alpha):
            loss = f"{signed(check.found.diff)} on {check.found.n} items"
            yield f"{check.subject} is clearly worse in {check.metric}: {loss}"
    yield from harmed_slices(case)


def refuse_unscored_floors(measured: Measured, policy: Policy) -> None:
    """Raise InputError where the policy has a floor for what was not scored."""
    if unknown := sorted(policy.floors.keys() - measured.keys()):
        raise InputError(f"the policy's floor names {unknown[0]!r}, which was not scored")


def harmed_slices(case: Case) -> Iterator[str]:
    """Slices with a significant loss in a gating metric, Holm-corrected over all of them.

    Critical slices have a check of their own. Slices of very few clusters are left out: their
    standard errors are known too poorly for a veto.
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


def margin_checks(case: Case) -> Iterator[MarginCheck]:
    """What must be shown not to have lost more than its margin."""
    policy, evidence = case.policy, case.evidence
    for name in policy.critical_slices:
        for metric, found in evidence.slices[name].items():
            if metric in policy.gating:
                yield MarginCheck(f"critical slice {name}", metric, found, policy.slice_margin)
    for metric, found in evidence.general.get(ALL_ITEMS, {}).items():
        yield MarginCheck("general ability", metric, found, policy.general_margin)
    for metric, found in evidence.reference.items():
        if metric in policy.gating:
            subject = "quality since the regression baseline"
            yield MarginCheck(subject, metric, found, policy.regression_budget)


def open_questions(case: Case) -> Iterator[str]:
    """Everything that a promotion still lacks."""
    for metric in case.policy.gating:
        if metric not in case.evidence.sealed:
            yield f"{metric} could not be measured: fewer than two clusters"
        elif not case.won(metric):
            yield undecided(case, metric, case.evidence.sealed[metric])
    yield from doubts_on_preference(case.evidence, case.policy)
    yield from unmeasured_guards(case.evidence, case.policy)
    for name, least in case.policy.critical_slices.items():
        for metric in case.policy.gating:
            measured = case.evidence.slices[name].get(metric)
            if (n := measured.n if measured else 0) < least:
                yield f"critical slice {name} has {n} items for {metric}, and needs {least}"
    for check in margin_checks(case):
        if not check.passed(case.alpha):
            yield (
                f"{check.subject} may have lost more than {check.margin:g} in {check.metric}: "
                f"{signed(check.found.diff)} on {check.found.n} items"
            )


def unmeasured_guards(evidence: Evidence, policy: Policy) -> Iterator[str]:
    """What was asked for and says nothing: it may hide any loss.

    The preference is seldom judged against the regression baseline, and is missed there only where
    nothing else could be measured.
    """
    if evidence.general and not evidence.general.get(ALL_ITEMS):
        yield "general ability could not be measured: fewer than two clusters"
    if not (evidence.reference_given or evidence.reference):
        return
    subject = "quality since the regression baseline could not be measured"
    missing = [metric for metric in policy.gating if metric not in evidence.reference]
    if not evidence.reference:
        yield f"{subject}: fewer than two clusters, or no metric"
    elif len(missing) == len(policy.gating):
        yield f"{subject}: no gating metric was scored against it"
    else:
        for metric in missing:
            if metric != PREFERENCE:
                yield f"{subject} in {metric}: it was not scored against it"


def undecided(case: Case, metric: str, found: MetricEvidence) -> str:
    """Why a gating metric has not won yet."""
    if case.by_e_value(metric):
        return f"{metric}: {e_value_sentence(found)}, and {1 / case.alpha:.3g} is needed"
    if found.se == 0:
        alike = f"{metric} differs by {signed(found.diff)} on every item"
        return f"{alike}: a standard error cannot be estimated from that"
    if not case.known(metric):
        return (
            f"{metric} differs by {signed(found.diff)}, but a few clusters have most of the items: "
            f"they count as {found.df + 1:.1f} clusters, and {LEAST_DF + 1} are needed"
        )
    return (
        f"{metric} differs by {signed(found.diff)}, with a lower bound of "
        f"{signed(case.lower(metric))}; that must exceed {signed(case.policy.threshold(metric))}"
    )


def e_value_sentence(found: MetricEvidence) -> str:
    wins, losses = found.independent
    of = "" if found.clusters_won is None else " of whole clusters"
    return f"{wins} wins and {losses} losses{of} give an e-value of {e_value(wins, losses):.3g}"


def doubts_on_preference(evidence: Evidence, policy: Policy) -> Iterator[str]:
    """Why the preference cannot carry a promotion: its source is poor, or too little was judged."""
    if PREFERENCE not in policy.gating:
        return
    if evidence.calibration and (why := advisory(evidence.calibration)):
        yield f"the preference is advisory only: {why}"
    if open_ended(evidence.calibration, policy):
        yield (
            "the preference rests on ballots of which an item may get ever more, and an e-value on "
            "items that can turn is no test: set `votes` in evaluation.preference"
        )
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


def open_ended(source: Calibration | None, policy: Policy) -> bool:
    """Whether an e-value is asked of ballots whose items never close."""
    by_e_value = policy.preference_test == "e-value"
    return by_e_value and source is not None and source.source == BALLOTS and source.votes is None


def signed(difference: float) -> str:
    """A difference as people read it; what rounds to zero is +0.000."""
    return f"{round(difference, 3) + 0.0:+.3f}"


def rule(
    evidence: Evidence, policy: Policy, look: int | None, budget: float | None = None
) -> Decision:
    """The verdict on evidence, at the level of the k-th look out of a budget of alpha.

    registry/alpha_ledger/spending.py says how looks share it. Look None: the sealed eval set is not
    looked at, because the challenger did not qualify on dev. Budget None: the policy's alpha. No
    look is judged at more than that, whatever promotions have earned.
    REJECT when a metric, a floor or a slice speaks clearly against the challenger; PROMOTE when
    every gating metric's lower bound is above its threshold (an intersection–union test, Berger
    1982, so no correction across metrics) and nothing else is in doubt; HOLD otherwise. However
    late the look, whoever wins at its level is promoted.
    """
    if look is not None and not 1 <= look <= MOST_LOOKS:
        raise InputError(f"look {look} is none: looks are counted from 1, to {MOST_LOOKS} at most")
    if look is None:
        reasons = unqualified(evidence, policy) or ["the sealed eval set was not looked at"]
        return decided(Case(evidence, policy), Verdict.HOLD, reasons)
    taken = Look(number=look, budget=policy.alpha if budget is None else budget)
    case = Case(evidence, policy, taken, taken.level(policy.alpha))
    against, doubts = list(objections(case)), list(open_questions(case))
    if against:
        return decided(case, Verdict.REJECT, against + doubts)
    if doubts:
        return decided(case, Verdict.HOLD, [*doubts, *advice(case)], further_items(case))
    return decided(case, Verdict.PROMOTE, victories(case))


def victories(case: Case) -> list[str]:
    """By how much each gating metric won, or did not lose more than a guarded policy allows."""
    reasons = []
    for metric in case.policy.gating:
        found = case.evidence.sealed[metric]
        word = "is better" if found.diff > 0 else "differs"
        if case.by_e_value(metric):
            shown = e_value_sentence(found)
        else:
            shown = f"at least {signed(case.lower(metric))}"
        reasons.append(f"{metric} {word} by {signed(found.diff)}, {shown}")
    return reasons


def advice(case: Case) -> Iterator[str]:
    """What a fresh eval set would bring, where this one is worn out by looks."""
    if not case.worn_out:
        return
    sentence = (
        f"the sealed eval set is worn out by looks: this one is judged at alpha {case.alpha:.2g}, "
        f"a first look at a fresh eval set at {case.fresh_alpha:.3g}"
    )
    sizes = [items_that_find_the_effect(case, m, case.fresh_alpha) for m in case.policy.gating]
    known = [size for size in sizes if size is not None]
    if len(known) == len(sizes) and max(known) > 0:
        sentence += (
            f", where about {max(known):,} items find a difference of {case.policy.effect:g}"
        )
    yield sentence


def further_items(case: Case) -> int | None:
    """How many more items would find the policy's `effect` in every metric that is undecided.

    None where no number of items would, or where what is in doubt is no mean.
    """
    needed = []
    for metric in case.policy.gating:
        if metric in case.evidence.sealed and not case.won(metric):
            items = items_that_find_the_effect(case, metric, case.alpha)
            if items is None:
                return None
            needed.append(max(0, items - case.evidence.sealed[metric].n))
    return max(needed, default=None)


def items_that_find_the_effect(case: Case, metric: str, alpha: float) -> int | None:
    """The size of an eval set on which the policy's `effect` wins a metric at this level.

    None where no size is known to do: clusters are missing and not items, the effect is within the
    margin, or the metric was not measured.
    """
    policy, found = case.policy, case.evidence.sealed.get(metric)
    if found is None or (found.se > 0 and not case.known(metric)):
        return None
    effect = policy.effect - policy.threshold(metric)
    if effect <= 0:
        return None  # such an effect would not win however often it is measured
    design = found.n * (found.se / found.sd) ** 2 if found.sd else 1.0
    return items_needed(found.sd, effect, alpha, policy.power, len(policy.gating), design)


def decided(
    case: Case, verdict: Verdict, reasons: list[str], needed: int | None = None
) -> Decision:
    return Decision(
        verdict=verdict,
        reasons=tuple(reasons),
        opening=case.look.number if case.look else None,
        budget=case.look.budget if case.look else None,
        alpha=case.alpha if case.look else None,
        bounds={m: bound(case, m) for m in case.evidence.sealed} if case.look else {},
        needed=needed,
        pins=case.evidence.pins,
        evidence=case.evidence.digest,
        policy=case.policy.digest,
        rule=VERSION,
    )


def bound(case: Case, metric: str) -> Bound:
    found = case.evidence.sealed[metric]
    lower, upper = bounds(found.diff, found.se, found.df, case.alpha)
    return Bound(lower=lower, upper=upper, won=case.won(metric))
