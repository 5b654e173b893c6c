"""What people read while votes come in: how many there are, and how many more settle it."""

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
    """How many more votes settle who is preferred, if people go on as so far."""

    votes: int  # so far
    with_judge: int | None  # more; 0: it is settled; None: not even votes on all items would do
    alone: int | None  # more, if there were no judge

    def __str__(self) -> str:
        so_far = f"{self.votes:,} votes so far"
        if self.with_judge == 0:
            return f"{so_far}; they settle it"
        if self.with_judge is None:
            return f"{so_far}; votes on all items would not settle it, if people go on as so far"
        with_it = f"with this judge about {self.with_judge:,} more settle it"
        if self.alone is None:
            return f"{so_far}; {with_it}; without it there are too few items"
        return f"{so_far}; {with_it}; without it {self.alone:,}"


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
