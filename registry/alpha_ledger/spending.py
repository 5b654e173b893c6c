"""The ledger of looks: how much of alpha each may spend, and what a promotion earns.

A look is one comparison of a challenger with the champion on a sealed eval set.
"""

from collections.abc import Sequence
from math import pi

from project.records.record import Digest, Record

LEAST = 0.001  # of alpha: too little to promote anything, enough to compute a bound with


class ChampionLooks(Record):
    """All looks at an eval set against one champion. The same pair again is the same look."""

    champion: Digest | None  # None: the bare base
    count: int
    promoted: int  # how many came to a promotion that was not rolled back
    spent: float  # the levels of those that came to none
    budget: float | None = None  # the least that one of them was judged out of; None: no limit


class Look(Record):
    """The place of a look: the k-th of its champion's, out of a budget for all of them."""

    number: int
    budget: float

    def level(self, alpha: float) -> float:
        """The level at which the look is judged: never more than alpha, whatever was earned."""
        return min(alpha, alpha_at(self.budget, self.number))

    def after(self) -> "Look":
        """The next one of the same champion, where nothing else is earned or spent."""
        return Look(number=self.number + 1, budget=self.budget)

    def at_most(self, level: float) -> "Look":
        """The same look, judged at no more than a level."""
        if alpha_at(self.budget, self.number) <= level:
            return self
        return Look(number=self.number, budget=level * (pi * self.number) ** 2 / 6)


def alpha_at(budget: float, look: int) -> float:
    """The k-th look's share: 6·budget/(π²k²), which sums to the budget over all k."""
    return 6 * budget / (pi * look) ** 2


def next_look(looks: Sequence[ChampionLooks], champion: Digest | None, alpha: float) -> Look:
    """Which look the next one is, after all earlier ones at this eval set.

    A champion's looks share a budget. The first champion's is alpha, so that equal challengers are
    ever promoted with a probability of at most alpha. A promotion is a new null hypothesis and
    earns alpha anew, while the looks that failed before stay paid for: alpha-investing (Foster &
    Stine 2008, J. R. Stat. Soc. B 70), by which E[false promotions] ≤ alpha · (E[promotions] + 1).
    When a rollback takes back what was spent already, next to nothing is left: the set is worn out.
    A budget never grows between two looks of one champion, so no policy that is chosen after a
    look has more to spend; and no look spends more than all looks together have left, so champions
    that take turns do not either.
    """
    others = [look for look in looks if look.champion != champion]
    earned = alpha * (1 + sum(look.promoted for look in others))
    budget = max(earned - sum(look.spent for look in others), LEAST * alpha)
    earlier = [look for look in looks if look.champion == champion]
    budget = min([budget, *(look.budget for look in earlier if look.budget is not None)])
    taken = Look(number=sum(look.count for look in earlier) + 1, budget=budget)
    left = alpha * (1 + sum(look.promoted for look in looks)) - sum(look.spent for look in looks)
    return taken.at_most(max(left, alpha_at(LEAST * alpha, taken.number)))
