"""What a decision rests on where people's votes and a judge are put together."""

from collections.abc import Sequence
from dataclasses import dataclass
from sys import float_info

from evaluation.decision.metric_evidence import PREFERENCE
from evaluation.decision.policy import Policy
from evaluation.decision.preference_doubts import VotesSoFar, any_time_e_value, votes_to_settle
from evaluation.decision.statistics import Array, p_above, paired
from evaluation.preference.ballots.preference_estimate import (
    PreferenceEstimate,
    e_value,
    estimate_of,
    gathered,
    outcomes,
)
from project.records.ballots import VotingPair
from project.records.evidence import Evidence, MetricEvidence, PeopleAndJudge
from project.records.record import Record

Draws = Sequence[tuple[int, float]]  # of an item by its position, and people's word on it


@dataclass(frozen=True)
class JudgedItems:
    """The items of a sheet: what the judge says, how they are drawn, and what ties them."""

    judge: tuple[float, ...]
    chances: tuple[float, ...]
    clusters: tuple[str, ...]
    slices: tuple[tuple[str, ...], ...]

    @classmethod
    def of_sheet(cls, pairs: Sequence[VotingPair]) -> "JudgedItems":
        """Where the judge said nothing, it says one half. Without chances all are alike."""
        even = 1 / len(pairs)
        return cls(
            judge=tuple(0.5 if pair.preference is None else pair.preference for pair in pairs),
            chances=tuple(even if pair.chance is None else pair.chance for pair in pairs),
            clusters=tuple(pair.cluster or pair.item for pair in pairs),
            slices=tuple(pair.slices or () for pair in pairs),
        )

    def inside(self, name: str) -> list[int]:
        return [i for i, slices in enumerate(self.slices) if name in slices]


def with_people_and_judge(
    stored: Evidence, pairs: Sequence[VotingPair], draws: Draws, policy: Policy
) -> Evidence:
    """The evidence of a look with the preference by people's votes of today beside the judge.

    Of the draws, those count whose items have all their votes, up to the first that has not. Too
    few of them say nothing: the preference is left out then, and a policy that needs it holds.
    """
    items = JudgedItems.of_sheet(pairs)
    everywhere = preference_of(items, draws, range(len(pairs)), policy, whole=True)
    slices = {
        name: with_preference(
            measured, preference_of(items, draws, items.inside(name), policy, whole=False)
        )
        for name, measured in stored.slices.items()
    }
    sealed = with_preference(stored.sealed, everywhere)
    return stored.model_copy(update={"sealed": sealed, "slices": slices})


def without_preference(stored: Evidence) -> Evidence:
    """Before people have voted: what the judge says of sealed items alone decides nothing."""
    slices = {name: with_preference(measured, None) for name, measured in stored.slices.items()}
    sealed = with_preference(stored.sealed, None)
    return stored.model_copy(update={"sealed": sealed, "slices": slices})


def with_preference(
    measured: dict[str, MetricEvidence], evidence: MetricEvidence | None
) -> dict[str, MetricEvidence]:
    others = {name: value for name, value in measured.items() if name != PREFERENCE}
    return others | ({PREFERENCE: evidence} if evidence else {})


def preference_of(
    items: JudgedItems, draws: Draws, places: Sequence[int], policy: Policy, *, whole: bool
) -> MetricEvidence | None:
    """The preference on the items at these places; None where too few were drawn and voted on.

    An e-value is of the whole: a slice is judged by its interval.
    """
    if not places:
        return None
    voted = gathered(items.judge, draws, items.chances, items.clusters, places)
    estimate = estimate_of(voted)
    if estimate is None:
        return None
    asked = whole and policy.preference_test == "e-value"
    e = smaller_e_value(items, draws, estimate) if asked else None
    values, words = outcomes(voted, estimate.tuning) - 0.5, voted.people[voted.weights > 0]
    clusters = [items.clusters[i] for i in places]
    return evidence_of(estimate, values, words, clusters, policy.threshold(PREFERENCE), e)


def smaller_e_value(items: JudgedItems, draws: Draws, estimate: PreferenceEstimate) -> float:
    """The e-value that people prefer the challenger on these items, and on items to come."""
    here = e_value(items.judge, draws, items.chances)
    to_come = any_time_e_value(estimate.estimate - 0.5, estimate.se, estimate.df)
    return min(here, to_come, float_info.max)


def evidence_of(
    estimate: PreferenceEstimate,
    values: Array,
    words: Array,
    clusters: Sequence[str],
    threshold: float,
    e_value: float | None,
) -> MetricEvidence | None:
    """The estimate as evidence. `values` is what each item counts by, less one half, and `words`
    what people said of those that they voted on.
    """
    counted = paired(values, clusters)
    diff = estimate.estimate - 0.5
    return MetricEvidence(
        n=estimate.items,
        clusters=counted.clusters,
        unjudged=0,
        champion_mean=None,
        challenger_mean=None,
        diff=diff,
        sd=counted.sd,
        se=estimate.se,
        df=estimate.df,
        wins=int((words > 0.5).sum()),
        losses=int((words < 0.5).sum()),
        people=PeopleAndJudge(
            votes=estimate.votes,
            tuning=estimate.tuning,
            saved=estimate.saved,
            sd=estimate.sd,
            e_value=e_value,
        ),
        p=p_above(diff, estimate.se, estimate.df, threshold),
        bootstrap=counted.bootstrap,
    )


# --- votes needed ---------------------------------------------------------------------------------

# What people read while votes come in: how many items have theirs, and how many more settle it.


class VotesNeeded(Record):
    """How many more items, each with all its votes, settle who is preferred, if people go on as so
    far.
    """

    votes: int  # items that have all theirs so far
    with_judge: int | None  # more; 0: it is settled; None: not even votes on all items would do
    alone: int | None  # more, if there were no judge

    def __str__(self) -> str:
        text = self.told(self.with_judge, "with this judge ")
        if not self.with_judge:
            return text
        without = "there are too few items" if self.alone is None else f"{self.alone:,}"
        return f"{text}; without it {without}"

    @property
    def by_people(self) -> str:
        """The same where there is no judge."""
        return self.told(self.alone)

    def told(self, more: int | None, how: str = "") -> str:
        many = "1 item has all its" if self.votes == 1 else f"{self.votes:,} items have all their"
        if more is None:
            outlook = "votes on all items would not settle it, if people go on as so far"
        else:
            outlook = f"{how}about {more:,} more settle it" if more else "they settle it"
        return f"{many} votes; {outlook}"


def votes_needed(
    estimate: PreferenceEstimate, alpha: float = 0.05, *, any_time: bool = True
) -> VotesNeeded:
    """From an estimate so far, at a one-sided alpha; by normal approximations.

    `any_time`: by a test that may be looked at after every vote, else by one look at the end.
    """
    standing = VotesSoFar(
        difference=estimate.estimate - 0.5,
        se=estimate.se,
        sd=estimate.sd,
        votes=estimate.votes,
        items=estimate.items,
    )
    with_judge, alone = votes_to_settle(standing, alpha, any_time=any_time)
    return VotesNeeded(votes=estimate.votes, with_judge=with_judge, alone=alone)
