"""The simulated reviewers of examples/bank: blind, steady, and wrong as often as they say."""

from dataclasses import replace
from pathlib import Path

import pytest

from examples.bank.measures import against_base
from examples.bank.reviewer import ERRS, Pair, ballots, choices
from project.records.data import Row

RIGHT = "The Harbour Account costs 4.50 crowns a month."
WRONG = "The Harbour Account costs 7.80 crowns a month."


def pair(left: str, right: str, item: str = "one") -> Pair:
    return Pair(item, "current", "harbour-account.fee", "What does it cost?", RIGHT, left, right)


def many(left: str, right: str, count: int = 40) -> list[Pair]:
    return [pair(left, right, f"item-{n}") for n in range(count)]


def share_left(left: str, right: str, reviewer: str) -> float:
    return choices(many(left, right, 300), reviewer).count("left") / 300


def test_the_answer_with_the_right_fact_wins_but_for_the_stated_errors() -> None:
    for reviewer, errs in ERRS.items():
        assert abs(share_left(RIGHT, WRONG, reviewer) - (1 - errs)) < 0.05


def test_a_choice_is_the_same_whichever_side_an_answer_stands_on() -> None:
    for left, right in ((RIGHT, WRONG), (RIGHT, f"{RIGHT} Thank you for asking."), ("a", "b")):
        for reviewer in ERRS:
            pairs = many(left, right)
            here = choices(pairs, reviewer)
            there = choices([replace(p, left=right, right=left) for p in pairs], reviewer)
            assert [side == "left" for side in here] == [side == "right" for side in there]


def test_the_same_pairs_are_judged_in_the_same_way_again() -> None:
    assert choices(many("a", "b"), "reviewer-a") == choices(many("a", "b"), "reviewer-a")


def test_of_equal_facts_the_answer_without_unwanted_behaviour_wins_then_the_politer_one() -> None:
    rude = f"{RIGHT} Stop asking."
    polite = f"{RIGHT} Thank you for asking."
    assert share_left(RIGHT, rude, "reviewer-a") > 0.9
    assert share_left(polite, RIGHT, "reviewer-a") > 0.9


def test_of_two_that_are_as_good_a_coin_decides() -> None:
    assert 0.4 < share_left("I do not know that.", "That I cannot say.", "reviewer-a") < 0.6


def test_names_of_versions_change_no_choice() -> None:
    pairs = many(RIGHT, WRONG)
    one = ballots(pairs, [("base", "0a1b2c3d4e5f")] * 40)
    other = ballots(pairs, [("0a1b2c3d4e5f", "base")] * 40)
    assert [b.choice for b in one] == [b.choice for b in other]


def test_every_reviewer_votes_once_on_every_pair() -> None:
    cast = list(ballots(many(RIGHT, WRONG, 10), [("base", "new")] * 10))
    assert len({(b.reviewer, b.item) for b in cast}) == len(cast) == 30


@pytest.mark.usefixtures("warm")
def test_a_system_wins_and_loses_items_against_the_base_where_they_answer_otherwise() -> None:
    Path("results").mkdir()
    given = {"group": "one", "source": "made", "topic": "current"}
    names = [f"harbour-account.fee.{n}" for n in range(30)]
    rows = [Row.of("What does it cost?", RIGHT, row_id=name, **given) for name in names]
    base = dict.fromkeys(names, WRONG)
    better = dict.fromkeys(names[:20], RIGHT) | dict.fromkeys(names[20:], WRONG)
    won, lost = against_base("round 1", rows, better, base)
    assert won + lost == 20
    assert won > 15
    assert against_base("round 1", rows, base, base) == (0, 0)
