"""The ballots that were cast on the page, beside those of a file, and the evidence of an open
look with them.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from evaluation.decision.policy import Policy
from evaluation.decision.rule import rule
from evaluation.decision.score_evidence import measure, sliced
from evaluation.decision.statistics import p_above
from evaluation.evaluation_settings import PreferenceParams
from evaluation.preference.ballots.ballot_files import draws_of, preferences, read_ballots
from evaluation.preference.ballots.preference_evidence import with_people_and_judge
from evaluation.preference.judge_calibration import calibrate_reviewers
from evaluation.preference.preference_sources import is_on
from project.errors import InputError
from project.records.ballots import RESPECTS, Ballot, VotingPair, counting
from project.records.events import BallotCast
from project.records.evidence import (
    PEOPLE,
    Decision,
    Evidence,
    Measured,
    MetricEvidence,
    by_people,
    rated_by_people,
)
from project.records.preferences import Calibration
from project.records.scores import ItemScore, ScoreTable
from registry.alpha_ledger.looks import CountedLook
from registry.ballots.sheets import read_sheet
from registry.ballots.standing import StandingBallot, VoteQuestion, Votes, read_votes
from registry.decision_checks import plain
from registry.reader import RegistryReader

# --- people ratings -------------------------------------------------------------------------------

# What people rated both answers in, such as politeness, as a metric that a policy may gate on.
#
# Its interval is the clustered one of every other metric. That one is no test to look at as ratings
# come in, so they are read once: when each item of the sheet has closed, by the ballots that count.
# Only ballots of the page have ratings.

Rated = dict[str, tuple[float, float]]  # by metric: champion's and challenger's mean rating


def ratings_of(
    standing: Sequence[StandingBallot], items: int, challenger: str, votes: int | None
) -> dict[str, Rated] | None:
    """What the ballots that count rated, by item, if anything; None while an item is open."""
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
    ratings: Rated = {}
    for respect in RESPECTS:
        sides = [
            sides_of(ballot, challenger) for ballot in cast if respect in (ballot.rubric or {})
        ]
        pairs = [by_side[respect] for by_side in sides]
        if pairs:
            champion, other = (fmean(side) for side in zip(*pairs, strict=True))
            ratings[PEOPLE + respect] = champion, other
    return ratings


def sides_of(ballot: BallotCast, challenger: str) -> dict[str, tuple[int, int]]:
    """A ballot's ratings as (champion's, challenger's), whichever side they stood on."""
    swap = ballot.left == challenger
    return {
        respect: (rating.right, rating.left) if swap else (rating.left, rating.right)
        for respect, rating in (ballot.rubric or {}).items()
    }


def with_least_error(measured: Measured, policy: Policy) -> Measured:
    """Ratings that are all alike do not show an error of 0: what people rate has at least the error
    that one item would make on which the two are one star apart.
    """
    return {
        metric: at_least(evidence, 1 / evidence.n, policy.threshold(metric))
        if rated_by_people(metric)
        else evidence
        for metric, evidence in measured.items()
    }


def at_least(evidence: MetricEvidence, se: float, threshold: float) -> MetricEvidence:
    if evidence.se >= se:
        return evidence
    p = p_above(evidence.diff, se, evidence.df, threshold)
    return evidence.model_copy(update={"se": se, "p": p})


# --- votes decision -------------------------------------------------------------------------------

# The evidence of an open look with the votes of today: theirs alone is another one.

UNRATED = (0.0, 0.0)  # stands where nothing was said, and is not read


