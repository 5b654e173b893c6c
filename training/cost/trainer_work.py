"""What a trainer is about to compute, counted in the rows that it was given."""

from collections.abc import Iterable, Mapping
from math import ceil
from typing import Any

from transformers import Trainer

from training.cost.step_setup import StepWork

IGNORED = -100  # a label that no loss is on


def work_of(trainer: Trainer) -> tuple[StepWork, int]:
    """The work, and how many sequences an example has: a pair has two.

    TRL's columns: `input_ids` with their `labels` or `completion_mask`; `prompt_ids`, `chosen_ids`
    and `rejected_ids` of a pair, whose prompt is read with both; `prompt_ids` and `completion_ids`
    of a rated answer.
    """
    counts = [counted(row) for row in trainer.train_dataset]
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
        read=tokens if hasattr(trainer, "ref_model") else 0,  # once, for the reference
    )
    return work, max((len(lengths) for lengths, _ in counts), default=1)


def counted(row: Mapping[str, Any]) -> tuple[list[int], int]:
    """Lengths of a row's sequences, and how many of their tokens are learnt."""
    ids = {name: len(row[name]) for name in row if name.endswith("_ids")}
    prompt = ids.pop("prompt_ids", 0)
    answers = [
        ids[name] for name in ("chosen_ids", "rejected_ids", "completion_ids") if name in ids
    ]
    if answers:
        return [prompt + answer for answer in answers], sum(answers)
    length = ids.get("input_ids", 0)
    return [length], learnt(row, length)


def learnt(row: Mapping[str, Any], length: int) -> int:
    if "labels" in row:
        return sum(1 for label in row["labels"] if label != IGNORED)
    mask: Iterable[int] | None = row.get("completion_mask")
    return length if mask is None else sum(mask)
