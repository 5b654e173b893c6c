"""The third rule, as it was: decisions that name rule 3 were made by it.

Nothing here changes any more, neither a sentence nor a number: `incumbent verify` makes the old
decisions again, byte for byte. What it uses of other modules is copied here before that changes.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import ceil, sqrt

from evaluation.decision import policy as policy_of_today
from evaluation.decision.evidence import ALL_ITEMS, PREFERENCE
from evaluation.decision.statistics import bounds, e_value, holm, items_needed, p_below
from evaluation.decision.suite_guards import (
    broken_suite_floors,
    guarded_losses,
    unmeasured_suites,
)
from evaluation.decision.votes_needed import (
    Standing,
    any_time_test,
    further_alone,
    further_with_judge,
    t_test,
)
from project.errors import InputError
from project.records.calibration import BALLOTS, Calibration, wilson_lower
from project.records.evidence import (
    Bound,
    Decision,
    Evidence,
    Measured,
    MetricEvidence,
    PeopleAndJudge,
    Verdict,
    by_people,
    rated_by_people,
)
from registry.alpha_ledger.spending import Look, alpha_at

VERSION = 3
MOST_LOOKS = 1_000_000


class Policy(policy_of_today.Policy):
    """The policy's settings, as they were stored."""

    unjudged_cap: float = 0.1


LEAST_CLUSTERS = 5  # that a slice must have for a veto
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

    def lower(self, metric: str) -> float:
        return reach(self.evidence.sealed[metric], self.alpha)[0]

    def upper(self, metric: str) -> float:
        return reach(self.evidence.sealed[metric], self.alpha)[1]

    def won(self, metric: str) -> bool:
        """Whether a metric's lower bound, or its e-value, is above what the policy asks."""
        found = self.evidence.sealed[metric]
        if self.by_e_value(metric):
            return e_value_of(found) >= 1 / self.alpha
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


def reach(found: MetricEvidence, alpha: float) -> tuple[float, float]:
    """One-sided (1 − alpha) bounds of a measured difference."""
    return bounds(found.diff, found.se, found.df, alpha)


def unqualified(evidence: Evidence, policy: Policy) -> list[str]:
    """Why a challenger does not qualify for a look at the sealed eval set; empty where it does.

    Every look makes the next one harder, so none is taken for a challenger that is not clearly
    enough better on dev, or that could not be promoted whatever the sealed items say. Without a
    dev part there is nothing to fail; and what people rate, they rate on sealed items alone.
    """
    reasons = [f"did not qualify: {doubt}" for doubt in doubts_on_preference(evidence, policy)]
    reasons += [f"did not qualify: {doubt}" for doubt in doubts_on_rubrics(evidence, policy)]
    reasons += [f"did not qualify: {broken}" for broken in broken_suite_floors(evidence, policy)]
    # No look is judged at more than the policy's alpha, so what fails there fails at every look.
    failed = [check for check in early_checks(evidence, policy) if not check.passed(policy.alpha)]
    reasons += [f"did not qualify: {check.doubt}" for check in failed]
    for check in guard_checks(evidence.dev, policy):
        if check.failed(policy.qualify):
            reasons.append(f"did not qualify: on the dev part {check.loss}")
    for metric in policy.gating if evidence.dev else ():
        found, threshold = evidence.dev.get(metric), policy.threshold(metric)
        if rated_by_people(metric):
            continue
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
    for metric, floor in case.policy.floors.items():
        if metric not in case.evidence.sealed:
            continue
        scored = case.evidence.sealed[metric]
        mean, less = scored.own_score, scored.better == "less"
        if mean > floor if less else mean < floor:
            beyond = "above the most" if less else "under the least"
            yield f"{metric} is {mean:.3f}, {beyond} that the policy allows, {floor:.3f}"
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
        (name, metric, found)
        for name, measured in case.evidence.slices.items()
        for metric, found in measured.items()
        if metric in case.policy.checked
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
            if metric in policy.checked:
                yield MarginCheck(f"critical slice {name}", metric, found, policy.slice_margin)
    yield from guard_checks(evidence.sealed, policy)
    yield from early_checks(evidence, policy)
    for metric, found in evidence.reference.items():
        if metric in policy.checked:
            subject = "quality since the regression baseline"
            yield MarginCheck(subject, metric, found, policy.regression_budget)


def guard_checks(measured: Measured, policy: Policy) -> Iterator[MarginCheck]:
    """What need not be better and may not be worse, as far as it was measured."""
    for metric, margin in (policy.guards or {}).items():
        if metric in measured:
            yield MarginCheck("the challenger", metric, measured[metric], margin)


def early_checks(evidence: Evidence, policy: Policy) -> Iterator[MarginCheck]:
    """Those of which all is known before a look at the sealed eval set."""
    for metric, found in evidence.general.get(ALL_ITEMS, {}).items():
        yield MarginCheck("general ability", metric, found, policy.general_margin)
    yield from (MarginCheck(*loss) for loss in guarded_losses(evidence, policy))


