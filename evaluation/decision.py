"""The decision: a pure function of evidence, policy and which opening of the exam this is."""

from collections.abc import Iterator

from evaluation.evidence import weigh
from evaluation.policy import Policy
from evaluation.statistics import alpha_at, bounds, holm, items_needed, p_below
from registry.errors import InputError
from registry.records import Bound, Decision, Evidence, MetricEvidence, ScoreTable, Verdict

LEAST_CLUSTERS = 5  # that a slice must have for a veto


def decide(scores: ScoreTable, policy: Policy, opening: int = 1) -> Decision:
    """The verdict on a score table at the k-th opening of its exam. Raises InputError."""
    return rule(weigh(scores, policy), policy, opening)


def rule(evidence: Evidence, policy: Policy, opening: int | None) -> Decision:
    """The verdict on evidence.

    Opening None: the sealed exam stays closed, because the challenger did not qualify on dev.
    REJECT when a metric, a floor or a slice speaks clearly against the challenger; PROMOTE when
    every gating metric's lower bound is above its threshold (an intersection–union test, Berger
    1982, so no correction across metrics); HOLD otherwise.
    """
    if opening is None:
        reasons = unqualified(evidence, policy) or ["the sealed exam was not opened"]
        return sentence(evidence, policy, Verdict.HOLD, reasons)
    alpha = alpha_at(policy.alpha, opening)
    judged = {name: bound(found, policy, name, alpha) for name, found in evidence.sealed.items()}
    against = list(objections(evidence, policy, judged, alpha))
    doubts = list(open_questions(evidence, policy, judged, alpha))
    if against:
        verdict, reasons = Verdict.REJECT, against + doubts
    elif doubts:
        verdict, reasons = Verdict.HOLD, doubts
    else:
        verdict, reasons = Verdict.PROMOTE, victories(evidence, policy, judged)
    needed = further_items(evidence, policy, judged, alpha) if verdict is Verdict.HOLD else None
    return sentence(evidence, policy, verdict, reasons, opening, alpha, judged, needed)


def unqualified(evidence: Evidence, policy: Policy) -> list[str]:
    """Why a challenger may not sit the sealed exam: dev means that are not above the threshold.

    Without a dev part there is nothing to fail.
    """
    absent = [metric for metric in policy.gating if evidence.dev and metric not in evidence.dev]
    return [f"did not qualify: {metric} was not measured on the dev part" for metric in absent] + [
        f"did not qualify: {metric} differs by {signed(found.diff)} on the dev part, "
        f"and must exceed {signed(policy.threshold(metric))} before the sealed exam is opened"
        for metric, found in evidence.dev.items()
        if metric in policy.gating and found.diff <= policy.threshold(metric)
    ]


def bound(found: MetricEvidence, policy: Policy, metric: str, alpha: float) -> Bound:
    lower, upper = bounds(found.diff, found.se, found.df, alpha)
    won = found.se > 0 and lower > policy.threshold(metric)
    return Bound(lower=lower, upper=upper, won=won)


def objections(
    evidence: Evidence, policy: Policy, judged: dict[str, Bound], alpha: float
) -> Iterator[str]:
    """Everything that speaks clearly against the challenger."""
    for metric in policy.gating:
        found = evidence.sealed.get(metric)
        if found and found.se > 0 and judged[metric].upper < -policy.margin(metric):
            diff, best = evidence.sealed[metric].diff, judged[metric].upper
            yield f"{metric} is clearly worse: {signed(diff)}, at best {signed(best)}"
    for metric, floor in policy.floors.items():
        scored = evidence.sealed.get(metric)
        if scored is None or scored.challenger_mean is None:
            raise InputError(f"the policy's floor names {metric!r}, which was not scored")
        if scored.challenger_mean < floor:
            yield f"{metric} is {scored.challenger_mean:.3f}, under the floor of {floor:.3f}"
    yield from harmed_slices(evidence, policy, alpha)


