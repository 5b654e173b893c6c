"""The ballots that were cast on the page, beside those of a file: what people say at a look."""

from collections.abc import Collection, Sequence
from dataclasses import replace

from evaluation.decision.policy import Policy
from evaluation.decision.rule import rule
from evaluation.evaluation_settings import PreferenceParams
from evaluation.preference.ballots.ballot_files import draws_of, read_ballots
from evaluation.preference.ballots.preference_evidence import with_people_and_judge
from evaluation.preference.ballots.votes_decision import (
    PeoplesVotes,
    Rated,
    evidence_with_votes,
    ratings_of,
)
from evaluation.preference.judge_calibration import calibrate_reviewers
from project.errors import InputError
from project.records.ballots import Ballot, SheetPart
from project.records.calibration import Calibration
from project.records.evidence import Decision, Evidence
from registry.alpha_ledger.looks import CountedLook
from registry.ballots.sheets import read_sheet
from registry.ballots.standing import VoteQuestion, Votes, read_votes
from registry.decision_checks import plain
from registry.reader import RegistryReader


def decided_with_votes(
    registry: RegistryReader,
    number: int,
    look: CountedLook,
    stored: Evidence,
    policy: Policy,
    params: PreferenceParams,
    left_out: Collection[str] = (),
) -> tuple[Evidence, Decision]:
    """The evidence of an open look with all votes of today, and what the rule makes of it.

    The look stays the same, its number and its level with it, and no model is asked anything.
    `left_out` are items on which no vote counts.
    """
    evidence = with_cast_votes(registry, number, look.event, stored, policy, params, left_out)
    return evidence, rule(evidence, policy, look.number, look.budget)


def with_cast_votes(
    registry: RegistryReader,
    number: int,
    look: int,
    evidence: Evidence,
    policy: Policy,
    params: PreferenceParams,
    left_out: Collection[str] = (),
) -> Evidence:
    """The evidence with all votes on a version at this look; as it is where nobody voted.

    `look` is the number of the event that counted it; votes on items that are `left_out` are none.
    """
    state = read_votes(registry, number)
    asked = state.newest("sealed")
    if asked is None or asked.detail.look != look:
        return evidence
    votes = votes_on_sheet(registry, state, asked, params, left_out)
    if not votes.ballots:
        return evidence
    votes = replace(votes, ratings=ratings_on_sheet(state, asked, left_out))
    found = evidence_with_votes(evidence, votes, policy, calibration_of(evidence, votes, params))
    if params.source != "people+judge":
        return found
    draws = draws_of(asked.detail.sheet, votes.sheet, votes.preferences())
    return with_people_and_judge(found, votes.sheet, draws, policy)


def votes_on_sheet(
    registry: RegistryReader,
    state: Votes,
    asked: VoteQuestion,
    params: PreferenceParams,
    left_out: Collection[str] = (),
) -> PeoplesVotes:
    """What stands on a sheet, with the ballots of a file where there is one."""
    sheet = asked.detail.sheet
    cast = [ballot.ballot for ballot in state.standing(sheet)]
    filed = ballots_of_file(params, asked.detail.part)
    refuse_doubled(filed, cast)
    return PeoplesVotes(
        sheet=read_sheet(registry.artifacts, sheet).pairs,
        ballots=tuple(ballot for ballot in (*filed, *cast) if ballot.item not in left_out),
        champion=asked.detail.champion,
        challenger=asked.detail.challenger,
        votes=asked.closes_at,
    )


def ratings_on_sheet(
    state: Votes, asked: VoteQuestion, left_out: Collection[str] = ()
) -> dict[str, Rated] | None:
    """What people rated, by item; None while an item lacks votes."""
    detail = asked.detail
    standing = [one for one in state.standing(detail.sheet) if one.key.item not in left_out]
    return ratings_of(standing, detail.items, detail.challenger, asked.closes_at)


def ballots_of_file(params: PreferenceParams, part: SheetPart) -> tuple[Ballot, ...]:
    """Those that the settings name, where people decide; on dev they count in the pipeline."""
    here = params.asks_people and part == "sealed"
    return read_ballots(params.ballots) if here and params.ballots else ()


def refuse_doubled(filed: Sequence[Ballot], cast: Sequence[Ballot]) -> None:
    """Raise InputError where a reviewer speaks in the file and on the page too."""
    there = {(plain(ballot.reviewer), ballot.item, ballot.pair) for ballot in filed}
    for ballot in cast:
        if (plain(ballot.reviewer), ballot.item, ballot.pair) in there:
            raise InputError(
                f"{ballot.reviewer!r} voted on item {ballot.item!r} in the file of ballots and on "
                "the page too: take that line out of the file",
                field="evaluation.preference.ballots",
            )


def calibration_of(
    evidence: Evidence, votes: PeoplesVotes, params: PreferenceParams
) -> Calibration | None:
    """How far reviewers agree: as the pipeline found in a file, else as these votes show."""
    if params.source != "ballots" or params.ballots:
        return evidence.calibration
    return calibrate_reviewers(votes.ballots, votes.votes)
