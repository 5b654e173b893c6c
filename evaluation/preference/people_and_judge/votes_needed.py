"""What people read while votes come in: how many items have theirs, and how many more settle it."""

from evaluation.decision.votes_needed import (
    Standing,
    any_time_test,
    further_alone,
    further_with_judge,
    t_test,
)
from evaluation.preference.people_and_judge.estimate import Estimate
from project.records.record import Record


class VotesNeeded(Record):
    """How many more items, each with all its votes, settle who is preferred, if people go on as so
    far.
    """

    votes: int  # items that have all theirs so far
    with_judge: int | None  # more; 0: it is settled; None: not even votes on all items would do
    alone: int | None  # more, if there were no judge

    def __str__(self) -> str:
        found = self.told(self.with_judge, "with this judge ")
        if not self.with_judge:
            return found
        without = "there are too few items" if self.alone is None else f"{self.alone:,}"
        return f"{found}; without it {without}"

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


def votes_needed(found: Estimate, alpha: float = 0.05, *, any_time: bool = True) -> VotesNeeded:
    """From an estimate so far, at a one-sided alpha; by normal approximations.

    `any_time`: by a test that may be looked at after every vote, else by one look at the end.
    """
    standing = Standing(
        difference=found.estimate - 0.5,
        se=found.se,
        sd=found.sd,
        votes=found.votes,
        items=found.items,
    )
    test = any_time_test(alpha) if any_time else t_test(alpha)
    return VotesNeeded(
        votes=found.votes,
        with_judge=further_with_judge(standing, test),
        alone=further_alone(standing, test),
    )
