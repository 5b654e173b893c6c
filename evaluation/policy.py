"""The policy of promotion: what a challenger must show, and how sure we must be."""

from typing import Literal, Self

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, model_validator

from registry.params import Settings

Probability = float


class Policy(Settings):
    kind: Literal["strict", "guarded"] = "strict"
    gating: tuple[str, ...] = Field(default=("rougeL", "semantic", "preference"), min_length=1)
    alpha: Probability = Field(default=0.05, gt=0, lt=0.5)  # over all openings of one exam
    alpha_floor: Probability = Field(default=0.0005, gt=0)  # below it the exam is spent
    margins: dict[str, NonNegativeFloat] = Field(default_factory=dict)  # 0 where none is named
    # The least mean that the challenger may have, per metric.
    floors: dict[str, float] = Field(default_factory=dict)
    # "key=value" -> the least number of items that the slice must have.
    critical_slices: dict[str, PositiveInt] = Field(default_factory=dict)
    slice_margin: NonNegativeFloat = 0.05  # a critical slice may lose no more than this
    effect: PositiveFloat = 0.02  # the smallest difference worth waiting for
    power: Probability = Field(default=0.8, gt=0, lt=1)  # to find it, for items still needed

    @model_validator(mode="after")
    def names_are_consistent(self) -> Self:
        if self.kind == "guarded" and "preference" not in self.gating:
            raise ValueError("policy 'guarded' needs 'preference' among the gating metrics")
        if unknown := sorted(self.margins.keys() - set(self.gating)):
            raise ValueError(f"a margin for {unknown[0]!r}, which is no gating metric")
        return self

    def margin(self, metric: str) -> float:
        return self.margins.get(metric, 0.0)

    def threshold(self, metric: str) -> float:
        """The difference that a gating metric's lower bound must exceed."""
        tolerant = self.kind == "guarded" and metric != "preference"
        return -self.margin(metric) if tolerant else self.margin(metric)
