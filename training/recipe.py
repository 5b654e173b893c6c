"""What training starts from, all that decides an adapter's bytes, and what one step of it left."""

from collections.abc import Iterable
from math import exp
from typing import Annotated, Any, Generic, Literal, TypeVar

from project.canonical import digest_json
from project.paths import START
from project.records.adapters import Contestant, Engine, ModelPin, Numerics
from project.records.data import Row
from project.records.record import LATER, Digest, Record
from training.training_settings import (
    AdapterParams,
    DistillParams,
    DomainParams,
    DpoParams,
    GrpoParams,
    KtoParams,
    SftParams,
    StepParams,
)

StepName = Literal["domain", "sft", "distill", "dpo", "kto", "grpo"]
# In the order in which they run.
STEPS: tuple[StepName, ...] = ("domain", "sft", "distill", "dpo", "kto", "grpo")

P = TypeVar("P", bound=StepParams)


class TrainedStep(Record, Generic[P]):
    """A step that was taken: what it learnt from, and how."""

    data: Digest  # of all that it learnt from, in this order
    params: P
    # Examples of a pass, where the GPU had no memory for params.batch_size of them: so many passes
    # more make a step, and other roundings other bytes.
    micro_batch: Annotated[int | None, LATER] = None
    teacher: Annotated[Contestant | None, LATER] = None  # whom it was distilled from
    # That drew the answers it learnt from, where the trainer did not: it may draw others each time.
    engine: Annotated[Engine | None, LATER] = None


# The kind of record that each step leaves in a recipe.
STEP: dict[StepName, Any] = {
    "domain": TrainedStep[DomainParams],
    "sft": TrainedStep[SftParams],
    "distill": TrainedStep[DistillParams],
    "dpo": TrainedStep[DpoParams],
    "kto": TrainedStep[KtoParams],
    "grpo": TrainedStep[GrpoParams],
}


class Recipe(Record):
    """Everything that decides an adapter's bytes: each step that was taken, in the order of STEPS.

    It lies in the adapter's folder as recipe.json.
    """

    base: ModelPin
    numerics: Numerics
    adapter: AdapterParams
    start: Annotated[Digest | None, LATER] = None  # the champion's adapter that it went on from
    system_prompt: Annotated[str | None, LATER] = None  # in front of every row
    evidence_template: Annotated[str | None, LATER] = None  # how rows' passages were shown
    # How tools were shown to a base whose chat template does not know them.
    tool_form: Annotated[str | None, LATER] = None
    domain: Annotated[TrainedStep[DomainParams] | None, LATER] = None
    sft: Annotated[TrainedStep[SftParams] | None, LATER] = None
    distill: Annotated[TrainedStep[DistillParams] | None, LATER] = None
    dpo: Annotated[TrainedStep[DpoParams] | None, LATER] = None
    kto: Annotated[TrainedStep[KtoParams] | None, LATER] = None
    grpo: Annotated[TrainedStep[GrpoParams] | None, LATER] = None

    @property
    def taken(self) -> tuple[StepName, ...]:
        return tuple(name for name in STEPS if getattr(self, name) is not None)


class StepRecord(Record):
    """What a step left: the files of its adapter, or nothing where it was left out.

    The same inputs give the same bytes: how long it took stands in `.incumbent/`.
    """

    step: StepName
    adapter: Digest | None = None  # of the folder beside this; None: the step was left out
    recipe: Annotated[Recipe | None, LATER] = None
    tokens: Annotated[int | None, LATER] = None  # that went through the model, padding left out
    optimizer_steps: Annotated[int | None, LATER] = None
    # The loss on what was held out, a token, before, after; None: nothing was.
    loss_before: Annotated[float | None, LATER] = None
    loss_after: Annotated[float | None, LATER] = None
    # Where nothing was: the loss that the first step and the last one were taken by.
    loss_of_first_step: Annotated[float | None, LATER] = None
    loss_of_last_step: Annotated[float | None, LATER] = None
    # Of step `grpo`: mean of each reward, and of their weighted sum as "reward", over the first
    # tenth of the optimiser's steps and over the last one.
    rewards_before: Annotated[dict[str, float] | None, LATER] = None
    rewards_after: Annotated[dict[str, float] | None, LATER] = None
    groups: Annotated[int | None, LATER] = None  # of answers to one prompt
    groups_without_spread: Annotated[int | None, LATER] = None  # all rewarded alike: none teaches
    # That trained it together, where there were several: the order of their sums is another.
    processes: Annotated[int | None, LATER] = None

    def __str__(self) -> str:
        if self.adapter is None:
            return f"{self.step}: left out"
        if self.rewards_before and self.rewards_after:
            names = sorted(self.rewards_before, key="reward".__ne__)
            before, after = self.rewards_before, self.rewards_after
            told = [f"{name} {before[name]:.3f}, then {after[name]:.3f}" for name in names]
            silent = f"{self.groups_without_spread} of {self.groups} groups had no spread"
            return f"{self.step}: mean {'; '.join(told)}; {silent}"
        if self.loss_before is None or self.loss_after is None:
            return f"{self.step}: {self.loss_by_the_way}"
        fell = f"{self.loss_before:.3f}, then {self.loss_after:.3f}"
        then = f"{exp(self.loss_before):.1f}, then {exp(self.loss_after):.1f}"
        return f"{self.step}: loss a token on what it did not learn {fell} (perplexity {then})"

    @property
    def loss_by_the_way(self) -> str:
        """What is known of the loss where nothing was held out."""
        first, last = self.loss_of_first_step, self.loss_of_last_step
        if first is None or last is None:
            return "no loss was measured"
        return f"loss {first:.3f} at its first step, {last:.3f} at its last; nothing was held out"


# --- start record ---------------------------------------------------------------------------------

# What training starts from and who teaches, as stage `start` writes it and the steps read it.

START_FILE = START / "start.json"
START_ADAPTER = START / "adapter"  # there where training starts from an adapter

RowDigest = str  # the first 16 hex digits of the digest of what a row says


class LearntRows(Record):
    """The rows that an adapter has learnt, itself or the adapters that it went on from.

    The registry keeps it with a version: it tells new rows from old ones, and holds no text.
    """

    learnt: tuple[RowDigest, ...]  # sorted

    @classmethod
    def of(cls, rows: Iterable[Row], before: Iterable[RowDigest] = ()) -> "LearntRows":
        return cls(learnt=tuple(sorted({*before, *map(row_digest, rows)})))


class TrainingStart(Record):
    """The champion's adapter, or that of an earlier version; without one it is the bare base."""

    adapter: Digest | None = None  # of the folder beside this
    version: int | None = None
    known: tuple[RowDigest, ...] = ()  # that the adapter has learnt; empty where nobody recorded it

    @property
    def label(self) -> str:
        return f"version {self.version}" if self.adapter else "the base"


class Teacher(Record):
    """Whom step `distill` learns from, as stage `start` found it; without a contestant nobody."""

    contestant: Contestant | None = None
    version: int | None = None


def row_digest(row: Row) -> RowDigest:
    """A digest of prompt, answer, passages and tools: with a better answer, or on other passages,
    it is a new row, whatever its id.
    """
    shown = filter(None, [row.evidence_digest, row.tools_digest])
    return digest_json([*row.texts, *shown])[:16]
