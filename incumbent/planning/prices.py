"""What an hour of a machine costs, in the user's words or by a list."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from project.errors import InputError
from training.cost.computing import Computing, Speed
from training.cost.gpus import BYTE, CALL_HERE, GB, GPUS, MAPPING, UNPACKING, Gpu


class Priced(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def price(self) -> float | None: ...  # of an hour, in US dollars


def read_prices(given: Iterable[str]) -> dict[str, float]:
    """Prices of an hour, such as L4=0.8, by the machine's name. Raises InputError."""
    known = {plain(one.name): one.name for one in (*GPUS, *CLOUD_PROCESSORS)}
    prices = {}
    for text in given:
        name, _, price = text.partition("=")
        if plain(name) not in known:
            names = ", ".join(known.values())
            problem = f"{name!r} is no machine that is known here; there are {names}"
            raise InputError(problem, field="--price")
        prices[known[plain(name)]] = read_price(text, price)
    return prices


def read_price(text: str, price: str) -> float:
    try:
        value = float(price)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise InputError(f"{text!r} names no price: write it such as L4=0.8", field="--price")
    return value


def plain(name: str) -> str:
    return re.sub(r"[\s_-]", "", name).upper()


def price_of(machine: Priced, given: Mapping[str, float]) -> float | None:
    return given.get(machine.name, machine.price)


# --- gpu groups -----------------------------------------------------------------------------------

# GPUs of one kind in one machine, as a user names them: H100:4.

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


# --- cloud processors -----------------------------------------------------------------------------

# Common machines of a cloud without a GPU: what they have, and how fast they are, roughly.

# A core with AVX2 in float32, as a product in any layout ran on an EPYC 7003: 75 to 95 GFLOP/s,
# measured with one thread; with AVX-512 it is faster. Two vCPUs are the threads of one core.
CORE_FLOPS = 85e9
THREADS = 2
# What is left of a core's share when all of them work at one product. Assumed: two cores were
# measured at 0.8, more were not, so minutes on many are rough.
TOGETHER = 0.7


@dataclass(frozen=True)
class CloudProcessor:
    name: str
    vcpus: int
    gigabytes: int
    price: float | None  # of an hour, in US dollars

    @property
    def computing(self) -> Computing:
        return Computing("float32", self.gigabytes * GB)

    @property
    def speed(self) -> Speed:
        """In float32, which a processor without instructions for bfloat16 is fastest in."""
        cores = self.vcpus / THREADS
        share = 1.0 if cores <= 1 else TOGETHER
        operation = 1 / (CORE_FLOPS * cores * share)
        return Speed(
            operation=operation,
            in_float32=operation,
            byte=BYTE,
            weight=0.0,  # the measured products read theirs too
            unpacking=UNPACKING,
            call=CALL_HERE,
            mapping=MAPPING,
        )


# Hugging Face's Jobs without a GPU, by the same list as the GPUs' prices.
CLOUD_PROCESSORS = (
    CloudProcessor("CPU-2", 2, 16, 0.01),
    CloudProcessor("CPU-8", 8, 32, 0.03),
    CloudProcessor("CPU-16", 16, 124, 1.00),
    CloudProcessor("CPU-32", 32, 256, 1.90),
)
