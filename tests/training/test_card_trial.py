"""A pass shrinks until a GPU has memory for it, and a step learns from as much as before."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from project.errors import IncumbentError
from training.steps.card_trial import largest_that_fits, take


class Card:
    """One on which passes of so many examples fit."""

    def __init__(self, fits: int) -> None:
        self.fits = fits
        self.tried: list[int] = []

    def run(self, size: int) -> None:
        self.tried.append(size)
        if size > self.fits:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 …")


@pytest.mark.parametrize(
    ("told", "fits", "tried"),
    [
        (8, 8, [8]),
        (8, 3, [8, 4, 2]),
        (8, 1, [8, 4, 2, 1]),
        (12, 5, [12, 6, 3]),
        (7, 6, [7, 1]),  # what does not divide a batch would change what a step learns from
    ],
)
def test_the_largest_pass_that_fits_is_found_and_divides_the_batch(
    told: int, fits: int, tried: list[int]
) -> None:
    card = Card(fits)
    assert largest_that_fits(told, card.run) == tried[-1]
    assert card.tried == tried
    assert told % tried[-1] == 0


@pytest.mark.parametrize("least", [1, 8])
def test_what_does_not_fit_at_all_is_an_error_that_says_what_to_do(least: int) -> None:
    told = rf"no memory for a pass on {least} of the longest examples: CUDA out of memory; set grad"
    with pytest.raises(IncumbentError, match=told):
        largest_that_fits(8, Card(0).run, least)


def test_another_error_is_none_of_memory() -> None:
    def fail(size: int) -> None:
        raise RuntimeError("a fault")

    with pytest.raises(RuntimeError, match="a fault"):
        largest_that_fits(8, fail)


def test_a_step_learns_from_as_many_examples_in_more_passes() -> None:
    args = SimpleNamespace(per_device_train_batch_size=8, gradient_accumulation_steps=3)
    trainer: Any = SimpleNamespace(args=args, _train_batch_size=8)
    take(trainer, 2)
    assert (args.per_device_train_batch_size, args.gradient_accumulation_steps) == (2, 12)
    assert trainer._train_batch_size == 2
