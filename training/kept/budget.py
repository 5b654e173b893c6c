"""What all steps of an adapter may cost together, and whether that is spent."""

from dataclasses import dataclass

from training.training_settings import LimitsParams


@dataclass(frozen=True)
class Budget:
    """A limit in minutes, or in money by the price of an hour: the one that is reached first."""

    limits: LimitsParams

    @property
    def setting(self) -> str:
        """The one that is reached first."""
        by_money = self.minutes_of_money
        by_time = self.limits.minutes
        if by_money is not None and (by_time is None or by_money < by_time):
            return "training.limits.money"
        return "training.limits.minutes"

    @property
    def minutes(self) -> float | None:
        """None: no limit."""
        known = [m for m in (self.limits.minutes, self.minutes_of_money) if m is not None]
        return min(known, default=None)

    @property
    def minutes_of_money(self) -> float | None:
        money = self.limits.money
        return None if money is None else money / self.limits.price * 60

    def __str__(self) -> str:
        if self.setting == "training.limits.money":
            return f"{self.limits.money:g} in money"
        return f"{self.limits.minutes:g} min"

    def spent(self, earlier: float, here: float) -> bool:
        """By minutes of the steps before, and of this one."""
        return self.minutes is not None and earlier + here >= self.minutes

    def too_little(self, earlier: float, estimate: float) -> str | None:
        """A warning where a step is not expected to end within the budget."""
        if self.minutes is None or earlier + estimate <= self.minutes:
            return None
        before = f" after {earlier:.1f} min of the steps before" if earlier else ""
        return (
            f"about {estimate:.0f} min{before} is more than the budget of {self}: training will "
            f"stop there, with a checkpoint; {self.setting} raises it"
        )

    def told(self, earlier: float, here: float, expected: float, kept: str) -> str:
        """What is said when it is spent: minutes, those that the step would take, what is kept."""
        before = f", and {earlier:.1f} min of the steps before" if earlier else ""
        return (
            f"the budget of {self} is spent after {here:.1f} of about {expected:.0f} min{before}; "
            f"{kept}: raise {self.setting} and run again to go on"
        )
