"""How fast machines are and how much memory they have: this one, measured, and common ones."""

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from time import perf_counter, process_time
from typing import Any

from project.gpu import card_here
from project.libraries import memory, threads
from project.records.adapters import Precision
from training.cost.base_shape import TABLE
from training.precision import OPERATIONS, Machine, measure_machine, numerics

GB = 10**9
BYTES: dict[Precision, int] = {"float32": 4, "bfloat16": 2, "float16": 2}  # of a number
UNPACKED = 2.5  # bytes that are moved to turn an NF4 weight back
UNPACKING_REACHES = 0.3  # of the bandwidth: fitted by benchmarks/sizing.py
MEMORY_REACHES = 0.6  # of the bandwidth, where answers read all weights: assumed
CALL = 0.0006  # seconds that Python needs to start the work of a layer, with a GPU

# How many times as fast the products of training are, with what is read and written beside them, as
# the small ones that were timed; and what a core takes for an NF4 weight and for a call. Chosen by
# benchmarks/plan.py on AVX512-BF16. With many cores it is an upper limit.
LARGE, UNPACKING, CALL_HERE = 1.1, 0.6e-9, 0.0012


@dataclass(frozen=True)
class Computing:
    """What computes: in a precision, with so much memory."""

    precision: Precision
    memory: int  # bytes
    gpu: bool = False

    @property
    def bytes(self) -> int:
        """How many bytes a number takes."""
        return BYTES[self.precision]


@dataclass(frozen=True)
class Speed:
    """How fast a device computes, in seconds."""

    operation: float  # a floating-point operation of a large product, as in training
    small: float  # the same of a small one, as in answering
    weight: float  # a weight of the layers, read for a product
    unpacking: float  # an NF4 weight, turned back for a product
    call: float  # a layer, however little there is to compute
    share: float = 1.0  # of the cores, that others leave us now: it is in all of the above


# --- common machines ------------------------------------------------------------------------------


@dataclass(frozen=True)
class KnownMachine:
    """A machine of table.toml, which says what each number means."""

    name: str
    gigabytes: int
    teraflops: float
    bandwidth: int
    reach: float
    gpu: bool
    precision: Precision
    price: float | None = None

    def computing(self, wanted: str) -> Computing:
        """What computes there, in the wanted precision, or in the one that `auto` takes."""
        precision: Any = self.precision if wanted == "auto" else wanted
        return Computing(precision, self.gigabytes * GB, gpu=self.gpu)

    def speed(self, precision: Precision) -> Speed | None:
        """None in a precision that these numbers are not about."""
        if BYTES[precision] != BYTES[self.precision]:
            return None
        byte, operation = 1 / (self.bandwidth * GB), 1 / (self.teraflops * 1e12 * self.reach)
        return Speed(
            operation=operation,
            small=operation,
            weight=BYTES[precision] * byte / MEMORY_REACHES if self.gpu else 0.0,
            unpacking=UNPACKED * byte / UNPACKING_REACHES,
            call=CALL if self.gpu else CALL_HERE,
        )


GPUS = tuple(KnownMachine(**{"precision": "bfloat16", "gpu": True} | row) for row in TABLE["gpu"])
PROCESSORS = tuple(
    KnownMachine(**{"precision": "float32", "gpu": False} | row) for row in TABLE["processor"]
)


def gpu_named(name: str) -> KnownMachine | None:
    """The one that a driver calls so, such as NVIDIA A100-SXM4-80GB."""
    fitting = [
        gpu
        for gpu in GPUS
        if all(re.search(rf"\b{part}(GB)?\b", name) for part in gpu.name.split("-"))
    ]
    return max(fitting, key=lambda gpu: len(gpu.name), default=None)


# --- this machine ---------------------------------------------------------------------------------

MEASURED_FOR = 0.2  # seconds
LEAST_CORES = 0.01  # that a process gets, however busy the machine


@dataclass(frozen=True)
class ThisMachine:
    name: str
    computing: Computing
    speed: Speed | None  # None: a GPU that nothing is known of


def this_machine(wanted: str) -> ThisMachine:
    """Its products as they were timed once, and its cores as they are now; `wanted` is
    base.precision. Raises InputError, and ImportError where it was never timed and torch is absent.
    """
    machine = measure_machine()
    precision = numerics(wanted, machine).precision
    if machine.gpu:
        gpu = gpu_named(machine.processor)
        computing = Computing(precision, gpu_memory(), gpu=True)
        return ThisMachine(machine.processor, computing, gpu.speed(precision) if gpu else None)
    speed = processor_speed(machine, precision, cores_now())
    return ThisMachine(machine.processor, Computing(precision, memory()), speed)


def processor_speed(machine: Machine, precision: Precision, at_work: float) -> Speed | None:
    """The speed of a processor of which so many cores work for us."""
    timed = machine.seconds.get(precision)
    if timed is None:
        return None
    share = min(1.0, at_work / threads())
    return Speed(
        operation=timed / OPERATIONS / LARGE / at_work,
        small=timed / OPERATIONS / at_work,
        weight=0.0,  # the timed products read theirs too
        unpacking=UNPACKING / at_work,
        call=CALL_HERE / share,
        share=share,
    )


def cores_now() -> float:
    """How many cores work for this process at the moment, others being busy: its threads hash."""
    block, count = bytes(1 << 20), threads()
    began, worked = perf_counter(), process_time()

    def work(_: int) -> None:
        while perf_counter() - began < MEASURED_FOR:
            sha256(block)  # lets other threads run

    with ThreadPoolExecutor(count) as pool:
        list(pool.map(work, range(count)))
    return max((process_time() - worked) / (perf_counter() - began), LEAST_CORES)


def gpu_memory() -> int:
    # Imported here because a processor's memory is known without it.
    import torch

    card = card_here(torch)
    assert card is not None  # for the measurement of this machine says so
    return card.memory
