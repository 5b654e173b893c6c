"""Who voted, how fast, and how steadily."""

from collections import defaultdict
from dataclasses import replace
from statistics import fmean, median

from project.records.record import Digest, Record
from registry.ballots.standing import Asked, StandingBallot, Votes
from registry.decision_checks import plain


class Reviewer(Record):
    """One person's work on a sheet."""

    name: str
    asked: int | None  # on how many items; None: on any number, or not any more
    votes: int  # first ballots on items
    repeats: int  # items that were asked a second time
    median_seconds: float | None
    self_agreement: float | None  # the share of repeated items with the same choice
    left_share: float | None  # how often the left one was chosen, of all that chose one


def reviewers(votes: Votes, asked: Asked) -> tuple[Reviewer, ...]:
    """Who voted and who is asked by name, in the order of their names; somebody in two spellings is
    one, by the first of them.
    """
    firsts: dict[str, list[StandingBallot]] = defaultdict(list)
    for ballot in votes.standing(asked.detail.sheet):
        firsts[ballot.key.reviewer].append(ballot)
    named = {plain(name): (name, most) for name, most in (asked.detail.reviewers or {}).items()}
    steady = same_again(votes, asked.detail.sheet)
    return tuple(
        reviewer(named.get(one), firsts.get(one, []), steady.get(one, []))
        for one in sorted(firsts.keys() | named.keys())
    )


def reviewer(
    named: tuple[str, int] | None, cast: list[StandingBallot], steady: list[bool]
) -> Reviewer:
    """`named` is somebody who is asked by name, and on how many items."""
    name, most = named or ("", None)
    chosen = [one.detail.choice for one in cast if one.detail.choice in ("left", "right")]
    return Reviewer(
        name=cast[0].event.actor if cast else name,
        asked=most,
        votes=len(cast),
        repeats=len(steady),
        median_seconds=median(one.detail.seconds for one in cast) if cast else None,
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
