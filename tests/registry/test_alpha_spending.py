"""What the looks at one eval set may spend, and what a promotion earns."""

import pytest

from registry.alpha_ledger.spending import LEAST, ChampionLooks, Look, alpha_at, next_look


def looks(champion: str | None, count: int, spent: float, promoted: int = 0) -> ChampionLooks:
    return ChampionLooks(champion=champion, count=count, promoted=promoted, spent=spent)


def test_the_shares_of_a_budget_sum_to_it() -> None:
    assert alpha_at(0.05, 1) == pytest.approx(0.0304, abs=1e-4)
    assert sum(alpha_at(0.05, k) for k in range(1, 100_000)) == pytest.approx(0.05, abs=1e-5)


def test_one_champions_looks_share_its_budget() -> None:
    assert next_look([], None, 0.05) == Look(number=1, budget=0.05)
    before = [looks(None, count=2, spent=0.0376)]
    assert next_look(before, None, 0.05) == Look(number=3, budget=0.05)


def test_a_promotion_earns_alpha_and_failed_looks_stay_paid_for() -> None:
    look = next_look([looks(None, count=2, spent=0.03, promoted=1)], "a", 0.05)
    assert look.number == 1
    assert look.budget == pytest.approx(2 * 0.05 - 0.03)


def test_all_looks_together_never_spend_more_than_promotions_have_earned() -> None:
    before: list[ChampionLooks] = []
    for champion in map(str, range(6)):
        failed = 0.0
        for k in range(1, 8):
            own = [looks(champion, count=k - 1, spent=failed)]
            failed += next_look([*before, *own], champion, 0.05).level(0.05)
        before.append(looks(champion, count=8, spent=failed, promoted=1))
        assert sum(look.spent for look in before) < 0.05 * (1 + len(before))


def test_a_budget_that_a_rollback_took_back_promotes_nothing() -> None:
    look = next_look([looks("b", count=2, spent=0.1)], "a", 0.05)
    assert look.budget == LEAST * 0.05
    assert look.level(0.05) < 1e-4


def test_no_look_is_judged_at_more_than_alpha() -> None:
    assert Look(number=1, budget=0.5).level(0.05) == 0.05


def test_a_budget_does_not_grow_between_two_looks_of_a_champion() -> None:
    before = [ChampionLooks(champion="a", count=3, promoted=0, spent=0.03, budget=0.04)]
    assert next_look(before, "a", 0.49) == Look(number=4, budget=0.04)


def test_champions_that_take_turns_spend_no_more_together() -> None:
    taken: dict[str, list[Look]] = {"a": [], "b": []}

    def summed(champion: str) -> ChampionLooks:
        own = taken[champion]
        return ChampionLooks(
            champion=champion,
            count=len(own),
            promoted=0,
            spent=sum(look.level(0.05) for look in own),
            budget=min((look.budget for look in own), default=None),
        )

    for turn in range(400):
        champion = "ab"[turn % 2]
        taken[champion].append(next_look([summed("a"), summed("b")], champion, 0.05))
    assert sum(look.level(0.05) for own in taken.values() for look in own) <= 0.0501
