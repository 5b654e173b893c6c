"""How fast this machine is and how much memory it has, for estimates."""

from dataclasses import dataclass

from project.gpu import card_here
from project.processor import memory
from training.cost.computing import Computing, Speed
from training.cost.gpus import gpu_named
from training.precision import OPERATIONS, Machine, measure_machine, numerics

# How many times as fast the products of training are as the small ones that were timed, and what
# the rest takes on a processor: measured on two cores with AVX512-BF16. With many cores it is an
# upper limit.
LARGE = 1.5
BYTE, MAPPING, UNPACKING, CALL = 0.7e-9, 0.5e-9, 0.3e-9, 0.45e-3  # seconds: see Speed


@dataclass(frozen=True)
class ThisMachine:
    name: str
    computing: Computing
    speed: Speed | None  # None: a GPU that nothing is known of


def this_machine(wanted: str) -> ThisMachine:
    """As measured before, or now; `wanted` is base.precision. Raises InputError, and ImportError
    where neither a measurement nor torch is there.
    """
    machine = measure_machine()
    precision = numerics(wanted, machine).precision
    if machine.gpu:
        gpu = gpu_named(machine.processor)
        computing = Computing(precision, gpu_memory(), gpu=True)
        return ThisMachine(machine.processor, computing, gpu.speed(precision) if gpu else None)
    computing = Computing(precision, memory())
    return ThisMachine(machine.processor, computing, processor_speed(machine, computing))


def processor_speed(machine: Machine, computing: Computing) -> Speed | None:
    timed = machine.seconds.get(computing.precision)
    if timed is None:
        return None
    operation = timed / OPERATIONS / LARGE
    return Speed(
        operation=operation,
        in_float32=machine.seconds.get("float32", timed) / OPERATIONS / LARGE,
        byte=BYTE,
        weight=0.0,  # the timed products read theirs too
        unpacking=UNPACKING,
        call=CALL,
        mapping=MAPPING,
    )


def gpu_memory() -> int:
    # Imported here because a processor's memory is known without it.
    import torch

    card = card_here(torch)
    assert card is not None  # for the measurement of this machine says so
    return card.memory
