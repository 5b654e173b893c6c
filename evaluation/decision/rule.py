"""The decision: a pure function of evidence, policy and which look at the sealed eval set it is."""

from collections.abc import Iterator
from math import inf, isfinite
from typing import TypeVar

from evaluation.decision.policy import Policy
from evaluation.decision.policy_checks import (
    Case,
    e_value_sentence,
    guard_checks,
    objections,
    open_questions,
    reach,
    signed,
    unqualified,
)
from evaluation.decision.preference_doubts import further_votes
from evaluation.decision.score_evidence import weigh
from evaluation.decision.statistics import items_needed
from evaluation.decision.ways_out import Prospect, more_items
from project.errors import InputError
from project.records.evidence import Bound, Decision, Evidence, Verdict
from project.records.record import Record
from project.records.scores import ScoreTable
from registry.alpha_ledger.spending import Look

# Named by every decision. Whoever changes a sentence, a number or a field of the rule or of what
# it checks leaves the old ones beside it, in RULES of decision_replay.py, and counts on here.
VERSION = 1
MOST_LOOKS = 1_000_000

R = TypeVar("R", bound=Record)


def decide(
    scores: ScoreTable,
    policy: Policy,
    opening: int = 1,
    *,
    general: ScoreTable | None = None,
    reference: ScoreTable | None = None,
) -> Decision:
    """The verdict on a score table at the k-th look at its eval set. Raises InputError.

    `opening` is k. `general` scores a general-ability suite, and `reference` the same items with
    the regression baseline in the champion's place; without them neither is checked.
    """
    return rule(weigh(scores, policy, general=general, reference=reference), policy, opening)


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
    # As they are stored, so that a decision does not hang on the order of metrics or settings.
    evidence, policy = as_stored(evidence), as_stored(policy)
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
        votes = further_votes(evidence, policy, case.alpha, case.next_alpha)
        return decided(case, Verdict.HOLD, [*doubts, *advice(case), *votes], further_items(case))
    return decided(case, Verdict.PROMOTE, victories(case))


def as_stored(record: R) -> R:
    """The same record with its keys sorted, as its bytes have them."""
    return type(record).model_validate_json(record.canonical())


def victories(case: Case) -> list[str]:
    """A sentence on how much each gating metric won, or that it did not lose more than the policy
    allows.
    """
    reasons = []
    for metric in case.policy.gating:
        measured = case.evidence.sealed[metric]
        word = "is better" if measured.diff > 0 else "differs"
        if case.by_e_value(metric):
            shown = e_value_sentence(measured)
        else:
            shown = f"at least {signed(case.lower(metric))}"
        reasons.append(f"{metric} {word} by {signed(measured.diff)}, {shown}")
    for check in guard_checks(case.evidence.sealed, case.policy):
        least = f"at least {signed(case.lower(check.metric))}, of {signed(-check.margin)} allowed"
        reasons.append(f"{check.metric} differs by {signed(check.found.diff)}, {least}")
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
    """How many more items let a true difference of the policy's `effect` win the next look, in all
    gating metrics together and with the policy's power; a guarded metric going on as so far.

    None where no number of items would, or where what is in doubt is no mean.
    """
    doubtful = [m for m in case.policy.gating if m in case.evidence.sealed and not case.won(m)]
    if any(case.lower(metric) == -inf for metric in doubtful):
        return None  # nor is a bound known at the next look
    guards = list(guard_checks(case.evidence.sealed, case.policy))
    if not doubtful and all(check.passed(case.alpha) for check in guards):
        return None
    if any(items_that_find_the_effect(case, m, case.alpha) is None for m in doubtful):
        return None
    gating = [prospect(case, m) for m in case.policy.gating if m in case.evidence.sealed]
    kept = [
        Prospect(check.found, min(check.found.diff, 0.0), -check.margin, case.next_alpha)
        for check in guards
    ]
    return more_items([*gating, *kept], case.policy.power)


def prospect(case: Case, metric: str) -> Prospect:
    """A gating metric at the next look, items to come having the policy's `effect`; where that is
    within the margin, and the metric won by more, going on as so far.
    """
    measured, threshold = case.evidence.sealed[metric], case.policy.threshold(metric)
    effect = case.policy.effect if case.policy.effect > threshold else measured.diff
    return Prospect(measured, effect, threshold, case.next_alpha)


def items_that_find_the_effect(case: Case, metric: str, alpha: float) -> int | None:
    """The size of an eval set on which the policy's `effect` wins a metric at this level.

    None where no size is known to do: clusters are missing and not items, the effect is within the
    margin, or the metric was not measured.
    """
    policy, measured = case.policy, case.evidence.sealed.get(metric)
    if measured is None or (measured.se > 0 and not case.known(metric)):
        return None
    effect = policy.effect - policy.threshold(metric)
    if effect <= 0:
        return None  # such an effect would not win however often it is measured
    design = measured.n * (measured.se / measured.sd) ** 2 if measured.sd else 1.0
    return items_needed(measured.sd, effect, alpha, policy.power, len(policy.gating), design)


def decided(
    case: Case, verdict: Verdict, reasons: list[str], needed: int | None = None
) -> Decision:
    return Decision(
        verdict=verdict,
        reasons=tuple(reasons),
        opening=case.look.number if case.look else None,
        budget=case.look.budget if case.look else None,
        alpha=case.alpha if case.look else None,
        bounds=dict(known_bounds(case)) if case.look else {},
        needed=needed,
        pins=case.evidence.pins,
        evidence=case.evidence.digest,
        policy=case.policy.digest,
        rule=VERSION,
    )


def known_bounds(case: Case) -> Iterator[tuple[str, Bound]]:
    """Those of each metric, but for one that looks have worn out so far that it has none."""
    for metric, measured in case.evidence.sealed.items():
        lower, upper = reach(measured, case.alpha)
        if isfinite(lower) and isfinite(upper):
            yield metric, Bound(lower=lower, upper=upper, won=case.won(metric))
