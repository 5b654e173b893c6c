"""GPUs of one kind in one machine, as a user names them: H100:4."""

from collections.abc import Iterable
from dataclasses import dataclass

from incumbent.planning.cost.prices import plain
from project.errors import InputError
from training.cost.gpus import GPUS, Gpu

# How many of a kind a machine has that can be rented. Assumed of all kinds: the machines of large
# clouds have so many; a few have 16 A100s.
SOLD = (1, 2, 4, 8)
KINDS = {plain(gpu.name): gpu for gpu in GPUS}


@dataclass(frozen=True)
class GpuGroup:
    gpu: Gpu
    count: int

    @property
    def sold(self) -> int:
        """As many as have to be rented for it."""
        return next(count for count in SOLD if count >= self.count)

    def __str__(self) -> str:
        return f"{self.count} × {self.gpu.name}" if self.count > 1 else f"one {self.gpu.name}"


def read_gpus(given: Iterable[str]) -> tuple[GpuGroup, ...]:
    """Raises InputError for an unknown kind, and for a count that no machine has."""
    return tuple(read_group(text) for text in given)


def read_group(text: str) -> GpuGroup:
    name, colon, count = text.partition(":")
    gpu = KINDS.get(plain(name))
    if gpu is None:
        names = ", ".join(one.name for one in GPUS)
        problem = f"{name!r} is no GPU that is known here; there are {names}"
        raise InputError(problem, field="--gpus")
    return GpuGroup(gpu, read_count(text, count) if colon else 1)


def read_count(text: str, count: str) -> int:
    if not (count.isascii() and count.isdigit() and int(count)):
        raise InputError(f"{text!r} names no count: write it such as H100:4", field="--gpus")
    if int(count) > SOLD[-1]:
        problem = (
            f"{text!r} are more GPUs than a machine has: at most {SOLD[-1]} are sold together, and "
            f"nothing is known here of several machines"
        )
        raise InputError(problem, field="--gpus")
    return int(count)
