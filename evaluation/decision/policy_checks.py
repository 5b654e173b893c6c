"""The policy checks: what speaks against a challenger, and what a promotion still lacks."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import inf

from evaluation.decision.policy import Policy
from evaluation.decision.preference_doubts import doubts_on_preference, doubts_on_rubrics
from evaluation.decision.score_evidence import ALL_ITEMS, PREFERENCE
from evaluation.decision.statistics import bounds, e_value, holm, p_below
from evaluation.decision.suite_guards import (
    broken_suite_floors,
    guarded_losses,
    suite_floors_in_doubt,
    unmeasured_suites,
)
from project.records.evidence import Evidence, Measured, MetricEvidence, by_people, rated_by_people
from project.records.preferences import BALLOTS
from registry.alpha_ledger.spending import Look, alpha_at

LEAST_CLUSTERS = 5  # that a slice must have for a veto
# Where t's bound, which takes means for nearly normal, is not asked: below this level, as a mean is
# normal in its middle and not far out, and from so many clusters on, as the bound that holds for
# any distribution costs little there.
FAR_OUT, MANY_CLUSTERS = 0.01, 300
# Of an error that a verdict may rest on: below it, a few large clusters say nearly all.
LEAST_DF = 6


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

    @property
    def next_alpha(self) -> float:
        """The level of the next look against the same champion."""
        assert self.look
        return self.look.after().level(self.policy.alpha)

    def lower(self, metric: str) -> float:
        return reach(self.evidence.sealed[metric], self.alpha)[0]

    def upper(self, metric: str) -> float:
        return reach(self.evidence.sealed[metric], self.alpha)[1]

    def won(self, metric: str) -> bool:
        """Whether a metric's lower bound, or its e-value, is above what the policy asks."""
        measured = self.evidence.sealed[metric]
        if self.by_e_value(metric):
            return e_value_of(measured) >= 1 / self.alpha
        return self.known(metric) and self.lower(metric) > self.policy.threshold(metric)

    def known(self, metric: str) -> bool:
        """Whether a metric's error can be trusted."""
        measured = self.evidence.sealed[metric]
        bounded = measured.se > 0 or measured.sure is not None
        return bounded and measured.df >= LEAST_DF and not unbounded(measured)

    def by_e_value(self, metric: str) -> bool:
        return metric == PREFERENCE and self.policy.preference_test == "e-value"


@dataclass(frozen=True)
class MarginCheck:
    """One policy check: something may get worse, but by no more than a margin."""

    subject: str
    metric: str
    found: MetricEvidence
    margin: float
    of_slice: bool = False

    def failed(self, alpha: float) -> bool:
        """Whether the loss is clearly larger; also where all items lose alike, without an error."""
        if self.found.se == 0:
            every = self.found.losses == self.found.n >= LEAST_CLUSTERS
            return every and self.found.diff < -self.margin
        return reach(self.found, alpha, veto=self.of_slice)[1] < -self.margin

    def passed(self, alpha: float) -> bool:
        """Whether the loss is surely smaller; equal losses on every item say nothing of that."""
        if unbounded(self.found) or (self.found.se == 0 and self.found.diff < 0):
            return False
        return reach(self.found, alpha)[0] > -self.margin

    @property
    def loss(self) -> str:
        lost = f"{signed(self.found.diff)} on {self.found.n} items"
        return f"{self.subject} is clearly worse in {self.metric}: {lost}"

    @property
    def doubt(self) -> str:
        return (
            f"{self.subject} may have lost more than {self.margin:g} in {self.metric}: "
            f"{signed(self.found.diff)} on {self.found.n} items"
        )


