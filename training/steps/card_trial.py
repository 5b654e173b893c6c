"""One pass of training on a card, tried before training starts: how much fits, and how exactly.

A step of the optimiser learns from as many examples as the settings say, on any card: what does not
go through at once goes through in several passes, whose gradients are added up.
"""

import gc
import sys
from collections.abc import Callable
from functools import partial
from traceback import clear_frames
from typing import Any

import torch
from transformers import Trainer

from project.errors import IncumbentError
from training.kept.training_state import random_state, set_random_state
from training.model.kernels import REFUSED, deterministic


def try_on_card(trainer: Trainer, least: int = 1) -> bool:
    """Let the trainer take fewer examples a pass, where the card has no memory for what it was
    told, and more passes a step. `least`: with fewer a pass the loss would be another one.

    Returns whether the card computes the same bytes again. Raises IncumbentError where not even
    the least fits.
    """
    told = trainer.args.per_device_train_batch_size
    drawn = random_state()
    try:
        size, exact = tried(trainer, least)
    finally:
        set_random_state(drawn)
        forget(trainer)
    take(trainer, smallest_of_all(trainer, size))
    if size < told:
        passes = trainer.args.gradient_accumulation_steps
        print(f"{size} examples a pass, {passes} passes a step: {told} exceed the GPU's memory")
    return exact


def tried(trainer: Trainer, least: int) -> tuple[int, bool]:
    told = trainer.args.per_device_train_batch_size
    find = partial(largest_that_fits, told, partial(one_pass, trainer), least)
    try:
        with deterministic():
            return find(), True
    except RuntimeError as error:
        if REFUSED not in str(error):
            raise
        what = str(error).partition(REFUSED)[0].strip()
        print(f"warning: two runs on this GPU may differ: {what} {REFUSED}", file=sys.stderr)
        return find(), False


def largest_that_fits(size: int, attempt: Callable[[int], object], least: int = 1) -> int:
    """The largest part of `size` for which an attempt does not run out of a GPU's memory: all of
    it, or what divides it and is at most half of the size tried before.
    """
    while True:
        try:
            attempt(size)
            return size
        except torch.OutOfMemoryError as error:
            clear_frames(error.__traceback__)  # they hold what filled the memory
            if size <= least:
                raise IncumbentError(
                    f"the GPU has no memory for a pass on {size} of the longest examples: "
                    f"{str(error).partition('. ')[0]}; set gradient_checkpointing: true, or choose "
                    "a smaller base (`incumbent plan --gpus` says what fits)"
                ) from None
        size = max(least, next(n for n in range(size // 2, 0, -1) if size % n == 0))


def one_pass(trainer: Trainer, size: int) -> None:
    """Forward and backward on the longest examples, beside what the optimiser will hold."""
    forget(trainer)
    model, args = trainer.model, trainer.args
    if args.activation_checkpointing:  # as the trainer will
        how = args.activation_checkpointing_kwargs
        model.activation_checkpointing_enable(activation_checkpointing_kwargs=how or None)
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    held = [torch.empty_like(weight) for weight in trained for _ in range(2)]  # Adam's two moments
    batch = trainer.data_collator(longest(trainer.train_dataset, size))
    trainer.current_gradient_accumulation_steps = 1
    with trainer.accelerator.autocast():
        trainer.training_step(model, batch)
    del held


def longest(examples: Any, size: int) -> list[Any]:
    """Those with the most tokens in all columns of them."""
    columns = [examples[name] for name in examples.column_names if name.endswith("ids")]
    lengths = [sum(map(len, row)) for row in zip(*columns, strict=True)]
    order = sorted(range(len(lengths)), key=lambda i: -lengths[i])
    return [examples[i] for i in order[:size]]


def take(trainer: Trainer, size: int) -> None:
    """Let the trainer take so many examples a pass, and as many a step as before."""
    args = trainer.args
    args.gradient_accumulation_steps *= args.per_device_train_batch_size // size
    args.per_device_train_batch_size = size
    trainer._train_batch_size = size


def smallest_of_all(trainer: Trainer, size: int) -> int:
    """What fits on each of the cards that train together."""
    if trainer.accelerator.num_processes == 1:
        return size
    fitting = torch.tensor([size], device=trainer.args.device)
    return int(trainer.accelerator.gather(fitting).min())


def forget(trainer: Trainer) -> None:
    """Give back what a trial took: it is none of the run's steps."""
    trainer.model.zero_grad(set_to_none=True)
    trainer._metrics["train"].clear()
    gc.collect()
    torch.cuda.empty_cache()
