"""What a step takes on a machine: in one line before it starts, and how long, roughly."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from project.errors import InputError
from project.records.adapters import Numerics
from training.cost.base_shape import read_shape
from training.cost.machines import Speed, this_machine
from training.cost.memory import StepSetup, StepWork, training_peak
from training.training_settings import AdapterParams, DomainParams, SftParams, StepParams

if TYPE_CHECKING:
    from transformers import Trainer

GIB = 2**30


@dataclass(frozen=True)
class StepEstimate:
    """None where it is not known: of another kind of base, or on another kind of GPU."""

    work: StepWork
    optimizer_steps: int
    seconds: float | None
    peak_bytes: int | None
    price: float  # of an hour
    times: float = 1.0  # as long as that took earlier steps here: books.off_by

    @property
    def expected(self) -> float | None:
        """Seconds, as earlier steps here tell."""
        return None if self.seconds is None else self.seconds * self.times

    def __str__(self) -> str:
        parts = [f"{self.work.tokens:,} tokens in {self.optimizer_steps:,} steps"]
        if self.expected is not None:
            minutes = self.expected / 60
            parts.append(f"about {minutes:.0f} min" if minutes >= 1 else "less than a minute")
        if self.peak_bytes is not None:
            parts.append(f"{self.peak_bytes / GIB:.1f} GiB")
        if self.expected is not None:
            parts.append(f"{self.expected / 3600 * self.price:.2f} in money")
        return ", ".join(parts)


def estimate_step(
    base: Path | None,
    adapter: AdapterParams,
    params: StepParams,
    numerics: Numerics,
    work: StepWork,
    optimizer_steps: int,
    *,
    sequences: int = 1,
    price: float = 0.0,
) -> StepEstimate:
    """Estimate a step on a base in a folder. `sequences` of an example: a pair has two."""
    try:
        shape = read_shape(base / "config.json") if base else None
    except InputError:  # of another kind of base, such as a mixture of experts
        shape = None
    if shape is None:
        return StepEstimate(work, optimizer_steps, None, None, price)
    machine = this_machine(numerics.precision)
    setup = StepSetup(
        shape,
        adapter,
        params,
        work.longest,
        work.longest_scored,
        machine.computing,
        sequences,
        packed=isinstance(params, DomainParams | SftParams),
    )
    seconds = step_seconds(setup, machine.speed, work) if machine.speed else None
    return StepEstimate(work, optimizer_steps, seconds, training_peak(setup).total, price)


# --- trainer work ---------------------------------------------------------------------------------

IGNORED = -100  # a label that no loss is on


def work_of(trainer: "Trainer") -> tuple[StepWork, int]:
    """The work, and how many sequences an example has: a pair has two.

    TRL's columns: `input_ids` with their `labels` or `completion_mask`; `prompt_ids`, `chosen_ids`
    and `rejected_ids` of a pair, whose prompt is read with both; `prompt_ids` and `completion_ids`
    of a rated answer. A prompt alone is answered first, at most as long as the trainer lets it.
    """
    drawn = getattr(trainer, "max_completion_length", 0)
    each = getattr(trainer, "num_generations", 1)
    counts = [counted(row, drawn) for row in trainer.train_dataset for _ in range(each)]
    epochs, size = trainer.args.num_train_epochs, trainer.args.per_device_train_batch_size
    tokens = sum(sum(lengths) for lengths, _ in counts)
    longest = max((max(lengths) for lengths, _ in counts), default=0)
    work = StepWork(
        examples=len(counts),
        tokens=round(epochs * tokens),
        scored=round(epochs * sum(scored for _, scored in counts)),
        batches=ceil(epochs * ceil(len(counts) / size)),
        longest=longest,
        longest_scored=min(longest, max((scored for _, scored in counts), default=0)),
        read=read_beside(trainer, tokens),
    )
    return work, max((len(lengths) for lengths, _ in counts), default=1)


def read_beside(trainer: "Trainer", tokens: int) -> int:
    """Tokens read beside training: once for a reference; by a teacher, or by the start of `grpo`,
    each time, and by the model itself when it draws the answers.
    """
    if hasattr(trainer, "teacher_model") or hasattr(trainer, "num_generations"):
        return round(2 * float(trainer.args.num_train_epochs) * tokens)
    return tokens if hasattr(trainer, "ref_model") else 0


def counted(row: Mapping[str, Any], drawn: int = 0) -> tuple[list[int], int]:
    """Lengths of a row's sequences, and how many of their tokens are learnt; `drawn`: of an answer
    that it has not yet.
    """
    ids = {name: len(row[name]) for name in row if name.endswith("_ids")}
    prompt = ids.pop("prompt_ids", 0)
    answers = [
        ids[name] for name in ("chosen_ids", "rejected_ids", "completion_ids") if name in ids
    ]
    if prompt and drawn:
        answers = [drawn]
    if answers:
        return [prompt + answer for answer in answers], sum(answers)
    length = ids.get("input_ids", 0)
    return [length], learnt(row, length)


def learnt(row: Mapping[str, Any], length: int) -> int:
    if "labels" in row:
        return sum(1 for label in row["labels"] if label != IGNORED)
    mask: Iterable[int] | None = row.get("completion_mask")
    return length if mask is None else sum(mask)


# --- step minutes ---------------------------------------------------------------------------------

# How long a step of training takes, roughly, from how fast a device computes.
#
# Three terms: products, a call of each layer, and NF4 weights that are turned back. What reads
# and writes beside them, and what GPUs send one another, made no estimate better:
# docs/explain/scale.md.

LORA_CALLS = 2  # times as many calls of a layer as without a LoRA on it
BACK_CALLS = 2  # times as many on the way back as on the way there


def step_seconds(setup: StepSetup, speed: Speed, work: StepWork) -> float:
    """Two operations for each weight and pass (Kaplan et al. 2020, arXiv 2001.08361), a pass more
    for a LoRA's, which has a gradient of its own; attention compares a token with each of its row.
    """
    shape, lora = setup.shape, setup.shape.lora(setup.adapter.r)
    passes = 3 if setup.adapter.gradient_checkpointing else 2  # there, back, and there again
    sequences = work.examples * setup.sequences * setup.params.epochs
    weights = shape.linear + shape.compared(work.tokens / max(1.0, sequences))
    few = setup.on.gpu or setup.packed  # TRL scores prompts too on a processor
    scored = work.scored if few else work.tokens
    operations = 2 * (
        work.tokens * (passes * weights + (passes + 1) * lora)
        + scored * 2 * shape.embedding
        + work.read * (weights + lora + shape.embedding)
    )
    calls = LORA_CALLS * (passes - 1 + BACK_CALLS) * shape.layers
    unpacked = setup.adapter.quantization == "nf4" and not setup.dequantized
    read = speed.weight + (speed.unpacking if unpacked else 0.0)
    batch = calls * speed.call + passes * shape.linear * read
    return operations * speed.operation + work.batches * batch


def share_of_each(work: StepWork, count: int) -> StepWork:
    """Each GPU's share: batches are dealt out, and all wait for the GPU that has most."""
    batches = ceil(work.batches / count)
    share = batches / max(1, work.batches)
    return replace(
        work,
        examples=ceil(work.examples * share),
        tokens=ceil(work.tokens * share),
        scored=ceil(work.scored * share),
        batches=batches,
        read=ceil(work.read * share),
    )
