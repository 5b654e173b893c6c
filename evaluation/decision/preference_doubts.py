"""Why the preference cannot carry a promotion, and what would help: how many votes, a judge,
more pairs.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import exp, inf, log, log1p, sqrt

from scipy import stats

from evaluation.decision.policy import Policy
from evaluation.decision.score_evidence import PREFERENCE
from evaluation.decision.statistics import LARGEST_EXPONENT, bounds, e_value, least, p_above
from project.records.evidence import Evidence, MetricEvidence, PeopleAndJudge
from project.records.preferences import BALLOTS, Calibration, wilson_lower
from registry.alpha_ledger.spending import alpha_at

LIKELY_WINS = (
    0.7  # the share of votes that a good challenger is assumed to win, where none is known
)
A_JUDGE = "a language model as the judge (evaluation.preference.source: judge)"
MOST = 100_000  # what would take more is no advice


def doubts_on_preference(
    evidence: Evidence, policy: Policy, alpha: float | None = None
) -> Iterator[str]:
    """Its source is poor. `alpha` is the level of a look; without one, a first look's."""
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
    votes = least(lambda n: vote_wins(round(LIKELY_WINS * n), n, policy, alpha), MOST)
    if votes:
        ways.append(
            f"people's votes (source: ballots), about {votes} decided ones if "
            f"{LIKELY_WINS:.0%} are for the challenger"
        )
    return f"What would help: {'; '.join(way for way in ways if way)}"


def votes_of_others(source: Calibration) -> str:
    """The page asks nobody for a second vote where one closes an item, until somebody asks for it
    there; it is held against the first and changes none.
    """
    if source.nobody_voted:
        return "What would help: the votes of two people on the same items"
    needed = None if source.accuracy is None else pairs_needed(source.accuracy)
    if source.accuracy is None:
        more = "a second person's votes on the same items"
    elif needed:
        more = f"{needed} votes on items that others voted on too, at this agreement"
    else:
        return "What would help: reviewers who agree on what a good answer is"
    where = "; `incumbent review` takes them once 2 votes an item are asked for on the version's"
    return f"What would help: {more}{f'{where} page' if source.votes == 1 else ''}"


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
    """The number of pairs on which Wilson's bound of this accuracy exceeds a half; None: no
    number.
    """
    return least(lambda n: wilson_lower(accuracy, n) > 0.5, MOST) if accuracy > 0.5 else None


def further_votes(
    evidence: Evidence, policy: Policy, alpha: float, next_alpha: float
) -> Iterator[str]:
    """How many more decided votes of people would win, if they go on as so far.

    A look stays open for votes that are read by an e-value; by t other votes are the next look.
    """
    alpha = alpha if policy.preference_test == "e-value" else next_alpha
    source, preference = evidence.calibration, evidence.sealed.get(PREFERENCE)
    by_people = source.source == BALLOTS if source else policy.preference_test == "e-value"
    if preference and preference.people and PREFERENCE in policy.gating:
        yield from votes_beside_judge(preference, preference.people, policy, alpha)
        return
    if PREFERENCE not in policy.gating or not by_people or preference is None:
        return
    wins, losses = preference.independent
    total = wins + losses
    if wins <= losses or vote_wins(wins, total, policy, alpha):
        return
    share = wins / total
    if needed := least(lambda n: vote_wins(round(share * n), n, policy, alpha), MOST, total):
        yield (
            f"about {needed - total} more decided votes would settle the preference, if they are "
            f"for the challenger as often as so far ({share:.0%})"
        )


def votes_beside_judge(
    evidence: MetricEvidence, people: PeopleAndJudge, policy: Policy, alpha: float
) -> Iterator[str]:
    """How many more items people have to vote on, with this judge and without it."""
    beyond = evidence.diff - policy.threshold(PREFERENCE)
    standing = VotesSoFar(
        beyond, se=evidence.se, sd=people.sd, votes=people.votes, items=evidence.n
    )
    more, alone = votes_to_settle(standing, alpha, any_time=policy.preference_test == "e-value")
    if beyond <= 0 or not more:
        return
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
    return bounds(share - 0.5, error, votes - 1, alpha)[0] > policy.threshold(PREFERENCE)


# --- rubric doubts --------------------------------------------------------------------------------

# Why a rubric cannot carry a promotion, and what would help.


def doubts_on_rubrics(evidence: Evidence, policy: Policy) -> Iterator[str]:
    """A reason for every rubric that is checked or has a floor and does no better than chance."""
    calibrated = (evidence.calibration.rubrics if evidence.calibration else None) or {}
    for name in sorted({*policy.checked, *policy.floors} & calibrated.keys()):
        if why := calibrated[name].advisory:
            advice = help_for_rubric(name, calibrated[name])
            yield f"rubric {name} is advisory only: {why}. {advice}"


