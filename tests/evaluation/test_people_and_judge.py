"""Votes and a judge together: known values, what must not matter, and how often it is right."""

from collections.abc import Sequence
from itertools import islice
from math import sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from evaluation.decision.preference_doubts import (
    VotesSoFar,
    any_time_e_value,
    t_test,
    votes_to_settle,
)
from evaluation.preference.ballots.ballot_files import draw_chances, draw_order
from evaluation.preference.ballots.preference_estimate import (
    PreferenceEstimate,
    combined,
    differences,
    e_value,
    log_capital,
)
from evaluation.preference.ballots.preference_evidence import votes_needed

CHANCES = st.lists(st.floats(0, 1), min_size=2, max_size=30)
Votes = list[tuple[int, float]]


def e_values(
    judge: Sequence[float], votes: Sequence[tuple[int, float]], chances: Sequence[float]
) -> list[float]:
    """The evidence after each draw."""
    return np.exp(log_capital(differences(judge, votes, chances), 0.5)).tolist()


def world(seed: int, items: int = 400, right: float = 0.8) -> tuple[list[float], list[float]]:
    """People's word on each item, which the judge finds with this chance."""
    rng = np.random.default_rng(seed)
    people = (rng.random(items) < 0.6).astype(float)
    judge = np.where(rng.random(items) < right, 0.2 + 0.6 * people, 0.8 - 0.6 * people)
    return judge.tolist(), people.tolist()


def sample(people: Sequence[float], votes: int, seed: int = 0) -> Votes:
    order = np.random.default_rng(seed).permutation(len(people))[:votes]
    return [(i, people[i]) for i in order.tolist()]


def draws(people: Sequence[float], chances: Sequence[float], count: int, seed: str) -> Votes:
    return [(i, people[i]) for i in islice(draw_order(chances, seed), count)]


def known(found: PreferenceEstimate | None) -> PreferenceEstimate:
    assert found is not None
    return found


# --- drawing -------------------------------------------------------------------------------------


def test_a_judge_in_doubt_is_asked_about_more_often() -> None:
    sure, unsure, silent = draw_chances([0.99, 0.5, None])
    assert sure < unsure == silent
    assert sure / unsure == pytest.approx(sqrt((0.0099 + 0.2) / 0.45))


@given(CHANCES)
def test_chances_add_up_to_one_and_none_is_small(judge: list[float]) -> None:
    chances = draw_chances(judge)
    assert sum(chances) == pytest.approx(1)
    assert min(chances) * len(judge) >= 2 / 3 - 1e-9
    assert draw_chances([1 - f for f in judge]) == pytest.approx(chances)


def test_draws_are_the_same_for_ever_and_follow_the_chances() -> None:
    chances = [0.5, 0.25, 0.25, 0.0]
    assert list(islice(draw_order(chances, "sheet"), 12)) == [0, 2, 1, 0, 2, 2, 1, 0, 0, 0, 2, 2]
    often = np.bincount(list(islice(draw_order(chances, "s"), 20_000)), minlength=4) / 20_000
    assert often == pytest.approx(chances, abs=0.01)
    assert often[3] == 0


@pytest.mark.parametrize("chances", [[], [0.0, 0.0], [float("nan"), 1.0], [-0.1, 1.1]])
def test_what_are_no_chances_is_refused(chances: list[float]) -> None:
    with pytest.raises(ValueError, match="chances"):
        draw_order(chances, "s")


def test_what_is_no_probability_is_refused() -> None:
    with pytest.raises(ValueError, match="no probability"):
        draw_chances([0.5, 1.5])


# --- the estimate --------------------------------------------------------------------------------


def test_equal_chances_are_ppi_plus_plus_with_the_unvoted_items_as_its_unlabelled_ones() -> None:
    ppi = pytest.importorskip("ppi_py")  # the authors' package
    judge, people = world(1)
    votes = sample(people, 80)
    found = known(combined(judge, votes))
    voted = [i for i, _ in votes]
    y, yhat = np.array([people[i] for i in voted]), np.array([judge[i] for i in voted])
    others = np.delete(np.array(judge), voted)
    # Its tuning has the factor 1/(1 + n/M) for M unlabelled items, ours is about all N = n + M.
    lam = found.tuning * (1 - len(votes) / len(judge))
    theirs = ppi.ppi_mean_pointestimate(y, yhat, others, lam=lam)
    assert found.estimate == pytest.approx(float(theirs[0]))
    tuned = ppi.ppi_mean_pointestimate(y, yhat, others)
    assert found.estimate == pytest.approx(float(tuned[0]), abs=0.003)


