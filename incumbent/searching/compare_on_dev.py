"""Adapters trained aside, measured and compared on dev."""

import gc
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import sqrt
from pathlib import Path
from traceback import clear_frames

import numpy as np

from evaluation.decision.policy import Policy
from evaluation.decision.statistics import Array, bounds, paired
from evaluation.evaluation_settings import Decoding, ScoringParams
from evaluation.generation.answers import Answer, versions
from evaluation.generation.retrieved_passages import asked_with
from evaluation.generation.systems import respondent
from evaluation.score import directions
from evaluation.scoring.scorers import Scorer, load_scorers, score
from incumbent.searching.pace import SftSettings
from project.bare_base import bare_base
from project.canonical import digest_bytes, digest_folder, digest_json
from project.errors import IncumbentError, InputError
from project.files import home, staged_folder
from project.model_pins import pinned_folder
from project.paths import EMBEDDER, NUMERICS, rows_of, step_of
from project.records.adapters import Contestant, ModelPin, Numerics
from project.records.data import Row, Split
from project.records.evidence import by_people
from project.records.record import Record
from project.records.scores import Better
from project.settings import PARAMS, load
from project.shown_passages import all_with_passages
from training.recipe import START_FILE
from training.steps.earlier import Earlier, newest_before
from training.training_settings import AdapterParams, DomainParams

# --- differences on dev ---------------------------------------------------------------------------


class DifferenceOnDev(Record):
    """How much better one thing is than another; above 0 it is, in any metric."""

    diff: float
    low: float  # of the interval
    high: float

    def __str__(self) -> str:
        return f"{self.diff:+.3f} [{self.low:+.3f}, {self.high:+.3f}]"


def difference_on_dev(apart: Array, groups: Sequence[str], alpha: float) -> DifferenceOnDev:
    """Of differences [draws, items], with one-sided bounds at alpha on both sides.

    The error is clustered by the items' groups; with several draws, what these differ by is added,
    on Satterthwaite's degrees of freedom. With one draw it says nothing about another draw.
    """
    estimate = paired(apart.mean(axis=0), groups)
    low, high = bounds(
        estimate.diff, *with_draws(estimate.se, estimate.df, apart.mean(axis=1)), alpha
    )
    return DifferenceOnDev(diff=estimate.diff, low=low, high=high)


def with_draws(se: float, df: float, draws: Array) -> tuple[float, float]:
    """Standard error and degrees of freedom with the variance of the draws' mean added."""
    if len(draws) < 2:
        return se, df
    between = float(draws.var(ddof=1)) / len(draws)
    total = se**2 + between
    if total == 0:
        return se, df
    return sqrt(total), total**2 / (se**4 / df + between**2 / (len(draws) - 1))


def against(
    first: Mapping[str, Sequence[float]],
    other: Mapping[str, Sequence[float]],
    groups: Sequence[str],
    better: Mapping[str, Better],
    alpha: float,
) -> dict[str, DifferenceOnDev]:
    """Differences of items' values in each metric that has a better way."""
    differences = {}
    for name, values in other.items():
        if (way := better.get(name, "neither")) == "neither" or name not in first:
            continue
        apart = (-1 if way == "less" else 1) * (np.array([values]) - np.array(first[name]))
        differences[name] = difference_on_dev(apart, groups, alpha)
    return differences


# --- trained aside --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Aside:
    """What adapters that are trained aside stand on."""

    base: Contestant  # without an adapter
    numerics: Numerics
    earlier: Earlier  # the adapter that they go on from

    def answers(self, folder: Path | None, items: Sequence[Row], label: str) -> list[Answer]:
        """Of the adapter in a folder, or without one of the base."""
        asked = self.base.model_copy(update={"adapter": folder and digest_folder(folder)})
        return respondent(asked, folder, load(Decoding), self.numerics).answers(items, label)


def aside_here(*, from_champion: bool) -> Aside:
    """As the project has it: on what step `domain` left, if anything.

    `from_champion`: also on the champion's adapter, where training starts from it. What is to tell
    how much rows teach must not start with an adapter that has learnt them.
    """
    earlier = earlier_here()
    if earlier.start and not from_champion:
        earlier = Earlier()
    return Aside(bare_base(), Numerics.read(NUMERICS), earlier)


def earlier_here() -> Earlier:
    """Raises InputError where the pipeline has not made yet what training goes on from."""
    starts = load(AdapterParams).start == "champion" or load(DomainParams).epochs
    there = START_FILE.exists() and (step_of("domain") / "step.json").exists()
    if starts and not there:
        raise InputError(
            "training goes on from an adapter that is not there: run `dvc repro domain` first",
            file=step_of("domain") / "step.json",
        )
    return newest_before("sft") if there else Earlier()


def train_aside(rows: Sequence[Row], aside: Aside, settings: SftSettings) -> Path:
    """The folder of an adapter that learnt all these rows; one that is there is kept."""
    settings = as_needed(settings)
    folder = adapter_folder(rows, aside, settings)
    if not folder.exists():
        with staged_folder(folder) as draft:
            train(rows, aside, settings, draft)
    return folder


def as_needed(settings: SftSettings) -> SftSettings:
    """The settings without a limit of rows, and without measurements that nothing needs."""
    settings = replace(settings, sft=settings.sft.model_copy(update={"rows": None}))
    if settings.sft.patience is not None:
        return settings
    return SftSettings(settings.adapter, settings.sft.model_copy(update={"evaluations": 0}))


