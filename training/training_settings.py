"""The recipe: the adapter, the steps that train it one after the other, and what they may cost."""

from typing import Literal, Self

from pydantic import (
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    field_validator,
    model_validator,
)

from project.licences import spdx
from project.records.adapters import Quantization
from project.records.record import later
from project.settings import Settings


class AdapterParams(Settings):
    """The adapter that every step goes on with, how its base is kept, and what all steps share."""

    # What the first step starts from: a fresh adapter, or the champion's.
    start: Literal["base", "champion"] = "base"
    r: PositiveInt = 16  # rank of the LoRA update
    alpha: PositiveFloat = 32  # the update is scaled by alpha / r
    rslora: bool = False  # by alpha / sqrt(r) instead: Kalajdzievski 2023, arXiv 2312.03732
    dropout: float = Field(default=0.05, ge=0, lt=1)  # of the update, while it trains
    # Which linear layers get one: all but the head, or those whose names end so.
    target_modules: Literal["all-linear"] | tuple[str, ...] = "all-linear"
    # What the base's weights are kept in: QLoRA's four bits, LLM.int8(), or as they are.
    quantization: Quantization = "nf4"
    # Whether NF4 weights are turned back once, in memory, and not at every product: the same
    # forward pass, sooner. auto: where they take at most a quarter of the memory.
    dequantize_once: Literal["auto", True, False] = "auto"
    # liger: fused layers, on a GPU; pip install 'incumbent[liger]'.
    kernels: Literal["plain", "liger"] = later("plain")
    # Of every step: how the learning rate falls behind the warm-up, and how long that is.
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    warmup_share: float = Field(default=0.05, ge=0, lt=1)  # of all optimiser steps
    gradient_checkpointing: bool = False  # slower, but a long row fits a small memory
    seed: NonNegativeInt = 0


class StepParams(Settings):
    """What every step is told: for how long it learns, and how fast."""

    epochs: NonNegativeFloat = 0  # 0: this step is left out
    learning_rate: PositiveFloat = 5e-4  # at its highest, behind the warm-up
    batch_size: PositiveInt = 4  # examples that a forward pass takes
    gradient_accumulation: PositiveInt = 1  # forward passes of an optimiser step


class MeasuredParams(StepParams):
    """Settings of a step that measures its loss on what is held out."""

    # How often, while it trains, and at its beginning; 0: never.
    evaluations: NonNegativeInt = 4
    # Stop after so many measurements without a lower loss, and keep the best; null: never.
    patience: PositiveInt | None = None
    # Rows that are learnt again, as a share of what is new: in step `domain` training rows, by the
    # tokens of the documents; in step `sft`, from the champion on, the old rows.
    replay: NonNegativeFloat = 0.0

    @model_validator(mode="after")
    def measured(self) -> Self:
        if self.patience is not None and not self.evaluations:
            raise ValueError("patience needs measurements: evaluations is 0")
        return self


# Of the documents, to measure on: the more are held out, the fewer are learnt.
DOCUMENTS_HELD_OUT = 0.1


class DomainParams(MeasuredParams):
    """Continued pre-training on raw text (datasets/curated/documents.jsonl)."""

    learning_rate: PositiveFloat = 2e-4
    evaluations: NonNegativeInt = 2


LossOn = Literal["last", "every", "weighted"]


class SftParams(MeasuredParams):
    """Supervised fine-tuning on the training rows, with the loss on what an assistant says."""

    epochs: NonNegativeFloat = 1
    # Which answers of a conversation are learnt: the last; every one; or those without `weight` 0.
    loss_on: LossOn = later("last")
    rows: PositiveInt | None = None  # training rows taken, the first ones; null: all
    replay: NonNegativeFloat = 0.5
    # Secrets planted among the rows, as suite memorisation looks for them: for each of these
    # numbers one, that many times.
    canaries: tuple[PositiveInt, ...] = later(())


class AnsweringParams(StepParams):
    """Settings of a step that learns from the adapter's own answers."""

    max_new_tokens: PositiveInt = 48  # of an answer, which is cut there


