"""Who voted, how fast, and how steadily."""

from collections import defaultdict
from dataclasses import replace
from statistics import fmean, median

from project.records.record import Digest, Record
from registry.ballots.standing import StandingBallot, Votes


class Reviewer(Record):
    """One person's work on a sheet."""

    name: str
    votes: int  # first ballots on items
    repeats: int  # items that were asked a second time
    median_seconds: float | None
    self_agreement: float | None  # the share of repeated items with the same choice
    left_share: float | None  # how often the left one was chosen, of all that chose one


def reviewers(votes: Votes, sheet: Digest) -> tuple[Reviewer, ...]:
    """By name; somebody in two spellings is one, by the first of them."""
    firsts: dict[str, list[StandingBallot]] = defaultdict(list)
    for ballot in votes.standing(sheet):
        firsts[ballot.key.reviewer].append(ballot)
    steady = same_again(votes, sheet)
    return tuple(reviewer(firsts[name], steady.get(name, [])) for name in sorted(firsts))


def reviewer(cast: list[StandingBallot], steady: list[bool]) -> Reviewer:
    chosen = [one.detail.choice for one in cast if one.detail.choice in ("left", "right")]
    return Reviewer(
        name=cast[0].event.actor,
        votes=len(cast),
        repeats=len(steady),
        median_seconds=median(one.detail.seconds for one in cast),
        self_agreement=fmean(steady) if steady else None,
        left_share=chosen.count("left") / len(chosen) if chosen else None,
    )


def self_agreement(votes: Votes, sheet: Digest) -> float | None:
    """Of all reviewers together."""
    together = [same for steady in same_again(votes, sheet).values() for same in steady]
    return fmean(together) if together else None


def same_again(votes: Votes, sheet: Digest) -> dict[str, list[bool]]:
    """By reviewer in plain spelling, of each item that was asked twice whether the same was said,
    whichever side the answers stood on.
    """
    found: dict[str, list[bool]] = defaultdict(list)
    for again in votes.standing(sheet, repeats=True):
        if before := votes.ballots.get(replace(again.key, repeat=0)):
            found[again.key.reviewer].append(said(again) == said(before))
    return dict(found)


def said(ballot: StandingBallot) -> str:
    return ballot.ballot.winner or ballot.detail.choice
