"""What the looks at one exam may spend, and what a promotion earns."""

import pytest

from registry.ledger import LEAST, Look, Opening, alpha_at, next_opening


def look(champion: str | None, opening: int, alpha: float, *, promoted: bool = False) -> Look:
    return Look(champion=champion, opening=opening, alpha=alpha, promoted=promoted)


def test_the_shares_of_a_budget_sum_to_it() -> None:
    assert alpha_at(0.05, 1) == pytest.approx(0.0304, abs=1e-4)
    assert sum(alpha_at(0.05, k) for k in range(1, 100_000)) == pytest.approx(0.05, abs=1e-5)


def test_one_champions_looks_share_its_budget() -> None:
    looks = [look(None, 1, 0.03), look(None, 2, 0.0076)]
    assert next_opening([], None, 0.05) == Opening(number=1, budget=0.05)
    assert next_opening(looks, None, 0.05) == Opening(number=3, budget=0.05)


def test_a_promotion_earns_alpha_and_failed_looks_stay_paid_for() -> None:
    looks = [look(None, 1, 0.03), look(None, 2, 0.0076, promoted=True)]
    opening = next_opening(looks, "a", 0.05)
    assert opening.number == 1
    assert opening.budget == pytest.approx(2 * 0.05 - 0.03)


def test_all_looks_together_never_spend_more_than_promotions_have_earned() -> None:
    looks: list[Look] = []
    for champion in map(str, range(6)):
        for k in range(1, 9):
            opening = next_opening(looks, champion, 0.05)
            alpha = alpha_at(opening.budget, opening.number)
            looks.append(look(champion, opening.number, alpha, promoted=k == 8))
            earned = 0.05 * (1 + sum(one.promoted for one in looks))
            assert sum(one.alpha for one in looks if not one.promoted) < earned


def test_a_budget_that_a_rollback_took_back_promotes_nothing() -> None:
    looks = [look("b", k, 0.05) for k in (1, 2)]
    opening = next_opening(looks, "a", 0.05)
    assert opening.budget == LEAST * 0.05
    assert opening.level(0.05) < 1e-4


def test_no_look_is_judged_at_more_than_alpha() -> None:
    assert Opening(number=1, budget=0.5).level(0.05) == 0.05