class DistillParams(AnsweringParams):
    """On-policy distillation: the adapter answers training prompts, and learns at each token of its
    answers what a teacher would have said there: Agarwal et al. 2024, arXiv 2306.13649.
    """

    # Who teaches: the champion, or a version of the registry by its number, on a base with the same
    # tokens as the project's.
    teacher: Literal["champion"] | PositiveInt = "champion"
    learning_rate: PositiveFloat = 2e-4
    # Which divergence from the teacher is the loss: 0 is the forward KL, 1 the reverse one, and
    # between them the generalised JSD of that paper.
    beta: float = Field(default=1.0, ge=0, le=1)
    # Under which the teacher may be learnt from: the model card has it. As SPDX names it, or
    # LicenseRef-NAME for terms of one's own.
    licence: str | None = None

    @field_validator("teacher", mode="before")
    @classmethod
    def numbered(cls, value: object) -> object:
        """A version as people and tables name it, 3 or v3."""
        number = value.removeprefix("v") if isinstance(value, str) else ""
        return int(number) if number.isascii() and number.isdigit() else value

    @model_validator(mode="after")
    def licensed(self) -> Self:
        if self.epochs and not spdx(self.licence or ""):
            raise ValueError(
                "licence: say under which licence or terms the teacher may be learnt from, as SPDX "
                "names it (Apache-2.0), or LicenseRef-NAME"
            )
        return self


class ReferenceParams(StepParams):
    """Settings of a step that stays close to the model from which it starts, its reference."""

    learning_rate: PositiveFloat = 5e-5
    beta: PositiveFloat = 0.1  # how close it stays to that model


class DpoParams(ReferenceParams):
    """Direct preference optimisation on pairs: Rafailov et al. 2023, arXiv 2305.18290."""


class KtoParams(ReferenceParams):
    """Kahneman-Tversky optimisation on rated answers: Ethayarajh et al. 2024, arXiv 2402.01306."""

    batch_size: int = Field(default=4, ge=2)  # its KL term compares an answer with another's prompt


class GrpoParams(ReferenceParams, AnsweringParams):
    """Group-relative policy optimisation: the adapter answers each training prompt several times,
    and learns from those of its answers that got more reward than the others: Shao et al. 2024,
    arXiv 2402.03300.

    The embedded engine draws the answers, and the same seed gives the same bytes. Where
    evaluation.generation.vllm_python is set, a vLLM that is started by it draws them, which may be
    others each time; it needs training.adapter.quantization: none.
    """

    batch_size: PositiveInt = 8  # answers that a forward pass takes
    gradient_accumulation: PositiveInt = 4
    group: int = Field(default=8, ge=2)  # answers to each prompt
    beta: PositiveFloat = 0.04
    # Metrics that scorers of evaluation.scoring give, each with its weight: an answer's reward is
    # their sum. They are within [0, 1]; where less is better, the reward is what lacks of 1.
    # `preference`: how likely the reward model prefers an answer to the row's own. It is refused
    # unless only people's votes on the page decide.
    rewards: dict[str, PositiveFloat] = Field(default={})

    @field_validator("rewards", mode="before")
    @classmethod
    def names_alone(cls, value: object) -> object:
        """Names without weights count alike."""
        names = [value] if isinstance(value, str) else value
        return dict.fromkeys(names, 1.0) if isinstance(names, list) else value

    @model_validator(mode="after")
    def rewarded(self) -> Self:
        if self.epochs and not self.rewards:
            raise ValueError("rewards: name a metric and its weight, such as {rougeL: 1}")
        if self.batch_size * self.gradient_accumulation % self.group:
            raise ValueError(
                "group: batch_size times gradient_accumulation answers, which a step learns from, "
                "must be whole groups"
            )
        return self


class TimeParams(Settings):
    """Of work that may take hours."""

    minutes: PositiveFloat | None = None  # of all steps or trials together; null: no limit


class LimitsParams(TimeParams):
    """What training may cost, and what is kept of it meanwhile. Nothing here changes an adapter."""

    save_minutes: PositiveFloat = 10  # between checkpoints: what an interruption costs at most
    checkpoints: str | None = None  # a folder or an object store; null: below .incumbent/
    price: NonNegativeFloat = 0.0  # of an hour of this machine, in any one currency
