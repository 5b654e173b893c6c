"""What would turn a verdict that is no promotion: more items, another source, rows or recipe.

It is said beside a decision and is no part of it, so its words may change.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod, sqrt

from scipy import special

from evaluation.decision.policy import Policy
from evaluation.decision.policy_checks import LEAST_DF, early_checks, guard_checks, reach
from evaluation.decision.score_evidence import PREFERENCE
from evaluation.decision.statistics import bounds, least
from project.records.evidence import Decision, Evidence, Measured, MetricEvidence, Verdict
from project.records.preferences import BALLOTS
from registry.alpha_ledger.spending import Look

MOST = 20_000  # items: what would take more is no advice
EXACT = ("macro_f1", "json_fields")  # what is right about class names and about JSON
RECIPE = "another recipe (`incumbent search recipes`, `incumbent search tune`)"

# The first look freezes both parts: from then on the shares deal new rows alone, and these wait.
GROWN_DEV = (
    "before the first look a larger curation.curate.dev_share, after it "
    "`incumbent data rotate-eval --part dev --grow`"
)
GROWN_SEALED = "once a source has them, `incumbent data rotate-eval --grow`"


@dataclass(frozen=True)
class DecidingItems:
    """The items that the decision rests on, and the level that a metric must win at there."""

    name: str
    grown: str  # how there come to be more of them
    level: float
    next: float  # that it must win at next time


def ways_out(evidence: Evidence, decision: Decision, policy: Policy) -> Iterator[str]:
    """Each in a sentence, what helps most first; nothing for a promotion, and else one at least."""
    if decision.verdict is Verdict.PROMOTE:
        return
    told = list(what_was_measured(evidence, decision, policy))
    yield from told or [
        "what the reasons name, mended in params.yaml or in the rows; then `incumbent run` again. "
        "Of what was measured nothing else stands in the way"
    ]


def what_was_measured(evidence: Evidence, decision: Decision, policy: Policy) -> Iterator[str]:
    """What the figures of the evidence ask for."""
    part = DecidingItems("dev", GROWN_DEV, policy.qualify, policy.qualify)
    measured = evidence.dev
    if decision.opening is not None:
        part = sealed_part(decision, policy)
        measured = evidence.sealed
    gating = {name: measured[name] for name in policy.gating if name in measured}
    if PREFERENCE in gating and (why := poor_source(evidence)):
        yield why
        if exact := [name for name in EXACT if name in measured and name not in policy.gating]:
            yield (
                f"or {exact[0]} in the preference's place (evaluation.policy.gating), for it says "
                "of these answers what is right"
            )
    if evidence.calibration and (evidence.calibration.advisory or by_votes(evidence)):
        gating.pop(PREFERENCE, None)  # of votes the decision itself says how many are missing
    yield from what_was_lost(evidence, decision, policy, part)
    lost = {name: m for name, m in gating.items() if reach(m, part.level)[1] < 0}
    if lost:
        yield (
            f"{RECIPE}, more rows or another base: {metric_list(lost)} got worse on the "
            f"{part.name} items, and more of them would only show it more surely"
        )
    rest = {n: m for n, m in gating.items() if n not in lost and not wins(n, m, policy, part)}
    needed = {n: m for n, m in rest.items() if further({n: m}, policy, part)}
    if needed and (items := further(needed, policy, part)):
        yield (
            f"about {items:,} more {part.name} items, by more rows ({part.grown}), if it goes on "
            f"as so far: {metric_list(needed)}"
        )
    if alike := {name: m for name, m in rest.items() if name not in needed}:
        yield (
            f"more training rows or {RECIPE}: {metric_list(alike)} is hardly another result than "
            f"the champion's, and no number of {part.name} items makes it one"
        )
    if decision.opening is not None:
        yield from what_few_groups_leave_open(gating)
        yield from what_sealed_items_leave_open(evidence, decision, policy)


def sealed_part(decision: Decision, policy: Policy) -> DecidingItems:
    """The sealed items, at the level of the look that was taken and at that of the next one."""
    look = Look(number=decision.opening or 1, budget=decision.budget or policy.alpha)
    level = decision.alpha or policy.alpha
    return DecidingItems("sealed", GROWN_SEALED, level, look.after().level(policy.alpha))


def poor_source(evidence: Evidence) -> str | None:
    source = evidence.calibration
    if source is None or by_votes(evidence) or not source.advisory:
        return None
    return (
        f"a better source of preference (evaluation.preference.source: judge, or ballots): "
        f"{source.source} cannot carry a promotion, whatever the items say"
    )


def by_votes(evidence: Evidence) -> bool:
    """Whether the preference is people's word, alone or beside a judge's."""
    source = evidence.calibration
    return source is not None and (source.source == BALLOTS or bool(source.people))


def what_was_lost(
    evidence: Evidence, decision: Decision, policy: Policy, part: DecidingItems
) -> Iterator[str]:
    """What is guarded or has a floor, and was not kept."""
    measured = evidence.dev if decision.opening is None else evidence.sealed
    broken = [check.metric for check in guard_checks(measured, policy) if check.failed(part.level)]
    for metric, floor in policy.floors.items():
        lowest = measured.get(metric)
        if lowest and lowest.beyond(floor):
            broken.append(metric)
    if broken:
        yield (
            f"right answers first ({', '.join(dict.fromkeys(broken))}): more training rows with "
            "the same facts (outputs/rows.csv says which were left out and why, such as those of "
            "one template above curation.curate.max_per_template), a larger base, or the facts in "
            "the prompt; better sentences do not help"
        )
    forgot = {
        check.subject for check in early_checks(evidence, policy) if not check.passed(policy.alpha)
    }
    if forgot:
        yield (
            f"less forgetting, for {' and '.join(sorted(forgot))}: fewer epochs, a lower "
            "learning rate, or more general rows in datasets/sources/rehearsal.jsonl"
        )


def what_few_groups_leave_open(gating: Measured) -> Iterator[str]:
    """Items alike are one piece of evidence: more of their kind show nothing more."""
    if evidence := next((m for m in gating.values() if m.df < LEAST_DF), None):
        yield (
            f"sealed items of other groups, by more rows that ask other things ({GROWN_SEALED}): "
            f"these {evidence.n:,} count as {evidence.df + 1:.1f} groups of rows alike, and "
            f"{LEAST_DF + 1} are needed"
        )


def what_sealed_items_leave_open(
    evidence: Evidence, decision: Decision, policy: Policy
) -> Iterator[str]:
    """Guards that too few items speak of, and slices."""
    alpha = decision.alpha or policy.alpha
    open_guards = {
        check.metric: check.found
        for check in guard_checks(evidence.sealed, policy)
        if not check.passed(alpha) and not check.failed(alpha)
    }
    if open_guards:
        yield (
            f"more sealed items, by more rows ({GROWN_SEALED}): so few cannot show that enough "
            "was kept in "
            f"{metric_list(open_guards)}"
        )
    for name, asked_items in policy.critical_slices.items():
        there = [m.n for metric, m in evidence.slices[name].items() if metric in policy.gating]
        if (n := min(there, default=0)) < asked_items:
            yield (
                f"{asked_items - n:,} more sealed items of slice {name}, by more rows of it "
                f"({GROWN_SEALED})"
            )
    for name in sorted(evidence.slices):
        if any(reason.startswith(f"slice {name} is clearly") for reason in decision.reasons):
            yield f"more training rows of slice {name}, where it got worse"


def wins(metric: str, evidence: MetricEvidence, policy: Policy, part: DecidingItems) -> bool:
    bounded = evidence.se > 0 or evidence.sure is not None
    return bounded and reach(evidence, part.level)[0] > policy.threshold(metric)


def further(gating: Measured, policy: Policy, part: DecidingItems) -> int | None:
    """How many more items win these metrics together if they go on as so far; None where too many
    would.
    """
    needed = more_items(
        [Prospect(m, m.diff, policy.threshold(name), part.next) for name, m in gating.items()],
        policy.power,
    )
    return needed if needed is not None and needed < MOST else None


def metric_list(metrics: dict[str, MetricEvidence]) -> str:
    """ "rougeL (+0.010 on 30) and preference (−0.100 on 30)"."""
    return " and ".join(f"{name} ({m.diff:+.3f} on {m.n:,})" for name, m in metrics.items())


# --- items to come --------------------------------------------------------------------------------

# How many more items would win the next look, where those that are there go on to count.
#
# Of m items to come, each with a true difference Δ, beside n with a mean of d̄, the mean over all
# of N = n + m is normal about (n d̄ + m Δ) / N with the standard deviation σ √m / N, since d̄ is
# known. It wins at level α where it exceeds the threshold by the bound's width there, z₁₋α σ / √N
# and what a bound that holds for any distribution costs beside. That is of the order 1/N, a few
# large losses that n items may have hidden. Conditional power: Lan & Wittes 1988 (Biometrics 44:
# 579).

MOST_ITEMS = 10_000_000  # items: what would take more is none


@dataclass(frozen=True)
class Prospect:
    """One metric on the items that are there, and what it is taken to be on those to come."""

    found: MetricEvidence
    effect: float  # the true difference of items to come
    threshold: float  # that a lower bound must exceed
    alpha: float  # of the look to come

    def chance(self, more: int) -> float:
        """The chance that it wins, with so many more items."""
        measured, items = self.found, self.found.n + more * self.share
        spread, known = measured.se * sqrt(measured.n), measured.n / items
        if spread == 0 or items == measured.n:
            return 0.0
        mean = measured.diff * known + self.effect * (1 - known)
        z = -float(special.stdtrit(measured.df / known, self.alpha))
        width = z * spread / sqrt(items) + self.price * known
        error = spread * sqrt(items - measured.n) / items
        return float(special.ndtr((mean - width - self.threshold) / error))

    @property
    def share(self) -> float:
        """The share of items to come that the metric speaks of, as of those that are there."""
        return self.found.n / (self.found.n + self.found.unjudged)

    @property
    def price(self) -> float:
        """How far the bound that decides is under t's, on the items that are there."""
        measured = self.found
        by_t, _ = bounds(measured.diff, measured.se, measured.df, self.alpha)
        lower, _ = reach(measured, self.alpha)
        return by_t - max(lower, measured.sure.lower[-1] if measured.sure else lower)


def more_items(prospects: Sequence[Prospect], power: float) -> int | None:
    """The fewest more items with which all win together in `power` of cases, as if what they miss
    by did not depend on each other. None where no number of items is known to do.
    """

    def enough(more: int) -> bool:
        return prod(prospect.chance(more) for prospect in prospects) >= power

    if any(prospect.effect <= prospect.threshold for prospect in prospects):
        return None
    return least(enough, MOST_ITEMS)