def open_questions(case: Case) -> Iterator[str]:
    """Everything that a promotion still lacks."""
    for metric in case.policy.gating:
        if metric not in case.evidence.sealed:
            yield unmeasured(case, metric)
        elif not case.won(metric):
            yield undecided(case, metric, case.evidence.sealed[metric])
    yield from doubts_on_preference(case.evidence, case.policy, case.alpha)
    yield from doubts_on_rubrics(case.evidence, case.policy)
    yield from doubts_on_ratings(case.evidence, case.policy)
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
    return f"{metric} could not be measured: fewer than two clusters"


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


def e_value_of(found: MetricEvidence) -> float:
    """That the challenger is preferred: by wins and losses, or by people's votes and a judge."""
    if found.people:
        return found.people.e_value or 0.0
    return e_value(*found.independent)


def e_value_sentence(found: MetricEvidence) -> str:
    if people := found.people:
        voted = f"people's votes on {people.votes:,} items, with the judge on all {found.n:,},"
        return f"{voted} give an e-value of {e_value_of(found):.3g}"
    wins, losses = found.independent
    of = "" if found.clusters_won is None else " of whole clusters"
    return f"{wins} wins and {losses} losses{of} give an e-value of {e_value(wins, losses):.3g}"


def signed(difference: float) -> str:
    """A difference as people read it; what rounds to zero is +0.000."""
    return f"{round(difference, 3) + 0.0:+.3f}"


LIKELY_WINS = (
    0.7  # the share of votes that a good challenger is assumed to win, where none is known
)
A_JUDGE = "a language model as the judge (evaluation.preference.source: judge)"
MOST = 100_000  # what would take more is no advice


def doubts_on_preference(
    evidence: Evidence, policy: Policy, alpha: float | None = None
) -> Iterator[str]:
    """Its source is poor, or too little was judged. `alpha` is the level of a look; without one, a
    first look's.
    """
    if PREFERENCE not in policy.gating:
        return
    source, level = evidence.calibration, alpha or alpha_at(policy.alpha, 1)
    # A poor judge beside people's votes makes nothing false: it only saves none of them.
    if source and not source.people and (why := source.advisory):
        yield f"the preference is advisory only: {why}. {help_for(source, policy, level)}"
    if open_ended(source, policy):
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


def open_ended(source: Calibration | None, policy: Policy) -> bool:
    """Whether an e-value is asked of ballots whose items never close."""
    by_e_value = policy.preference_test == "e-value"
    return by_e_value and source is not None and source.source == BALLOTS and source.votes is None


def help_for(source: Calibration, policy: Policy, alpha: float) -> str:
    """What would make the preference count, in a sentence."""
    if source.source == BALLOTS:
        return votes_of_others(source)
    ways = [more_pairs(source)] if not (source.beaten_by_length or source.blind_to_tuned) else []
    another = "a more capable model as the judge" if source.judge else A_JUDGE
    ways.append(another)
    votes = least(lambda n: vote_wins(round(LIKELY_WINS * n), n, policy, alpha))
    if votes:
        ways.append(
            f"people's votes (source: ballots), about {votes} decided ones if "
            f"{LIKELY_WINS:.0%} are for the challenger"
        )
    return f"What would help: {'; '.join(way for way in ways if way)}"


def votes_of_others(source: Calibration) -> str:
    if source.accuracy is None:
        return "What would help: a second person's votes on the same items"
    needed = pairs_needed(source.accuracy)
    more = (
        f"{needed} ballots on items that others voted on too, at this agreement" if needed else ""
    )
    return f"What would help: {more or 'reviewers who agree on what a good answer is'}"


def more_pairs(source: Calibration) -> str:
    """How many pairs of like length would show that it is no coin, at the measured accuracy."""
    if source.matched_accuracy is None:
        return "more training rows to make pairs of (evaluation.preference.reward.rows)"
    needed = pairs_needed(source.matched_accuracy)
    if needed is None or needed <= source.matched_n:
        return ""
    return (
        f"{needed} held-out pairs of like length at this accuracy, where there are "
        f"{source.matched_n}: raise evaluation.preference.reward.rows"
    )


def pairs_needed(accuracy: float) -> int | None:
    """On how many pairs Wilson's bound of this accuracy exceeds a half; None: on no number."""
    return least(lambda n: wilson_lower(accuracy, n) > 0.5) if accuracy > 0.5 else None


def further_votes(evidence: Evidence, policy: Policy, alpha: float) -> Iterator[str]:
    """How many more decided votes of people would win, if they go on as so far."""
    source, found = evidence.calibration, evidence.sealed.get(PREFERENCE)
    by_people = source.source == BALLOTS if source else policy.preference_test == "e-value"
    if found and found.people and PREFERENCE in policy.gating:
        yield from votes_beside_judge(found, found.people, policy, alpha)
        return
    if PREFERENCE not in policy.gating or not by_people or found is None:
        return
    wins, losses = found.independent
    total = wins + losses
    if wins <= losses or vote_wins(wins, total, policy, alpha):
        return
    share = wins / total
    if needed := least(lambda n: vote_wins(round(share * n), n, policy, alpha), total):
        yield (
            f"about {needed - total} more decided votes would settle the preference, if they are "
            f"for the challenger as often as so far ({share:.0%})"
        )