def reach(measured: MetricEvidence, alpha: float, *, veto: bool = False) -> tuple[float, float]:
    """One-sided (1 − alpha) bounds of a difference, items that are missing at their ends.

    They hold for any distribution on the metric's range where that is known, and alpha is small or
    the clusters are many, or all items gain alike, of which no error can be estimated; else they
    are t's, cluster-robust. Of a slice, a `veto` always asks for the former: a few large gains make
    a mean whose t-interval lies far too low.
    """
    sure = measured.sure
    far = alpha < FAR_OUT or measured.clusters >= MANY_CLUSTERS or measured.gains_alike
    if sure and (veto or far):
        return sure.at(alpha) or (-inf, inf)
    worst, best = measured.worst or measured, measured.best or measured
    lower, _ = bounds(worst.diff, worst.se, worst.df, alpha)
    _, upper = bounds(best.diff, best.se, best.df, alpha)
    return lower, upper


def better_on_dev(measured: MetricEvidence, threshold: float, level: float) -> bool:
    if measured.sure and measured.gains_alike:
        return reach(measured, level)[0] > threshold
    return measured.p < level


def unbounded(measured: MetricEvidence) -> bool:
    """Whether items are missing of which it is not known how bad they may be."""
    return bool(measured.missing) and measured.worst is None


def p_loss(measured: MetricEvidence) -> float:
    """One-sided p of the hypothesis that a slice lost nothing, whatever its distribution."""
    if measured.sure:
        return measured.sure.p_below
    best = measured.best or measured
    return p_below(best.diff, best.se, best.df, 0.0)


def unqualified(evidence: Evidence, policy: Policy) -> list[str]:
    """Why a challenger does not qualify for a look at the sealed eval set; empty where it does.

    Every look makes the next one harder, so none is taken for a challenger that is not clearly
    enough better on dev, or that could not be promoted whatever the sealed items say. Without a
    dev part there is nothing to fail; and what people rate, they rate on sealed items alone.
    """
    reasons = [f"did not qualify: {doubt}" for doubt in doubts_on_preference(evidence, policy)]
    reasons += [f"did not qualify: {doubt}" for doubt in doubts_on_rubrics(evidence, policy)]
    reasons += [
        f"did not qualify: on the dev part {doubt}" for doubt in missing_items(evidence.dev, policy)
    ]
    floors = *broken_suite_floors(evidence, policy), *suite_floors_in_doubt(evidence, policy)
    reasons += [f"did not qualify: {floor}" for floor in floors]
    # No look is judged at more than the policy's alpha, so what fails there fails at every look.
    failed = [check for check in early_checks(evidence, policy) if not check.passed(policy.alpha)]
    reasons += [f"did not qualify: {check.doubt}" for check in failed]
    for check in guard_checks(evidence.dev, policy):
        if check.failed(policy.qualify):
            reasons.append(f"did not qualify: on the dev part {check.loss}")
    for metric in policy.gating if evidence.dev else ():
        measured, threshold = evidence.dev.get(metric), policy.threshold(metric)
        if rated_by_people(metric):
            continue
        if measured is None:
            reasons.append(f"did not qualify: {metric} was not measured on the dev part")
        elif not better_on_dev(measured, threshold, policy.qualify):
            reasons.append(
                f"did not qualify: {metric} differs by {signed(measured.diff)} on the dev part "
                f"(p = {measured.p:.2f}); it must exceed {signed(threshold)} with p under "
                f"{policy.qualify:g} before the sealed eval set is looked at"
            )
    return reasons


def objections(case: Case) -> Iterator[str]:
    """Everything that speaks clearly against the challenger."""
    for metric in case.policy.gating:
        measured = case.evidence.sealed.get(metric)
        if measured and case.known(metric) and case.upper(metric) < -case.policy.margin(metric):
            best = signed(case.upper(metric))
            yield f"{metric} is clearly worse: {signed(measured.diff)}, at best {best}"
    for metric, floor in case.policy.floors.items():
        measured = case.evidence.sealed.get(metric)
        if measured and measured.beyond(floor):
            yield f"{metric} is {measured.own_score:.3f}, {measured.limit}, {floor:.3f}"
    yield from broken_suite_floors(case.evidence, case.policy)
    for check in margin_checks(case):
        if check.failed(case.alpha):
            yield check.loss
    yield from harmed_slices(case)


