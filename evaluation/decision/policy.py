"""The policy of promotion: what a challenger must show, and how sure we must be."""

from collections.abc import Collection
from typing import Annotated, Literal, Self

from pydantic import (
    Field,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    field_validator,
    model_validator,
)

from evaluation.evaluation_settings import PreferenceParams
from project.errors import InputError
from project.records.ballots import RESPECTS
from project.records.evidence import PEOPLE, PREFERENCE, by_people, rated_by_people
from project.records.record import LATER
from project.records.scores import Better, Ends
from project.settings import Settings, setting_error

Probability = float
RATINGS = tuple(PEOPLE + respect for respect in RESPECTS)  # that a policy may gate on


class SuiteGuard(Settings):
    """What a challenger must show in one metric of a suite."""

    floor: float | None = None  # the least mean that it may have; the most where less is better
    # It may lose no more than this, neither against the champion nor against the bare base.
    margin: NonNegativeFloat | None = None

    @model_validator(mode="after")
    def guards_something(self) -> Self:
        if self.floor is None and self.margin is None:
            raise ValueError("needs a floor, a margin, or both")
        return self


class Policy(Settings):
    """What a challenger must show. A preference gates by its mean less one half."""

    # strict: every gating metric must be better by its margin. guarded: the preference must be
    # better, and the others worse by no more than their margins. replace: every one, the preference
    # too, may be worse by no more than its margin: for a champion that has to go.
    kind: Literal["strict", "guarded", "replace"] = "strict"
    # The metrics that decide; `preference` is what people, a judge or the reward model prefer.
    gating: tuple[str, ...] = Field(default=("rougeL", "semantic", "preference"), min_length=1)
    alpha: Probability = Field(default=0.05, gt=0, lt=0.5)  # shared by all looks of one champion
    # Under this level of a look a HOLD advises a fresh eval set. Whoever wins is promoted at any.
    alpha_floor: Probability = Field(default=0.0005, gt=0)
    # A challenger qualifies for a look at the sealed eval set by a one-sided test on dev, at this
    # level.
    qualify: Probability = Field(default=0.2, gt=0, le=0.5)
    margins: dict[str, NonNegativeFloat] = Field(default_factory=dict)  # 0 where none is named
    # What need not be better and may not be worse, whatever the kind: metric -> what it may lose
    # against the champion, which is shown as surely as a gain of a gating metric.
    guards: Annotated[dict[str, PositiveFloat] | None, LATER] = None
    # What `incumbent registry export --for` may lose on dev against what was judged: metric -> a
    # limit, shown as surely as a guard. Then every such export is judged.
    export_loss: Annotated[dict[str, PositiveFloat] | None, LATER] = None
    # The least mean that the challenger may have, per metric; the most where less is better.
    floors: dict[str, float] = Field(default_factory=dict)
    # "key=value" -> the least number of items that the slice must have.
    critical_slices: dict[str, PositiveInt] = Field(default_factory=dict)
    slice_margin: NonNegativeFloat = 0.05  # a critical slice may lose no more than this
    general_margin: NonNegativeFloat = 0.1  # nor may general ability
    # Of suites beside the eval sets, such as safety: suite -> metric -> what is guarded.
    suites: Annotated[dict[str, dict[str, SuiteGuard]] | None, LATER] = None
    # All promotions together may lose no more than this against the regression baseline.
    regression_budget: NonNegativeFloat = 0.05
    # Judge a preference by its mean and error, or by wins and losses at any time (for ballots).
    preference_test: Literal["t", "e-value"] = "t"
    # The share of the items that may lack a judgement or a score of a metric that is checked.
    # Those that do count as the challenger's worst.
    unjudged_cap: float = Field(default=0.02, ge=0, le=1)
    # Of metrics whose scorer does not say it: whether more or less is better.
    better: Annotated[dict[str, Better] | None, LATER] = None
    # Of metrics whose scorer does not say it: the least and the most that a score can be.
    ranges: Annotated[dict[str, Ends] | None, LATER] = None
    effect: float = Field(default=0.02, ge=1e-6)  # the smallest difference worth waiting for
    power: Probability = Field(default=0.8, gt=0, lt=1)  # to find it, for items still needed

    @field_validator("gating")
    @classmethod
    def people_rate_it(cls, gating: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := sorted(set(filter(rated_by_people, gating)) - set(RATINGS)):
            raise ValueError(
                f"people do not rate {unknown[0]!r}; what they rate is {', '.join(RATINGS)}"
            )
        return gating

    @field_validator("floors")
    @classmethod
    def ratings_have_none(cls, floors: dict[str, float]) -> dict[str, float]:
        if rated := sorted(filter(rated_by_people, floors)):
            raise ValueError(
                f"people's ratings, such as {rated[0]!r}, have no floor: name it in `gating`, with "
                "what it may lose in `margins`"
            )
        return floors

    @model_validator(mode="after")
    def names_are_consistent(self) -> Self:
        if self.kind == "guarded" and "preference" not in self.gating:
            raise ValueError("policy 'guarded' needs 'preference' among the gating metrics")
        if self.kind == "replace":
            self.check_replacing()
        if self.preference_test == "e-value" and self.margins.get("preference"):
            raise ValueError("an e-value knows no margin, and one is given for 'preference'")
        if unknown := sorted(self.margins.keys() - set(self.gating)):
            raise ValueError(f"a margin for {unknown[0]!r}, which is no gating metric")
        if twice := sorted(set(self.gating).intersection(self.guards or ())):
            raise ValueError(f"{twice[0]!r} gates and is guarded: leave it out of one of them")
        if voted := sorted(filter(by_people, self.guards or ())):
            raise ValueError(f"{voted[0]!r} rests on a judge or people: it can gate, as no guard")
        if voted := sorted(filter(by_people, self.export_loss or ())):
            raise ValueError(f"{voted[0]!r} rests on a judge or people, and limits no export")
        return self

    def check_replacing(self) -> None:
        """Raise ValueError where being no worse would have to be shown without a margin."""
        if missing := [metric for metric in self.gating if not self.margin(metric)]:
            raise ValueError(
                f"policy 'replace' needs a margin for {missing[0]!r}: what it may lose at most"
            )
        if self.preference_test == "e-value":
            raise ValueError("policy 'replace' needs preference_test 't': an e-value has no margin")

    @property
    def checked(self) -> tuple[str, ...]:
        """Every metric that can stand in the way of a promotion by what it lost."""
        return (*self.gating, *(self.guards or ()))

    @property
    def gates_on_votes(self) -> bool:
        """Whether people's votes, where they are the source, have a part in a promotion."""
        return any(map(by_people, self.gating))

    @property
    def ratings(self) -> tuple[str, ...]:
        """What people rate, of that which gates."""
        return tuple(filter(rated_by_people, self.gating))

    def margin(self, metric: str) -> float:
        return self.margins.get(metric, 0.0)

    def threshold(self, metric: str) -> float:
        """The difference that a gating metric's lower bound must exceed."""
        guarded = self.kind == "guarded" and metric != "preference"
        may_lose = guarded or self.kind == "replace"
        return -self.margin(metric) if may_lose else self.margin(metric)


# --- voting policy --------------------------------------------------------------------------------

# Whether votes that come in after a look are read: policy and source of preference must fit.

READ_BY = "votes that come in after a look are read by an e-value alone"


def votes_come_in(policy: Policy, params: PreferenceParams) -> bool:
    """Whether a look at the sealed items stays open for people's votes."""
    by_e_value = policy.preference_test == "e-value"
    return params.asks_people and by_e_value and policy.gates_on_votes


ONLY_PEOPLE = (
    "a model that learnt to please a judge cannot be judged by it: preference may reward only "
    "where nobody but people decides; set evaluation.preference.source to ballots, without a file "
    "and without a judge, and gate on preference by evaluation.policy.preference_test: e-value"
)


def refuse_unread_votes(
    policy: Policy, params: PreferenceParams, rewards: Collection[str] = ()
) -> None:
    """Raise InputError naming file, line and field where a policy waits for votes that nobody is
    asked for; and where preference rewards in training, and not people alone say who is preferred
    when it is decided.
    """
    come_in = votes_come_in(policy, params)
    for metric in () if come_in else policy.ratings:
        raise misfit(
            f"nobody is asked to rate {metric!r}: set evaluation.preference.source to ballots or "
            "people+judge, and evaluation.policy.preference_test to e-value",
            "gating",
        )
    if PREFERENCE in policy.gating and params.votes_on_page and not come_in:
        raise misfit(
            f"people vote on the page (evaluation.preference.source: {params.source}), and "
            f"{READ_BY}: set it to e-value",
            "preference_test",
        )
    by_people = come_in and params.source == "ballots" and params.judged_by == "reward"
    if PREFERENCE in rewards and not by_people:
        raise setting_error(ONLY_PEOPLE, "training", "grpo", "rewards", PREFERENCE)


def misfit(problem: str, field: str) -> InputError:
    return setting_error(problem, "evaluation", "policy", field)
