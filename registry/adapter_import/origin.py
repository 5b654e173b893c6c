"""What is known of an adapter that was made elsewhere."""

from statistics import median
from typing import Literal

from project.records.record import Digest, Record

ABSURD = 1.0  # an update larger than the weight that it changes


class ModuleNorm(Record):
    """How far an adapter moves one module: Frobenius norms to six digits, which any machine has."""

    module: str
    update: float  # ‖scale · B·A‖
    weight: float  # of the base's weight

    @property
    def ratio(self) -> float:
        return self.update / self.weight if self.weight else float("inf")

    @property
    def absurd(self) -> bool:
        """Whether little can be left of what the base's module did."""
        return self.ratio > ABSURD

    def __str__(self) -> str:
        mark = ", absurd" if self.absurd else ""
        return f"{self.module}: {self.ratio:.3g} of the weight's norm{mark}"


class Origin(Record):
    """Stands where an adapter of ours names its recipe and its dataset: neither is known."""

    kind: Literal["imported"] = "imported"
    files: dict[str, Digest]  # as they were handed in, by name
    declared_base: str | None  # what its config said it is for, quoted; it was not followed
    norms: tuple[ModuleNorm, ...]

    @property
    def absurd(self) -> tuple[ModuleNorm, ...]:
        return tuple(norm for norm in self.norms if norm.absurd)

    def __str__(self) -> str:
        ratio = median(norm.ratio for norm in self.norms)
        return (
            f"imported: the data are not known; {len(self.norms)} modules, moved by {ratio:.3g} of "
            f"their norm in the median, {len(self.absurd)} of them absurdly far"
        )