def help_for_rubric(name: str, calibration: Calibration) -> str:
    leave = f"or take {name} out of the policy"
    if calibration.accuracy is None and not calibration.unjudged:
        return (
            "Name in its `worse` how answers get worse in this respect, or in its `pairs` a file "
            f"of better and worse answers, {leave}"
        )
    return f"A more capable model as the judge would help, or more held-out pairs, {leave}"


# --- votes needed ---------------------------------------------------------------------------------

# How many more people's votes would settle a preference, beside a judge and without one.


@dataclass(frozen=True)
class VotesSoFar:
    """What votes on some of the items say so far, beside a judge's word on all of them."""

    difference: float  # people's preference less one half
    se: float  # of the estimate with the judge
    sd: float  # of people's word, from item to item
    votes: int  # items that people voted on
    items: int

    def error(self, votes: int) -> float:
        """The standard error at so many votes: σ²/N + κ (1/n − 1/N), with κ from today's."""
        each = self.sd**2 / self.items
        reach = 1 / self.votes - 1 / self.items
        rest = max(0.0, self.se**2 - each) / reach if reach > 0 else 0.0
        return sqrt(each + rest * (1 / votes - 1 / self.items))

    def error_alone(self, votes: int) -> float:
        """The same of a random sample of the items, without the judge."""
        return self.sd / sqrt(votes)


Test = Callable[[float, float, float], bool]  # of a difference, its error and its df


def t_test(alpha: float) -> Test:
    return lambda difference, se, df: p_above(difference, se, df, 0.0) < alpha


def any_time_test(alpha: float) -> Test:
    return lambda difference, se, df: any_time_e_value(difference, se, df) >= 1 / alpha


def votes_to_settle(
    standing: VotesSoFar, alpha: float, *, any_time: bool
) -> tuple[int | None, int | None]:
    """How many more votes settle who is preferred, if people go on as so far, with this judge, and
    without it on items like these; 0: none is needed. None where votes on all items would not.

    `any_time`: by a test that may be looked at after every vote, else by one look at the end.
    """
    passes = any_time_test(alpha) if any_time else t_test(alpha)
    ways = (
        least_votes(standing, passes, standing.error, parameters=2),
        least_votes(standing, passes, standing.error_alone, parameters=1),
    )
    with_judge, alone = (None if votes is None else votes - standing.votes for votes in ways)
    return with_judge, alone


def least_votes(
    standing: VotesSoFar, passes: Test, error: Callable[[int], float], parameters: int
) -> int | None:
    """The smallest number of votes from today's on that settles it, whichever way, by halving."""
    difference = abs(standing.difference)

    def enough(votes: int) -> bool:
        return passes(difference, error(votes), votes - parameters)

    low, high = standing.votes - 1, standing.items
    if not enough(high):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


# --- any time mean --------------------------------------------------------------------------------

# Any-time evidence from a mean and its error, where both come from ever more votes.
#
# An estimate that grows with every vote moves, on the scale of what is known, I = 1/SE², like a
# random walk with drift: B = I (estimate − m) has mean I (θ − m) and variance I (Scharfstein,
# Tsiatis & Robins 1997, JASA 92: efficient estimates have independent increments). Then
#
#     E = ∫ exp(δ B − δ² I/2) dΠ(δ),   Π half-normal with scale ρ,
#
# is a supermartingale where θ ≤ m, and the chance that it ever reaches 1/α is at most α (Robbins
# 1970, Annals of Mathematical Statistics 41; Howard et al. 2021, Annals of Statistics 49). It holds
# as votes become many (Waudby-Smith et al. 2024, Annals of Statistics 52, on asymptotic confidence
# sequences); benchmarks/votes.py measures it with few.

SCALE = 0.1  # ρ: how far a preference is from one half, where it is
FARTHEST = 100.0  # a z that nothing real exceeds


def any_time_e_value(difference: float, se: float, df: float, scale: float = SCALE) -> float:
    """Evidence that a true difference is above 0: 2 Φ(x) exp(x²/2) / √(1 + ρ²I).

    x = z ρ√I / √(1 + ρ²I), where z is the normal quantile of what t with df degrees of freedom
    says, as the error is estimated. 1 without an error; infinite beyond the float range.
    """
    if se <= 0:
        return 1.0
    z = float(-stats.norm.ppf(stats.t.sf(difference / se, df)))
    known = (scale / se) ** 2
    x = min(max(z, -FARTHEST), FARTHEST) * sqrt(known / (1 + known))
    logarithm = log(2) + float(stats.norm.logcdf(x)) + x * x / 2 - log1p(known) / 2
    return exp(logarithm) if logarithm < LARGEST_EXPONENT else inf