def votes_beside_judge(
    found: MetricEvidence, people: PeopleAndJudge, policy: Policy, alpha: float
) -> Iterator[str]:
    """How many more items people have to vote on, with this judge and without it."""
    beyond = found.diff - policy.margin(PREFERENCE)
    standing = Standing(beyond, se=found.se, sd=people.sd, votes=people.votes, items=found.n)
    passes = any_time_test(alpha) if policy.preference_test == "e-value" else t_test(alpha)
    if beyond <= 0 or not (more := further_with_judge(standing, passes)):
        return
    alone = further_alone(standing, passes)
    without = "there are too few items" if alone is None else f"{alone:,} would"
    yield (
        f"about {more:,} more items with people's votes would settle the preference with this "
        f"judge, if people go on as so far; without it {without}"
    )


def vote_wins(wins: int, votes: int, policy: Policy, alpha: float) -> bool:
    """Whether so many wins of so many decided votes pass the policy's test of a preference."""
    if policy.preference_test == "e-value":
        return e_value(wins, votes - wins) >= 1 / alpha
    if votes < 2 or wins == votes:  # of votes that all agree no error can be estimated
        return False
    share = wins / votes
    error = sqrt(share * (1 - share) / (votes - 1))
    return bounds(share - 0.5, error, votes - 1, alpha)[0] > policy.margin(PREFERENCE)


def least(enough: Callable[[int], bool], above: int = 0) -> int | None:
    """The smallest number above one that is enough, by doubling and halving: more helps."""
    low, high = above, above + 1
    while not enough(high):
        low, high = high, 2 * high
        if high > MOST:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def doubts_on_rubrics(evidence: Evidence, policy: Policy) -> Iterator[str]:
    """Of every rubric that is checked or has a floor: it does no better than chance, or too few of
    its scores could be read.
    """
    found = (evidence.calibration.rubrics if evidence.calibration else None) or {}
    for name in sorted({*policy.checked, *policy.floors} & found.keys()):
        if why := found[name].advisory:
            yield f"rubric {name} is advisory only: {why}. {rubric_help(name, found[name])}"
        scored = evidence.sealed.get(name)
        if scored and scored.unjudged > policy.unjudged_cap * (scored.n + scored.unjudged):
            yield (
                f"{scored.unjudged} of {scored.n + scored.unjudged} items have no score of rubric "
                f"{name} that could be read, and the policy allows {policy.unjudged_cap:.0%}"
            )


def doubts_on_ratings(evidence: Evidence, policy: Policy) -> Iterator[str]:
    """Of what people rate, where it gates: too many items were voted on without a rating."""
    for metric in policy.ratings:
        rated = evidence.sealed.get(metric)
        if rated and rated.unjudged > policy.unjudged_cap * (rated.n + rated.unjudged):
            yield (
                f"{rated.unjudged} of {rated.n + rated.unjudged} items have no rating of {metric}, "
                f"and the policy allows {policy.unjudged_cap:.0%}"
            )


def rubric_help(name: str, calibration: Calibration) -> str:
    leave = f"or take {name} out of the policy"
    if calibration.accuracy is None and not calibration.unjudged:
        return (
            "Name in its `worse` how answers get worse in this respect, or in its `pairs` a file "
            f"of better and worse answers, {leave}"
        )
    return f"A more capable model as the judge would help, or more held-out pairs, {leave}"


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
        votes = further_votes(evidence, policy, case.alpha)
        return decided(case, Verdict.HOLD, [*doubts, *advice(case), *votes], further_items(case))
    return decided(case, Verdict.PROMOTE, victories(case))


def victories(case: Case) -> list[str]:
    """By how much each gating metric won, or did not lose more than the policy allows."""
    reasons = []
    for metric in case.policy.gating:
        found = case.evidence.sealed[metric]
        word = "is better" if found.diff > 0 else "differs"
        if case.by_e_value(metric):
            shown = e_value_sentence(found)
        else:
            shown = f"at least {signed(case.lower(metric))}"
        reasons.append(f"{metric} {word} by {signed(found.diff)}, {shown}")
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
    for check in guard_checks(case.evidence.sealed, case.policy):
        if not check.passed(case.alpha):
            items = items_that_clear(check, case)
            if items is None:
                return None
            needed.append(items)
    return max(needed, default=None)


def items_that_clear(check: MarginCheck, case: Case) -> int | None:
    """How many more items would show that a guarded metric lost less than its margin.

    The true difference is taken for what was measured, and for none where that is a gain. Items of
    which the metric says nothing come in the same share. None: it lost the margin already.
    """
    found, room = check.found, check.margin + min(check.found.diff, 0.0)
    if room <= 0 or not found.sd:
        return None
    design = found.n * (found.se / found.sd) ** 2
    needed = items_needed(found.sd, room, case.alpha, case.policy.power, design=design)
    return ceil(max(0, needed - found.n) * (found.n + found.unjudged) / found.n)


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