@dataclass(frozen=True)
class PeoplesVotes:
    """What people said of the pairs of a sheet."""

    sheet: tuple[VotingPair, ...]
    ballots: tuple[Ballot, ...]
    champion: str  # what the ballots call the two
    challenger: str
    votes: int | None  # at how many an item closes
    # People's ratings by item, of metrics such as people:polite; None: not all votes are in yet.
    ratings: Mapping[str, Rated] | None = None

    def preferences(self) -> list[float | None]:
        """How the ballots on each pair prefer the challenger; None for an item that is open.

        As Ballots.prefer has it, but with the digests that the sheet has of its answers already.
        """
        answers = {
            (pair.item, name): digest
            for pair in self.sheet
            for name, digest in ((pair.left, pair.left_answer), (pair.right, pair.right_answer))
        }
        counted = [ballot for ballot in self.ballots if is_on(ballot, answers)]
        by_item = preferences(counted, self.champion, self.challenger, self.votes)
        return [by_item.get(pair.item) for pair in self.sheet]

    def items(self) -> tuple[ItemScore, ...]:
        """The sheet's items as a score table has them, with nothing but what people said."""
        metrics = sorted({metric for rated in (self.ratings or {}).values() for metric in rated})
        judged = zip(self.sheet, self.preferences(), strict=True)
        return tuple(self.item(pair, preference, metrics) for pair, preference in judged)

    def item(self, pair: VotingPair, preference: float | None, metrics: Sequence[str]) -> ItemScore:
        ratings = (self.ratings or {}).get(pair.item, {})
        return ItemScore(
            item=pair.item,
            cluster=pair.cluster,
            slices=pair.slices or (),
            champion={metric: ratings.get(metric, UNRATED)[0] for metric in metrics},
            challenger={metric: ratings.get(metric, UNRATED)[1] for metric in metrics},
            preference=preference,
            unread=tuple(metric for metric in metrics if metric not in ratings) or None,
        )


def evidence_with_votes(
    stored: Evidence, votes: PeoplesVotes, policy: Policy, calibration: Calibration | None
) -> Evidence:
    """The stored evidence with what people say of the sheet's items, and how far they agree."""
    table = ScoreTable(pins=stored.pins, items=votes.items())
    slices = {
        name: with_least_error(m, policy) for name, m in sliced(table, policy, sure=True).items()
    }
    now = stored.model_copy(
        update={
            "sealed": with_least_error(measure(table, policy, sure=True), policy),
            "slices": slices,
        }
    )
    # Only where it matters: other evidence has the bytes that it had.
    all_voted = True if policy.ratings and votes.ratings is not None else None
    return with_votes(stored, now).model_copy(
        update={"calibration": calibration, "all_voted": all_voted}
    )


def with_votes(stored: Evidence, evidence: Evidence) -> Evidence:
    """The evidence of an open look with the votes of today; nothing else is measured again."""
    slices = {
        name: voted(then, evidence.slices.get(name, {})) for name, then in stored.slices.items()
    }
    return stored.model_copy(
        update={"sealed": voted(stored.sealed, evidence.sealed), "slices": slices}
    )


def voted(then: Measured, now: Measured) -> Measured:
    """What was measured then, but what people say as it is now."""
    others = {name: value for name, value in then.items() if not by_people(name)}
    return others | {name: value for name, value in now.items() if by_people(name)}


# --- registry ballots -----------------------------------------------------------------------------

# The ballots that were cast on the page, beside those of a file: what people say at a look.


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
    detail = asked.detail
    standing = [vote for vote in state.standing(detail.sheet) if vote.key.item not in left_out]
    votes = replace(
        votes, ratings=ratings_of(standing, detail.items, detail.challenger, asked.closes_at)
    )
    updated = evidence_with_votes(evidence, votes, policy, calibration_of(evidence, votes, params))
    if params.source != "people+judge":
        return updated
    draws = draws_of(asked.detail.sheet, votes.sheet, votes.preferences())
    return with_people_and_judge(updated, votes.sheet, draws, policy)


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
    # Those of the settings' file; on dev they count in the pipeline.
    here = params.asks_people and asked.detail.part == "sealed"
    filed = read_ballots(params.ballots) if here and params.ballots else ()
    there = {(plain(ballot.reviewer), ballot.item, ballot.pair) for ballot in filed}
    for vote in cast:
        if (plain(vote.reviewer), vote.item, vote.pair) in there:
            raise InputError(
                f"{vote.reviewer!r} voted on item {vote.item!r} in the file of ballots and on "
                "the page too: take that line out of the file",
                field="evaluation.preference.ballots",
            )
    return PeoplesVotes(
        sheet=read_sheet(registry.artifacts, sheet).pairs,
        ballots=tuple(ballot for ballot in (*filed, *cast) if ballot.item not in left_out),
        champion=asked.detail.champion,
        challenger=asked.detail.challenger,
        votes=asked.closes_at,
    )


def calibration_of(
    evidence: Evidence, votes: PeoplesVotes, params: PreferenceParams
) -> Calibration | None:
    """How far reviewers agree: as the pipeline found in a file, else as these votes show."""
    if params.source != "ballots" or params.ballots:
        return evidence.calibration
    return calibrate_reviewers(votes.ballots, votes.votes)