def test_the_error_is_that_of_ppi_plus_plus() -> None:
    judge, people = world(2, items=2000)
    votes = sample(people, 300)
    found = known(combined(judge, votes))
    rest = np.array([y - found.tuning * judge[i] for i, y in votes])
    expected = rest.var() / 300 + found.tuning**2 * np.var(judge) / 2000
    assert found.se == pytest.approx(sqrt(expected), rel=0.02)


def test_without_a_judge_it_is_the_mean_of_the_votes_with_its_usual_error() -> None:
    _, people = world(3)
    votes = sample(people, 60)
    found = known(combined([0.5] * 400, votes))
    said = np.array([y for _, y in votes])
    assert found.estimate == pytest.approx(said.mean())
    assert found.se == pytest.approx(said.std(ddof=1) / sqrt(60), rel=0.002)
    assert found.df == pytest.approx(59)
    assert (found.votes, found.saved, found.tuning) == (60, 0, 0)


def test_with_a_vote_on_every_item_the_judge_has_no_say() -> None:
    judge, people = world(4, items=50)
    found = known(combined(judge, list(enumerate(people))))
    other = known(combined([1 - f for f in judge], list(enumerate(people))))
    assert found == other
    assert found.estimate == pytest.approx(np.mean(people))


def test_a_judge_who_says_the_contrary_is_not_made_use_of() -> None:
    judge, people = world(5)
    votes = sample(people, 100)
    found = known(combined([1 - f for f in judge], votes))
    assert found.tuning == 0
    assert found.saved == 0
    assert found.estimate == pytest.approx(np.mean([y for _, y in votes]))


@pytest.mark.parametrize("right", [0.7, 0.3])
@pytest.mark.parametrize("drawn", [False, True])
def test_the_interval_holds_the_truth_as_often_as_it_says(right: float, drawn: bool) -> None:
    """Each run has items of its own, and the truth is of all items to come; 50 votes."""
    hits, off = 0, []
    for seed in range(200):
        judge, people = world(seed, items=300, right=right)
        chances = draw_chances(judge) if drawn else None
        votes = draws(people, chances, 54, f"{seed}") if chances else sample(people, 50, seed)
        found = known(combined(judge, votes, chances))
        hits += found.lower <= 0.6 <= found.upper
        off.append(found.estimate - 0.6)
    assert hits / 200 >= 0.91
    assert abs(np.mean(off)) < 0.015


