"""The same bytes from the same training, on a GPU too, where the order of sums is left to chance.

A processor needs none of this. cuBLAS is told beforehand, by a variable of project/libraries.py.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

REFUSED = "does not have a deterministic implementation"  # in what torch says of an operation


@contextmanager
def deterministic(on: bool = True) -> Iterator[None]:
    """Let torch take kernels that compute the same again; off: whichever are fastest.

    Inside, an operation without such a kernel raises a RuntimeError with REFUSED in it.
    """
    before, settings = torch.are_deterministic_algorithms_enabled(), memory_settings()
    filling = settings.fill_uninitialized_memory
    torch.use_deterministic_algorithms(on)
    settings.fill_uninitialized_memory = False  # which finds faults, and takes time
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)
        settings.fill_uninitialized_memory = filling


def memory_settings() -> Any:
    """Torch's types lack them."""
    return torch.utils.deterministic
