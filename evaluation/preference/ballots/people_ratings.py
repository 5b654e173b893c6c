"""What people rated both answers in, such as politeness, as a metric that a policy may gate on.

Its interval is the clustered one of every other metric. That one is no test to look at as ratings
come in, so they are read once: when each item of the sheet has closed, by the ballots that count.
Only ballots of the page have ratings.
"""

from collections.abc import Sequence
from statistics import fmean

from evaluation.decision.policy import Policy
from evaluation.decision.statistics import p_above
from project.records.ballots import RESPECTS, counting
from project.records.events import BallotCast
from project.records.evidence import PEOPLE, Measured, MetricEvidence, rated_by_people
from registry.ballots.standing import StandingBallot

Rated = dict[str, tuple[float, float]]  # by metric: champion's and challenger's mean rating


def ratings_of(
    standing: Sequence[StandingBallot], items: int, challenger: str, votes: int | None
) -> dict[str, Rated] | None:
    """By item, what the ballots that count rated, if anything; None while an item is open."""
    by_item: dict[str, list[StandingBallot]] = {}
    for ballot in standing:
        by_item.setdefault(ballot.detail.item, []).append(ballot)
    counted = {item: closed(cast, votes) for item, cast in by_item.items()}
    if len(counted) < items or not all(counted.values()):
        return None
    return {item: rated(cast, challenger) for item, cast in counted.items()}


def closed(cast: Sequence[StandingBallot], votes: int | None) -> list[BallotCast]:
    """The ballots by which an item counts; none while it is open."""
    counted = counting([ballot.ballot for ballot in cast], votes) or ()
    return [ballot.detail for ballot in cast[: len(counted)]]


def rated(cast: Sequence[BallotCast], challenger: str) -> Rated:
    found: Rated = {}
    for respect in RESPECTS:
        sides = [
            sides_of(ballot, challenger) for ballot in cast if respect in (ballot.rubric or {})
        ]
        said = [by_side[respect] for by_side in sides]
        if said:
            champion, other = (fmean(side) for side in zip(*said, strict=True))
            found[PEOPLE + respect] = champion, other
    return found


def sides_of(ballot: BallotCast, challenger: str) -> dict[str, tuple[int, int]]:
    """A ballot's ratings as (champion's, challenger's), whichever side they stood on."""
    swap = ballot.left == challenger
    return {
        respect: (one.right, one.left) if swap else (one.left, one.right)
        for respect, one in (ballot.rubric or {}).items()
    }


def with_least_error(measured: Measured, policy: Policy) -> Measured:
    """Ratings that are all alike do not show an error of 0: what people rate has at least the error
    that one item would make on which the two are one star apart.
    """
    return {
        metric: at_least(found, 1 / found.n, policy.threshold(metric))
        if rated_by_people(metric)
        else found
        for metric, found in measured.items()
    }


def at_least(found: MetricEvidence, se: float, threshold: float) -> MetricEvidence:
    if found.se >= se:
        return found
    p = p_above(found.diff, se, found.df, threshold)
    return found.model_copy(update={"se": se, "p": p})