def harmed_slices(case: Case) -> Iterator[str]:
    """Slices with a significant loss in a checked metric, Holm-corrected over all of them.

    Critical slices have a check of their own. Slices of very few clusters are left out: their
    standard errors are known too poorly for a veto.
    """
    cells = [
        (name, metric, evidence)
        for name, measured in case.evidence.slices.items()
        for metric, evidence in measured.items()
        if metric in case.policy.checked
        and name not in case.policy.critical_slices
        and evidence.clusters >= LEAST_CLUSTERS
    ]
    adjusted = holm([p_loss(evidence) for _, _, evidence in cells])
    for (name, metric, evidence), p in zip(cells, adjusted, strict=True):
        if p < case.alpha:
            loss = f"{signed(evidence.diff)} on {evidence.n} items"
            yield f"slice {name} is clearly worse in {metric}: {loss}"


def margin_checks(case: Case) -> Iterator[MarginCheck]:
    """What must be shown not to have lost more than its margin."""
    policy, evidence = case.policy, case.evidence
    for name in policy.critical_slices:
        for metric, measured in evidence.slices[name].items():
            if metric in policy.checked:
                subject = f"critical slice {name}"
                yield MarginCheck(subject, metric, measured, policy.slice_margin, of_slice=True)
    yield from guard_checks(evidence.sealed, policy)
    yield from early_checks(evidence, policy)
    for metric, measured in evidence.reference.items():
        if metric in policy.checked:
            subject = "quality since the regression baseline"
            yield MarginCheck(subject, metric, measured, policy.regression_budget)


def guard_checks(measured: Measured, policy: Policy) -> Iterator[MarginCheck]:
    """What need not be better and may not be worse, as far as it was measured."""
    for metric, margin in (policy.guards or {}).items():
        if metric in measured:
            yield MarginCheck("the challenger", metric, measured[metric], margin)


def early_checks(evidence: Evidence, policy: Policy) -> Iterator[MarginCheck]:
    """Those of which all is known before a look at the sealed eval set."""
    for metric, measured in evidence.general.get(ALL_ITEMS, {}).items():
        yield MarginCheck("general ability", metric, measured, policy.general_margin)
    yield from (MarginCheck(*loss) for loss in guarded_losses(evidence, policy))


def open_questions(case: Case) -> Iterator[str]:
    """Everything that a promotion still lacks."""
    for metric in case.policy.gating:
        if metric not in case.evidence.sealed:
            yield unmeasured(case, metric)
        elif not case.won(metric) and not unbounded(case.evidence.sealed[metric]):
            yield undecided(case, metric, case.evidence.sealed[metric])
    yield from doubts_on_preference(case.evidence, case.policy, case.alpha)
    yield from doubts_on_rubrics(case.evidence, case.policy)
    yield from missing_items(case.evidence.sealed, case.policy)
    yield from floors_in_doubt(case.evidence.sealed, case.policy)
    yield from suite_floors_in_doubt(case.evidence, case.policy)
    yield from unmeasured_guards(case.evidence, case.policy)
    yield from unmeasured_suites(case.evidence, case.policy)
    for name, least in case.policy.critical_slices.items():
        for metric in case.policy.gating:
            measured = case.evidence.slices[name].get(metric)
            if (n := measured.n if measured else 0) < least:
                yield f"critical slice {name} has {n} items for {metric}, and needs {least}"
    for metric in dict.fromkeys([*(case.policy.guards or ()), *case.policy.floors]):
        if metric not in case.evidence.sealed:
            yield f"{metric} could not be measured: fewer than two clusters have it"
    for check in margin_checks(case):
        if not check.passed(case.alpha):
            yield check.doubt


def missing_items(measured: Measured, policy: Policy) -> Iterator[str]:
    """A reason for every metric that is checked or has a floor: too many items are missing, or
    nobody says how bad they may be.
    """
    for metric in dict.fromkeys((*policy.checked, *policy.floors)):
        evidence = measured.get(metric)
        if evidence is None or not evidence.missing:
            continue
        total = evidence.n + evidence.missing
        lack = f"{evidence.missing} of {total} items have no {lacking_of(metric)}"
        if evidence.missing > policy.unjudged_cap * total:
            yield f"{lack}, and the policy allows {policy.unjudged_cap:.0%}"
        elif unbounded(evidence):
            yield (
                f"{lack}, and how bad they may be is not known: say the least and the most that it "
                f"can be by `ranges: {{{metric}: [0, 1]}}` in the policy, or in its scorer's class"
            )


