"""Why the preference cannot carry a promotion, and what would help: votes, a judge, more pairs."""

from collections.abc import Iterator
from math import sqrt

from evaluation.decision.policy import Policy
from evaluation.decision.score_evidence import PREFERENCE
from evaluation.decision.statistics import bounds, e_value, least
from evaluation.decision.votes_needed import VotesSoFar, votes_to_settle
from project.records.calibration import BALLOTS, Calibration, wilson_lower
from project.records.evidence import Evidence, MetricEvidence, PeopleAndJudge
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
    return least(lambda n: wilson_lower(accuracy, n) > 0.5, MOST) if accuracy > 0.5 else None


def further_votes(
    evidence: Evidence, policy: Policy, alpha: float, next_alpha: float
) -> Iterator[str]:
    """How many more decided votes of people would win, if they go on as so far.

    A look stays open for votes that are read by an e-value; by t other votes are the next look.
    """
    alpha = alpha if policy.preference_test == "e-value" else next_alpha
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
    if needed := least(lambda n: vote_wins(round(share * n), n, policy, alpha), MOST, total):
        yield (
            f"about {needed - total} more decided votes would settle the preference, if they are "
            f"for the challenger as often as so far ({share:.0%})"
        )


def votes_beside_judge(
    found: MetricEvidence, people: PeopleAndJudge, policy: Policy, alpha: float
) -> Iterator[str]:
    """How many more items people have to vote on, with this judge and without it."""
    beyond = found.diff - policy.margin(PREFERENCE)
    standing = VotesSoFar(beyond, se=found.se, sd=people.sd, votes=people.votes, items=found.n)
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
    return bounds(share - 0.5, error, votes - 1, alpha)[0] > policy.margin(PREFERENCE)


# --- rubric doubts --------------------------------------------------------------------------------

# Why a rubric cannot carry a promotion, and what would help.


def doubts_on_rubrics(evidence: Evidence, policy: Policy) -> Iterator[str]:
    """Of every rubric that is checked or has a floor: it does no better than chance."""
    found = (evidence.calibration.rubrics if evidence.calibration else None) or {}
    for name in sorted({*policy.checked, *policy.floors} & found.keys()):
        if why := found[name].advisory:
            yield f"rubric {name} is advisory only: {why}. {help_for_rubric(name, found[name])}"


def help_for_rubric(name: str, calibration: Calibration) -> str:
    leave = f"or take {name} out of the policy"
    if calibration.accuracy is None and not calibration.unjudged:
        return (
            "Name in its `worse` how answers get worse in this respect, or in its `pairs` a file "
            f"of better and worse answers, {leave}"
        )
    return f"A more capable model as the judge would help, or more held-out pairs, {leave}"