def harmed_slices(evidence: Evidence, policy: Policy, alpha: float) -> Iterator[str]:
    """Slices with a significant loss in a gating metric, Holm-corrected over all of them.

    A critical slice has a tolerance of its own, and objects when its loss clearly exceeds that.
    Slices of very few clusters are left out: their errors are too poorly known for a veto.
    """
    for name in policy.critical_slices:
        for metric, found in evidence.slices[name].items():
            upper = bounds(found.diff, found.se, found.df, alpha)[1]
            if metric in policy.gating and found.se > 0 and upper < -policy.slice_margin:
                yield f"critical slice {name} is clearly worse in {metric}: {signed(found.diff)}"
    cells = [
        (name, metric, found)
        for name, measured in evidence.slices.items()
        for metric, found in measured.items()
        if metric in policy.gating
        and name not in policy.critical_slices
        and found.clusters >= LEAST_CLUSTERS
    ]
    adjusted = holm([p_below(found.diff, found.se, found.df, 0.0) for _, _, found in cells])
    for (name, metric, found), p in zip(cells, adjusted, strict=True):
        if p < alpha:
            loss = f"{signed(found.diff)} on {found.n} items"
            yield f"slice {name} is clearly worse in {metric}: {loss}"


def open_questions(
    evidence: Evidence, policy: Policy, judged: dict[str, Bound], alpha: float
) -> Iterator[str]:
    """Everything that a promotion still lacks."""
    if alpha < policy.alpha_floor:
        yield (
            f"the exam is spent: alpha is {alpha:.5f}, under the floor of "
            f"{policy.alpha_floor:.5f}; a fresh eval set is due"
        )
    for metric in policy.gating:
        if metric not in judged:
            yield f"{metric} could not be measured: fewer than two clusters"
        elif evidence.sealed[metric].se == 0:
            diff = signed(evidence.sealed[metric].diff)
            yield f"{metric} differs by {diff} on every item: that is no measurement"
        elif not judged[metric].won:
            found, threshold = evidence.sealed[metric], policy.threshold(metric)
            yield (
                f"{metric} differs by {signed(found.diff)}, but may be as low as "
                f"{signed(judged[metric].lower)}; it must exceed {signed(threshold)}"
            )
    for name, least in policy.critical_slices.items():
        yield from slice_questions(name, evidence.slices[name], policy, least, alpha)


def slice_questions(
    name: str, measured: dict[str, MetricEvidence], policy: Policy, least: int, alpha: float
) -> Iterator[str]:
    """What a critical slice lacks: items, or a bound above the slice margin."""
    for metric in policy.gating:
        found = measured.get(metric)
        n = found.n if found else 0
        if found is None or n < least:
            yield f"critical slice {name} has {n} items for {metric}, and needs {least}"
        elif bounds(found.diff, found.se, found.df, alpha)[0] <= -policy.slice_margin:
            yield (
                f"critical slice {name} may have lost more than {policy.slice_margin} in "
                f"{metric}: {signed(found.diff)} on {n} items"
            )


def victories(evidence: Evidence, policy: Policy, judged: dict[str, Bound]) -> list[str]:
    """By how much each gating metric won, or did not lose more than a guarded policy allows."""
    found = [(metric, evidence.sealed[metric].diff) for metric in policy.gating]
    return [
        f"{metric} {'is better' if diff > 0 else 'differs'} by {signed(diff)}, "
        f"at least {signed(judged[metric].lower)}"
        for metric, diff in found
    ]


def further_items(
    evidence: Evidence, policy: Policy, judged: dict[str, Bound], alpha: float
) -> int | None:
    """How many more items would find the policy's `effect` in every metric that is undecided."""
    if alpha < policy.alpha_floor:
        return None
    needed = []
    for metric in policy.gating:
        if metric in judged and not judged[metric].won:
            found = evidence.sealed[metric]
            design = found.n * (found.se / found.sd) ** 2 if found.sd else 1.0
            effect = policy.effect - policy.threshold(metric)
            if effect <= 0:
                return None  # such an effect would not win however often it is measured
            asked = (found.sd, effect, alpha, policy.power, len(policy.gating), design)
            needed.append(max(0, items_needed(*asked) - found.n))
    return max(needed, default=None)


def signed(difference: float) -> str:
    """A difference as people read it; what rounds to nothing is +0.000."""
    return f"{round(difference, 3) + 0.0:+.3f}"


def sentence(
    evidence: Evidence,
    policy: Policy,
    verdict: Verdict,
    reasons: list[str],
    opening: int | None = None,
    alpha: float | None = None,
    judged: dict[str, Bound] | None = None,
    needed: int | None = None,
) -> Decision:
    return Decision(
        verdict=verdict,
        reasons=tuple(reasons),
        opening=opening,
        alpha=alpha,
        bounds=judged or {},
        needed=needed,
        pins=evidence.pins,
        evidence=evidence.digest,
        policy=policy.digest,
    )