def floors_in_doubt(measured: Measured, policy: Policy) -> Iterator[str]:
    """Floors that hold only where nothing is missing: they are not passed by what is left out."""
    for metric, floor in policy.floors.items():
        evidence = measured.get(metric)
        if evidence and not evidence.beyond(floor) and evidence.beyond(floor, at_worst=True):
            yield f"{metric} is {evidence.limit_at_worst}, {floor:.3f}"


def lacking_of(metric: str) -> str:
    if metric == PREFERENCE:
        return "preference"
    return f"{'rating' if rated_by_people(metric) else 'score'} of {metric}"


def unmeasured_guards(evidence: Evidence, policy: Policy) -> Iterator[str]:
    """What was asked for and says nothing: it may hide any loss.

    The preference is seldom judged against the regression baseline, and what people rate never is:
    they are missed there only where nothing else could be measured.
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
            if not by_people(metric):
                yield f"{subject} in {metric}: it was not scored against it"


def unmeasured(case: Case, metric: str) -> str:
    source = case.evidence.calibration
    if rated_by_people(metric):
        if case.evidence.all_voted:
            return f"{metric} is not known: people rated it on fewer than two clusters"
        return f"{metric} is not known yet: not all items have their votes yet"
    if metric == PREFERENCE and source and source.people:
        return f"{metric} is not known yet: people voted on too few of the items that were drawn"
    if metric == PREFERENCE and source and source.source == BALLOTS:
        few = "fewer than two clusters of items have all their votes"
        return f"{metric} is not known yet: {'nobody has voted' if source.nobody_voted else few}"
    return f"{metric} could not be measured: fewer than two clusters"


def undecided(case: Case, metric: str, measured: MetricEvidence) -> str:
    """Why a gating metric has not won yet."""
    if case.by_e_value(metric):
        return f"{metric}: {e_value_sentence(measured)}, and {1 / case.alpha:.3g} is needed"
    if measured.se == 0 and not measured.sure:
        alike = f"{metric} differs by {signed(measured.diff)} on every item"
        return f"{alike}: a standard error cannot be estimated from that"
    if not case.known(metric):
        differs = f"{metric} differs by {signed(measured.diff)}, but"
        if measured.df + 1 >= measured.clusters:
            few = f"{measured.clusters} independent groups of items are too few"
            return f"{differs} {few}: {LEAST_DF + 1} are needed"
        return (
            f"{differs} a few clusters have most of the items: they count as "
            f"{measured.df + 1:.1f} clusters, and {LEAST_DF + 1} are needed"
        )
    if case.lower(metric) == -inf:
        return (
            f"{metric} differs by {signed(measured.diff)}, and at so small an alpha no lower bound "
            "of it is known"
        )
    return (
        f"{metric} differs by {signed(measured.diff)}, with a lower bound of "
        f"{signed(case.lower(metric))}; that must exceed {signed(case.policy.threshold(metric))}"
    )


def e_value_of(measured: MetricEvidence) -> float:
    """The e-value that the challenger is preferred: by wins and losses, or by people's votes and a
    judge.
    """
    if measured.people:
        return measured.people.e_value or 0.0
    return e_value(*measured.independent)


def e_value_sentence(measured: MetricEvidence) -> str:
    if people := measured.people:
        voted = f"people's votes on {people.votes:,} items, with the judge on all {measured.n:,},"
        return f"{voted} give an e-value of {e_value_of(measured):.3g}"
    wins, losses = measured.independent
    of = "" if measured.clusters_won is None else " of whole clusters"
    return f"{wins} wins and {losses} losses{of} give an e-value of {e_value(wins, losses):.3g}"


def signed(difference: float) -> str:
    """A difference as people read it; what rounds to zero is +0.000."""
    return f"{round(difference, 3) + 0.0:+.3f}"
