"""The processes that train a step together: which of them this is, and what they tell each other.

A process that trains alone is a group of one, in which nothing here costs anything. torch is
imported where there are others, so that what is told here need not wait for it.
"""

import os
import sys
from typing import TypeVar

T = TypeVar("T")

MEMBER = "INCUMBENT_TRAINS_WITH_OTHERS"  # set in the environment of those that were started for it
SHARDED = ("ACCELERATE_USE_FSDP", "ACCELERATE_USE_DEEPSPEED")  # as accelerate tells its processes
APART = 1_000_003  # so that the seeds of a run are no other run's


def joined() -> bool:
    distributed = sys.modules.get("torch.distributed")
    return bool(distributed and distributed.is_available() and distributed.is_initialized())


def world() -> int:
    """How many there are."""
    if not joined():
        return 1
    import torch.distributed as dist

    return dist.get_world_size()


def rank() -> int:
    if not joined():
        return 0
    import torch.distributed as dist

    return dist.get_rank()


def is_first() -> bool:
    """Whether this is the one that writes: outputs, checkpoints, books and what people read."""
    return rank() == 0


def agreed(value: T) -> T:
    """What the first process says, in all of them."""
    if world() == 1:
        return value
    import torch.distributed as dist

    box = [value if is_first() else None]
    dist.broadcast_object_list(box, src=0)
    return box[0]  # type: ignore[return-value]


def summed(*values: float) -> tuple[float, ...]:
    """Each number, added up over all processes in their order: equal to the last bit in all."""
    if world() == 1:
        return values
    import torch.distributed as dist

    gathered: list[tuple[float, ...]] = [values] * world()
    dist.all_gather_object(gathered, values)
    return tuple(map(sum, zip(*gathered, strict=True)))


def draw_own_dropout(seed: int, step: int) -> None:
    """Let this process draw other masks than the rest, the same ones whenever the step is taken.

    The first one goes on as it would alone, and its state alone is what a checkpoint keeps.
    """
    if is_first():
        return
    import torch

    torch.manual_seed(seed + (step * world() + rank()) * APART)


def is_sharded() -> bool:
    """Whether each process holds a part of the weights alone."""
    return any(os.environ.get(name, "").lower() == "true" for name in SHARDED)
