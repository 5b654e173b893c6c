"""Candidate bases on dev, one after the other, bare and with examples in their prompts."""

import gc
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean
from typing import Self

from evaluation.decision.policy import Policy
from evaluation.evaluation_settings import Decoding, MetricChoice, Prices, ScoringParams
from evaluation.generate import prompted
from evaluation.generation.answers import Model, Respondent
from evaluation.generation.systems import respondent
from evaluation.report.report_data import money
from evaluation.score import directions
from evaluation.scoring.scorers import Scorer, load_scorers, score
from incumbent.planning.workload import length
from incumbent.searching.base_candidates import (
    BaseRanking,
    BaseScores,
    Candidate,
    RankedBase,
    TrainingCost,
    ranked,
)
from incumbent.searching.compare_on_dev import against, dev_items, judging
from incumbent.searching.pace import (
    LOADING,
    Pace,
    SftSettings,
    gated_dataset,
    load_sft_settings,
    pace,
)
from project.bare_base import as_asked
from project.errors import IncumbentError, InputError
from project.model_pins import BaseChoice, ModelChoice, pin, pinned_folder
from project.paths import rows_of
from project.records.adapters import Numerics
from project.records.data import Row, Split
from project.records.evidence import Usage
from project.records.scores import Better
from project.settings import load
from training.cost.memory import training_peak
from training.precision import choose_numerics

# --- base question --------------------------------------------------------------------------------

# What every candidate base is asked, and measured by.

OF_ANY_TOKENIZER = "bits_per_byte"  # always measured: other likelihoods hang on the tokenizer


@dataclass(frozen=True)
class RankingSetup:
    """The setup of one ranking."""

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
        """The rows that an adapter would learn."""
        return Row.read_lines(rows_of(Split.TRAIN))[: self.settings.sft.rows]

    @property
    def groups(self) -> list[str]:
        return [row.group for row in self.items]


def comparable(scorers: Sequence[Scorer]) -> dict[str, Better]:
    """The metrics that have a better way, also between two tokenizers."""
    per_token = {name for scorer in scorers for name in getattr(scorer.metric, "per_token", ())}
    return {
        name: way
        for name, way in directions(scorers).items()
        if way != "neither" and name not in per_token
    }


# --- base asking ----------------------------------------------------------------------------------

Values = Mapping[str, Sequence[float]]  # of each dev item, by metric


def rank(candidates: Sequence[Candidate], question: RankingSetup) -> BaseRanking:
    """Ask them one after the other; answers are kept, so that an interrupted ranking goes on.

    Raises IncumbentError where none could be asked.
    """
    asked = [ask_base(candidate, question) for candidate in candidates]
    answered = [(base, values) for base, values in asked if values]
    if not answered:
        reasons = "; ".join(f"{base.name}: {base.problem}" for base, _ in asked)
        raise IncumbentError(f"none of these bases could be asked: {reasons}")
    first, values = answered[0]
    bases = [with_differences(base, other, values, question) for base, other in asked]
    return BaseRanking(
        bases=tuple(ranked(bases, question.by, question.better[question.by])),
        first=first.name,
        by=question.by,
        shots=question.shots,
        items=len(question.items),
        clusters=len(set(question.groups)),
        level=round(1 - 2 * question.policy.alpha, 6),
        better=dict(question.better),
    )


def ask_base(candidate: Candidate, question: RankingSetup) -> tuple[RankedBase, tuple[Values, ...]]:
    """A base with its scores and each item's, bare and few-shot; or with its problem."""
    base = unmeasured_base(candidate, question)
    if base.problem:
        print(f"{base.name} is left out: {base.problem}", file=sys.stderr)
        return base, ()
    system = system_of(candidate, question)
    try:
        ways = [way(system, prompt, rows, question) for prompt, rows in prompts(base, question)]
    except IncumbentError as error:
        print(f"{base.name} is left out: {error}", file=sys.stderr)
        return base.model_copy(update={"problem": str(error)}), ()
    finally:
        free(system)
    few_shot = ways[1][0] if len(ways) > 1 else None
    told = base.model_copy(update={"bare": ways[0][0], "few_shot": few_shot})
    return told, tuple(values for _, values in ways)


