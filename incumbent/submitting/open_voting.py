"""What people are asked to vote on, on the page, once a challenger was submitted."""

from collections.abc import Sequence

from evaluation.decision.metric_evidence import item_means
from evaluation.decision.policy import Policy
from evaluation.evaluation_settings import PreferenceParams
from evaluation.generation.answers import SIDES, Answer, Role, by_sample
from evaluation.preference.ballots.ballot_files import judged_pairs, pairs
from evaluation.preference.ballots.drawing import draw_chances
from evaluation.score import contestant_names, read_answers
from evaluation.sealed_look import SealedItems, SealedLook, beside_a_judge
from project.paths import rows_of
from project.records.adapters import AdapterVersion
from project.records.ballots import SheetPart, VotingPair
from project.records.data import Row, Split
from project.settings import load
from registry.ballots.sheets import asked_about, open_sheet
from registry.store import Registry
from review.review_settings import ReviewParams


def open_voting(
    registry: Registry, version: AdapterVersion, look: SealedLook | None, policy: Policy
) -> SheetPart | None:
    """Open a sheet of dev items, for discussion; and one of the sealed items where people's votes
    are the gate and their look stays open. Returns the part that people are asked about; None:
    there is no item, or a person has settled the version already.
    """
    number = version.number
    if registry.is_champion(version.adapter.files) or registry.newest_event(number, "reject"):
        return None
    open_dev(registry, number)
    made, sealed = registry.decision_made(number), SealedItems()
    if look and made and made.look and sealed.open_for_votes(policy):
        open_sheet(
            registry,
            number,
            sealed_pairs(sealed.rows, look),
            part="sealed",
            votes=load(PreferenceParams).votes or load(ReviewParams).votes,
            reason="people's votes decide",
            look=made.look,
        )
    asked = asked_about(registry, number)
    return asked.detail.part if asked else None


def sealed_pairs(rows: Sequence[Row], look: SealedLook) -> Sequence[VotingPair]:
    """What people see of a look; drawn by a judge's doubt where their votes stand beside one."""
    sheet = list(pairs(rows, look.answers, contestant_names()))
    if not beside_a_judge():
        return sheet
    judge = {item.item: item.preference for item in item_means(look.items)}
    said = [judge[pair.item] for pair in sheet]
    unsure = [0.5 if preference is None else preference for preference in said]
    return judged_pairs(sheet, said, draw_chances(unsure))


def open_dev(registry: Registry, number: int) -> None:
    rows = Row.read_lines(rows_of(Split.DEV))
    answers = {role: first_answers(role) for role in SIDES}
    if rows:
        open_sheet(
            registry,
            number,
            list(pairs(rows, answers, contestant_names())),
            part="dev",
            votes=load(ReviewParams).votes,
            reason="for discussion: votes on dev decide nothing",
        )


def first_answers(role: Role) -> Sequence[Answer]:
    return by_sample(read_answers(role, Split.DEV))[0]
