"""What every candidate base is asked, and measured by."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

from evaluation.decision.policy import Policy
from evaluation.evaluation_settings import MetricChoice, ScoringParams
from evaluation.score import directions
from evaluation.scoring.scorers import Scorer, load_scorers
from incumbent.searching.dev_measure import dev_items
from incumbent.selecting.candidates import gated_dataset
from incumbent.selecting.compare_on_dev import judging
from incumbent.selecting.sft_settings import SftSettings, load_sft_settings
from project.errors import InputError
from project.model_pins import ModelChoice, pin, pinned_folder
from project.paths import rows_of
from project.records.adapters import Numerics
from project.records.data import Row, Split
from project.records.scores import Better
from project.settings import load
from training.precision import choose_numerics

OF_ANY_TOKENIZER = "bits_per_byte"  # always measured: other likelihoods hang on the tokenizer


@dataclass(frozen=True)
class Question:
    """Of one ranking."""

    items: Sequence[Row]
    shots: int
    scorers: Sequence[Scorer]
    better: Mapping[str, Better]
    by: str  # the metric that ranks
    numerics: Numerics
    settings: SftSettings
    policy: Policy

    @classmethod
    def here(cls, shots: int, by: str | None) -> Self:
        """Of the project, whose own base need not be among the candidates.

        Raises InputError where there is no dev set, and for a metric that nothing is ranked by.
        """
        gated_dataset()
        items, policy, scoring = dev_items(), load(Policy), load(ScoringParams)
        if OF_ANY_TOKENIZER not in [choice.metric for choice in scoring.metrics]:
            more = (*scoring.metrics, MetricChoice(metric=OF_ANY_TOKENIZER))
            scoring = scoring.model_copy(update={"metrics": more})
        embedder = pin(load(ModelChoice), "embedder")
        scorers = load_scorers(scoring, pinned_folder(embedder, "embedder"))
        better = comparable(scorers)
        if by is not None and by not in better:
            problem = f"{by!r} cannot rank bases; there are {', '.join(better)}"
            raise InputError(problem, field="--by")
        named = by or judging(policy, better, items)[0]
        settings = load_sft_settings()
        return cls(items, shots, scorers, better, named, choose_numerics(), settings, policy)

    @cached_property
    def rows(self) -> Sequence[Row]:
        """That an adapter would learn."""
        return Row.read_lines(rows_of(Split.TRAIN))[: self.settings.sft.rows]

    @property
    def groups(self) -> list[str]:
        return [row.group for row in self.items]


def comparable(scorers: Sequence[Scorer]) -> dict[str, Better]:
    """The metrics that have a better way, also between two tokenizers."""
    per_token = {name for one in scorers for name in getattr(one.metric, "per_token", ())}
    return {
        name: way
        for name, way in directions(scorers).items()
        if way != "neither" and name not in per_token
    }