def test_items_of_one_cluster_are_one_piece_of_evidence() -> None:
    rng = np.random.default_rng(6)
    people = np.repeat(rng.random(60) < 0.6, 5).astype(float).tolist()
    clusters = [f"c{i // 5}" for i in range(300)]
    votes = [(i, people[i]) for i in range(300) if (i // 5) % 2]
    alone, together = (known(combined([0.5] * 300, votes, None, c)) for c in (None, clusters))
    assert together.se > 1.8 * alone.se
    assert together.df == pytest.approx(29)
    assert together.estimate == alone.estimate


@pytest.mark.parametrize(("votes", "items"), [(5, 8), (18, 58), (58, 58)])
def test_votes_that_all_agree_are_as_sure_as_an_exact_interval_is(votes: int, items: int) -> None:
    estimate = known(combined([0.5] * items, [(i, 1.0) for i in range(votes)]))
    exact = stats.binomtest(votes, votes).proportion_ci(0.95)
    assert (estimate.lower, estimate.upper) == pytest.approx((exact.low, 1.0))
    reach = stats.t.isf(0.025, votes - 1) * estimate.se
    assert 1 - reach == pytest.approx(exact.low)
    turned = known(combined([0.5] * items, [(i, 0.0) for i in range(votes)]))
    assert (turned.lower, turned.upper) == pytest.approx((0.0, 1 - exact.low))


@pytest.mark.parametrize("won", [1, 9, 17])
def test_without_a_judge_the_interval_is_that_of_a_share(won: int) -> None:
    votes = [(i, float(i < won)) for i in range(18)]
    estimate = known(combined([0.5] * 58, votes))
    exact = stats.binomtest(won, 18).proportion_ci(0.95)
    assert (estimate.lower, estimate.upper) == pytest.approx((exact.low, exact.high), abs=0.01)


def test_clusters_whose_votes_all_agree_count_as_one_vote_each() -> None:
    clusters = [f"c{i // 5}" for i in range(50)]
    estimate = known(combined([0.5] * 50, [(i, 1.0) for i in range(50)], None, clusters))
    assert estimate.lower == pytest.approx(0.025 ** (1 / 10))


@pytest.mark.parametrize(("votes", "items"), [(5, 8), (8, 58), (18, 58), (58, 58)])
@pytest.mark.parametrize("truth", [0.6, 0.9, 0.95])
def test_few_votes_hold_the_truth_as_often_as_they_say(
    truth: float, votes: int, items: int
) -> None:
    """Alone, and beside a judge who is sure of the challenger on every item."""
    covered = {"alone": 0, "judged": 0}
    for seed in range(200):
        rng = np.random.default_rng([seed, votes])
        people = (rng.random(items) < truth).astype(float).tolist()
        judge = (0.9 + 0.1 * rng.random(items)).tolist()
        for name, word in (("alone", [0.5] * items), ("judged", judge)):
            estimate = known(combined(word, sample(people, votes, seed)))
            covered[name] += estimate.lower <= truth <= estimate.upper
    # 95 % less twice the error of 200 runs; beside a judge the interval is t's, which is rougher.
    assert covered["alone"] >= 0.92 * 200
    assert covered["judged"] >= 0.90 * 200


def test_too_few_votes_say_nothing() -> None:
    assert combined([0.5] * 9, []) is None
    assert combined([0.5] * 9, [(0, 1.0), (1, 0.0)]) is None
    same = ["a"] * 8 + ["b"]
    assert combined([0.5] * 9, [(0, 1.0), (1, 0.0), (2, 1.0)], None, same) is None


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**6), st.booleans())
def test_both_sides_are_treated_alike(seed: int, drawn: bool) -> None:
    judge, people = world(seed, items=40)
    chances = draw_chances(judge) if drawn else None
    votes = draws(people, chances, 25, "s") if chances else sample(people, 20)
    found = known(combined(judge, votes, chances))
    turned = known(combined([1 - f for f in judge], [(i, 1 - y) for i, y in votes], chances))
    assert turned.estimate == pytest.approx(1 - found.estimate)
    assert turned.se == pytest.approx(found.se)


@pytest.mark.parametrize(
    "votes", [[(9, 1.0)], [(-1, 1.0)], [(0, 1.5)], [(0, 1.0), (0, 0.0)], [(0, float("nan"))]]
)
def test_votes_that_fit_nothing_are_refused(votes: Votes) -> None:
    with pytest.raises(ValueError, match=r"vote|drawn again"):
        combined([0.5] * 9, votes)


# --- looking after every vote --------------------------------------------------------------------


def test_bets_on_equal_draws_without_a_judge_are_the_capital_by_hand() -> None:
    said = [1.0, 1.0, 0.0, 0.5]
    bets = [(j + 0.5) / 20 for j in range(20)]
    capital = [np.prod([1 + g * (y - 0.5) / 0.5 for y in said]) for g in bets]
    found = e_value([0.5] * 4, list(enumerate(said)), [0.25] * 4)
    assert found == pytest.approx(np.mean(capital))


def test_no_draw_can_cost_more_than_is_bet() -> None:
    judge, _ = world(7, items=60)
    chances = draw_chances(judge)
    against = [(i, 0.0) for i in islice(draw_order(chances, "s"), 400)]
    found = e_values(judge, against, chances)
    assert all(e >= 0 for e in found)
    assert found[-1] < 1e-3