def unmeasured_base(candidate: Candidate, question: RankingSetup) -> RankedBase:
    """What is known of a base before it is loaded."""
    speed = None if candidate.pin is None else pace(question.numerics, candidate.choice)
    return RankedBase(
        name=candidate.name,
        model=candidate.choice.model,
        revision=candidate.choice.revision,
        license=candidate.license,
        weights=candidate.weights,
        problem=candidate.problem,
        bare=None,
        few_shot=None,
        training=training_cost(speed, question) if speed else None,
    )


def prompts(base: RankedBase, question: RankingSetup) -> list[tuple[str, Sequence[Row]]]:
    pairs: list[tuple[str, Sequence[Row]]] = [(base.name, question.items)]
    if question.shots:
        shown = f"{base.name} with {question.shots} examples"
        template = load(BaseChoice).evidence_template
        pairs.append((shown, prompted(question.items, question.shots, template)))
    return pairs


def way(
    system: Respondent, label: str, rows: Sequence[Row], question: RankingSetup
) -> tuple[BaseScores, Values]:
    answers = system.answers(rows, label)
    scorers = [scorer for scorer in question.scorers if scorer.can_read(answers)]
    scores = score(scorers, question.items, answers)
    values = {name: scores.values[name] for name in question.better if name in scores.values}
    taken = system.seconds(rows)
    seconds = None if taken is None else taken / len(rows)
    used = Usage(
        prompt=fmean(answer.prompt_tokens for answer in answers),
        answer=fmean(answer.tokens for answer in answers),
    )
    asked = BaseScores(
        scores={name: fmean(per_item) for name, per_item in values.items()},
        against_first={},
        prompt=used.prompt,
        answer=used.answer,
        seconds=seconds,
        money=money(used, seconds, load(Prices)),
    )
    return asked, values


def with_differences(
    base: RankedBase, own: Sequence[Values], first: Sequence[Values], question: RankingSetup
) -> RankedBase:
    """The base with differences to the first one, asked in the same way."""
    if own is first:
        return base
    changed = {}
    for name, scores, before, after in zip(
        ("bare", "few_shot"), base.asked, first, own, strict=False
    ):
        difference = against(before, after, question.groups, question.better, question.policy.alpha)
        changed[name] = scores.model_copy(update={"against_first": difference})
    return base.model_copy(update=changed)


def system_of(candidate: Candidate, question: RankingSetup) -> Respondent:
    assert candidate.pin, "a candidate without a problem is pinned"
    base = as_asked(candidate.pin, load(BaseChoice))
    system = respondent(base, None, load(Decoding), question.numerics)
    system.load = in_words(system.load)
    return system


def in_words(load_model: Callable[[], Model]) -> Callable[[], Model]:
    """The same, where transformers knows no such model or has no room for it told as bad input."""

    def loaded() -> Model:
        try:
            return load_model()
        except (ImportError, KeyError, OSError, RuntimeError, ValueError) as error:
            first = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise InputError(f"cannot be loaded: {first}") from error

    return loaded


def free(system: Respondent) -> None:
    """The next base wants the memory."""
    system.model = None
    gc.collect()
    if "torch" in sys.modules:
        import torch  # which brought the model, and is not loaded for this alone

        if torch.cuda.is_available():
            torch.cuda.empty_cache()


# --- base cost ------------------------------------------------------------------------------------

# What candidate bases take: an adapter on one, and how long it is until all have answered.


def training_cost(pace: Pace, question: RankingSetup) -> TrainingCost:
    """The cost of one adapter, with tokens as the project's own base counts them."""
    work = pace.work(question.rows, question.settings)
    peak = training_peak(pace.setup(question.settings, work))
    return TrainingCost(
        minutes=pace.learning(question.rows, question.settings),
        peak_bytes=peak.total,
        fits=peak.fits(pace.on.memory),
    )


def expected(candidates: Sequence[Candidate], question: RankingSetup) -> float | None:
    """Minutes of all answers; None where a base is of a kind that nothing is known of."""
    total = 0.0
    for candidate in (candidate for candidate in candidates if candidate.problem is None):
        speed = pace(question.numerics, candidate.choice)
        if speed is None:
            return None
        total += speed.answering(question.items) + LOADING
        if question.shots:
            shown = question.shots * len(question.items) * mean_tokens(speed, question.rows)
            total += speed.answering(question.items) + speed.reading_tokens(2 * shown)
    return total


def mean_tokens(pace: Pace, rows: Sequence[Row]) -> float:
    return fmean([length(count) for count in pace.known(rows)] or [0])
