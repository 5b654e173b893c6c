"""The policy of promotion: what a challenger must show, and how sure we must be."""

from typing import Literal, Self

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, model_validator

from project.settings import Settings

Probability = float
NEITHER_IS_BETTER = {"words", "characters"}
LESS_IS_BETTER = {"perplexity": "reference_logprob", "refusal": "answered", "empty": "answered"}


class Policy(Settings):
    """More is better in every gating metric; a preference gates by its mean less one half."""

    kind: Literal["strict", "guarded"] = "strict"
    gating: tuple[str, ...] = Field(default=("rougeL", "semantic", "preference"), min_length=1)
    alpha: Probability = Field(default=0.05, gt=0, lt=0.5)  # over all openings of one exam
    alpha_floor: Probability = Field(default=0.0005, gt=0)  # below it the exam is spent
    # The level of the one-sided test on dev that lets a challenger sit the sealed exam.
    qualify: Probability = Field(default=0.2, gt=0, le=0.5)
    margins: dict[str, NonNegativeFloat] = Field(default_factory=dict)  # 0 where none is named
    # The least mean that the challenger may have, per metric.
    floors: dict[str, float] = Field(default_factory=dict)
    # "key=value" -> the least number of items that the slice must have.
    critical_slices: dict[str, PositiveInt] = Field(default_factory=dict)
    slice_margin: NonNegativeFloat = 0.05  # a critical slice may lose no more than this
    general_margin: NonNegativeFloat = 0.1  # nor may general ability
    # All promotions together may lose no more than this against the fixed reference, per metric.
    regression_budget: NonNegativeFloat = 0.05
    # Judge a preference by its mean and error, or by wins and losses at any time (for ballots).
    preference_test: Literal["t", "e-value"] = "t"
    unjudged_cap: float = Field(default=0.1, ge=0, le=1)  # the share that may lack a preference
    effect: PositiveFloat = 0.02  # the smallest difference worth waiting for
    power: Probability = Field(default=0.8, gt=0, lt=1)  # to find it, for items still needed

    @model_validator(mode="after")
    def names_are_consistent(self) -> Self:
        if self.kind == "guarded" and "preference" not in self.gating:
            raise ValueError("policy 'guarded' needs 'preference' among the gating metrics")
        for metric in self.gating:
            if metric in NEITHER_IS_BETTER:
                raise ValueError(f"more {metric!r} are neither better nor worse: they cannot gate")
            if metric in LESS_IS_BETTER:
                better = LESS_IS_BETTER[metric]
                raise ValueError(f"less {metric!r} is better, so gate on {better!r} instead")
        if self.preference_test == "e-value" and self.margins.get("preference"):
            raise ValueError("an e-value knows no margin, and one is given for 'preference'")
        if unknown := sorted(self.margins.keys() - set(self.gating)):
            raise ValueError(f"a margin for {unknown[0]!r}, which is no gating metric")
        return self

    def margin(self, metric: str) -> float:
        return self.margins.get(metric, 0.0)

    def threshold(self, metric: str) -> float:
        """The difference that a gating metric's lower bound must exceed."""
        tolerant = self.kind == "guarded" and metric != "preference"
        return -self.margin(metric) if tolerant else self.margin(metric)
