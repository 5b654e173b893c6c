"""Whom the preference is of, and how far it can be trusted: people's votes, and a judge."""

from collections import defaultdict

from project.records.calibration import Calibration
from project.records.events import BallotCast, VotesAsked
from review.dossier.document import Block
from review.dossier.version_records import VersionRecords
from review.dossier.words import score

BLIND = "How they stand is shown to whoever decides: who votes must not know it."


def calibration_block(records: VersionRecords) -> Block | None:
    """How far the preference may be trusted."""
    evidence = records.lineage.evidence
    found = evidence.calibration if evidence else None
    if found is None:
        return None
    return Block(
        title=f"Preference: {found.source}",
        text=(f"It is advisory only: {found.advisory}.",)
        if found.advisory
        else (str(found) + ".",),
        facts=calibration_facts(found),
    )


def calibration_facts(found: Calibration) -> tuple[tuple[str, str], ...]:
    facts = [
        ("pairs judged", f"{found.n:,}, and {found.unjudged:,} without a judgement"),
        ("right on held-out pairs", score(found.accuracy)),
        ("agreement (kappa)", score(found.kappa)),
        ("prefers the answer shown first", score(found.first_rate)),
        ("right on pairs of like length", f"{score(found.matched_accuracy)} of {found.matched_n}"),
        ("picking the longer is right on", score(found.longer_accuracy)),
    ]
    return (*facts, *(("judge", str(pin)) for pin in found.judges))


def vote_block(records: VersionRecords) -> Block:
    """People's votes that are on record: who gave how many, and what they chose."""
    if records.ballots is None:
        return Block(title="People's votes", text=(BLIND,))
    own: dict[str, list[BallotCast]] = defaultdict(list)
    for event in records.ballots:
        own[event.actor].append(event.told(BallotCast))
    if not own:
        text = "No vote on its answers is on record."
        return Block(title="People's votes", text=(text,))
    items = {event.told(BallotCast).item for event in records.ballots}
    return Block(
        title="People's votes",
        text=(
            f"{len(records.ballots):,} blind votes of {len(own)} reviewers on {len(items):,} "
            "items. Each is an event of the history, bound to the digests of both answers.",
        ),
        columns=("Reviewer", ">Votes", ">For this version", ">For the other", ">Tie or both bad"),
        rows=tuple(vote_row(who, votes, names_of(records)) for who, votes in sorted(own.items())),
    )


def vote_row(who: str, votes: list[BallotCast], own_names: set[str]) -> tuple[str, ...]:
    sides = [getattr(vote, vote.choice, None) for vote in votes]  # left, right, or neither
    mine, neither = sum(side in own_names for side in sides), sides.count(None)
    return (who, str(len(votes)), str(mine), str(len(votes) - mine - neither), str(neither))


def names_of(records: VersionRecords) -> set[str]:
    """What the sheets that people voted on call this version."""
    history = records.lineage.history
    return {e.detail.challenger for e in history if isinstance(e.detail, VotesAsked)}