@pytest.mark.parametrize("right", [1.0, 0.3])
def test_looking_after_each_vote_seldom_finds_what_is_not_there(right: float) -> None:
    """People's mean over these very items is one half: Ville's inequality says 1 in 20 at most."""
    claims = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        people = rng.permutation(np.repeat([0.0, 1.0], 50))
        judge = np.where(rng.random(100) < right, people, 1 - people).tolist()
        chances = draw_chances([0.5 + 0.3 * (f - 0.5) for f in judge])
        votes = draws(people.tolist(), chances, 150, f"{seed}")
        claims += max(e_values(judge, votes, chances)) >= 20
    assert claims <= 0.05 * 200 + 5


def test_a_good_judge_lets_the_bets_win_sooner() -> None:
    judge, people = world(8, items=500, right=0.95)
    even = [1 / 500] * 500
    votes = draws(people, even, 300, "s")
    with_judge, alone = (
        next((t for t, e in enumerate(e_values(f, votes, even)) if e >= 20), 300)
        for f in (judge, [0.5] * 500)
    )
    assert with_judge < alone


def test_the_any_time_evidence_of_a_mean_is_its_mixture_integral() -> None:
    difference, se, scale = 0.07, 0.03, 0.1
    grid = np.linspace(0, 1.5, 200_001)
    information = 1 / se**2
    ratio = np.exp(grid * difference * information - grid**2 * information / 2)
    prior = 2 * np.exp(-(grid**2) / (2 * scale**2)) / (scale * sqrt(2 * np.pi))
    expected = float(np.sum(ratio * prior) * (grid[1] - grid[0]))
    assert any_time_e_value(difference, se, 1e9) == pytest.approx(expected, rel=1e-3)
    assert any_time_e_value(difference, se, 8) < expected
    assert any_time_e_value(0.5, 1e-6, 100) > 1e6
    assert any_time_e_value(-0.5, 0.01, 100) < 0.2
    assert any_time_e_value(0.1, 0.0, 9) == 1


# --- how many more -------------------------------------------------------------------------------


def test_the_error_at_more_votes_is_foreseen_from_the_error_so_far() -> None:
    judge, people = world(11, items=1000, right=0.85)

    def measured(votes: int) -> PreferenceEstimate:
        found = [known(combined(judge, sample(people, votes, seed))) for seed in range(40)]
        means = {name: float(np.mean([getattr(e, name) for e in found])) for name in ("se", "sd")}
        return found[0].model_copy(update=means)

    now = measured(60)
    standing = VotesSoFar(0.05, se=now.se, sd=now.sd, votes=60, items=1000)
    assert standing.error(200) == pytest.approx(measured(200).se, rel=0.03)
    assert standing.error(1000) == pytest.approx(now.sd / sqrt(1000))
    assert standing.error_alone(250) == pytest.approx(now.sd / sqrt(250))


def test_needed_is_the_smallest_number_that_passes() -> None:
    standing = VotesSoFar(0.05, se=0.055, sd=0.49, votes=60, items=1000)
    passes = t_test(0.05)
    more, alone = votes_to_settle(standing, 0.05, any_time=False)
    assert more is not None
    for votes, settled in ((60 + more, True), (60 + more - 1, False)):
        assert passes(0.05, standing.error(votes), votes - 2) is settled
    assert alone is not None and alone > more
    any_time, _ = votes_to_settle(standing, 0.05, any_time=True)
    assert any_time is not None and any_time > more  # whoever looks at any time pays for it


def test_what_is_needed_is_said_in_a_sentence() -> None:
    found = known(combined(*world_with_votes()))
    text = str(votes_needed(found.model_copy(update={"estimate": 0.58})))
    assert text.startswith("50 items have all their votes; with this judge about ")
    assert " more settle it; without it " in text
    assert "on all items would not settle" in str(
        votes_needed(found.model_copy(update={"estimate": 0.501}))
    )
    assert str(votes_needed(found.model_copy(update={"estimate": 0.9}))) == (
        "50 items have all their votes; they settle it"
    )


def world_with_votes() -> tuple[list[float], Votes]:
    judge, people = world(12, items=1000, right=0.9)
    return judge, sample(people, 50)