def adapter_folder(rows: Sequence[Row], aside: Aside, settings: SftSettings) -> Path:
    earlier = aside.earlier.folder
    key = digest_json(
        [
            aside.base.digest,
            aside.numerics.digest,
            settings.adapter.digest,
            settings.sft.digest,
            earlier and digest_folder(earlier),
            digest_bytes(b"\n".join(row.canonical() for row in rows)),
            versions(),
        ]
    )
    return home() / "selection" / "adapters" / key[:32]


def train(rows: Sequence[Row], aside: Aside, settings: SftSettings, folder: Path) -> None:
    """Raises IncumbentError where training fails, or the GPU has no memory for it."""
    # Imported here because it takes seconds, and whoever finds the adapter trained need not wait.
    from training.steps.run_step import StepContext
    from training.steps.sft_step import train_sft

    ground = StepContext(aside.base, aside.numerics, settings.adapter, aside.earlier)
    dev = Row.read_lines(rows_of(Split.DEV)) if settings.sft.evaluations else ()
    try:
        with full_gpu_told():
            train_sft(rows, dev, ground, settings.sft, folder)
    finally:
        gc.collect()  # a trainer is full of circles, and the next one wants its memory


@contextmanager
def full_gpu_told() -> Iterator[None]:
    """Raise IncumbentError where a GPU's memory is full: with other settings it may not be."""
    import torch  # as above

    try:
        yield
    except torch.OutOfMemoryError as error:
        clear_frames(error.__traceback__)  # they hold the model and the trainer
        first = str(error).partition("\n")[0]
        raise IncumbentError(f"the GPU has no memory for it: {first}") from None


def answered(
    name: str, rows: Sequence[Row], items: Sequence[Row], aside: Aside, settings: SftSettings
) -> list[Answer]:
    """What an adapter that learnt these rows, and all of them, answers to dev."""
    print(f"training an adapter on {name}", file=sys.stderr)
    return aside.answers(train_aside(rows, aside, settings), items, f"{name}, dev")


# --- dev measure ----------------------------------------------------------------------------------

# What an adapter gets on each dev item: the loss of the reference, or a scorer's metric.

LOSS = "loss"  # of a token of the references, in nats; the mean of an item's tokens

# An adapter's folder -> what each item gets, in the order of the items.
Measure = Callable[[Path], tuple[float, ...]]


def asked_dev(by: Contestant | None = None) -> Sequence[Row]:
    """The items with the passages that the index of a contestant, or the project's, has for them,
    where there is one.
    """
    return asked_with(Row.read_lines(rows_of(Split.DEV)), by or bare_base())


def dev_items(by: Contestant | None = None) -> Sequence[Row]:
    """Raises InputError where there are too few to tell adapters apart."""
    items = asked_dev(by)
    if len({row.group for row in items}) < 2:
        raise InputError("has too few items to compare adapters on", file=rows_of(Split.DEV))
    return items


def scorers_here() -> tuple[list[Scorer], dict[str, Better]]:
    """The project's, and which way each of their metrics is better."""
    embedder = pinned_folder(ModelPin.read(EMBEDDER), "embedder")
    scorers = load_scorers(load(ScoringParams), embedder)
    return scorers, directions(scorers)


def judging(policy: Policy, better: Mapping[str, Better], items: Sequence[Row]) -> tuple[str, ...]:
    """The gating metrics that scorers give. Raises InputError where these, or dev, say nothing.

    A preference is no part of it, as its source was calibrated for other answers than these; nor is
    what people rate.
    """
    if len({row.group for row in items}) < 2:
        raise InputError(
            "has too few items to compare on: use --no-compare", file=rows_of(Split.DEV)
        )
    named = tuple(name for name in policy.gating if not by_people(name))
    if not named or not all(better.get(name, "neither") != "neither" for name in named):
        problem = "names no metric, beside preference, that a scorer gives: use --no-compare"
        raise InputError(problem, file=PARAMS, field="evaluation.policy.gating")
    return named


def measure_by(
    metric: str, items: Sequence[Row], aside: Aside, field: str = "search.metric"
) -> tuple[Measure, Better]:
    """How to measure by a metric, and which way it is better. Raises InputError without one."""
    if metric == LOSS:
        return (lambda folder: losses(items, aside, folder)), "less"
    scorers, better = scorers_here()
    ways = {name: way for name, way in better.items() if way != "neither"}
    if metric not in ways:
        problem = f"{metric!r} is no metric with a better way; there are {', '.join([LOSS, *ways])}"
        file = PARAMS if field == "search.metric" else None
        raise InputError(problem, file=file, field=field)

    def measured(folder: Path) -> tuple[float, ...]:
        answers = aside.answers(folder, items, "answering dev")
        return score(scorers, items, answers).values[metric]

    return measured, ways[metric]


def losses(items: Sequence[Row], aside: Aside, folder: Path | None) -> tuple[float, ...]:
    """Of each item's reference, by an adapter or the base. Raises InputError if unreadable."""
    # Imported here so that whoever finds all trials done does not wait for torch.
    from evaluation.generation.answering_model import AnsweringModel, refuse_other_machine

    refuse_other_machine(aside.numerics)
    base, prompt = pinned_folder(aside.base.base, "base"), aside.base.system_prompt
    decoding = Decoding(max_new_tokens=1, batch_size=load(Decoding).batch_size)
    model = AnsweringModel(base, folder, decoding, aside.numerics.precision, prompt)
    logprobs = model.reference_logprobs(all_with_passages(items, aside.base.evidence_template))
    for row, logprob in zip(items, logprobs, strict=True):
        if logprob is None:
            problem = f"{row} is not to be read as prompt and answer by the base's chat template"
            raise InputError(f"{problem}: choose another search.metric", file=rows_of(Split.DEV))
    return tuple(-logprob for logprob in logprobs if logprob is not None)
