"""Common GPUs: their memory, and how fast they are on paper."""

import re
from dataclasses import dataclass

from project.gpu import card_here
from project.libraries import memory
from project.records.adapters import Precision
from training.cost.computing import BYTES, Computing, Speed
from training.cost.memory import QUANTIZED
from training.precision import OPERATIONS, Machine, measure_machine, numerics

GB = 10**9
# What training and answering reach of the numbers on paper, fitted on half of the published runs in
# benchmarks/sizing.py and checked on the other half: docs/sizing.md has the errors. Hopper and what
# came after it reach less, for products became faster by more than memory and power did; one run
# of H100s told how much, and none was left to check it.
PRODUCTS_REACH, NEWER_REACH = 0.62, 0.37
UNPACKING_REACHES = 0.3  # of the bandwidth, when NF4 weights are turned back
MEMORY_REACHES = 0.6  # assumed
NEWER = ("H100", "H200", "B200", "MI300X")
CALL = 0.0006  # seconds that Python needs to start the work of a layer


@dataclass(frozen=True)
class Gpu:
    name: str
    gigabytes: int
    teraflops: float  # of dense products in its precision, without sparsity
    bandwidth: int  # of its memory, GB a second
    link: int  # from GPU to GPU in a machine, one way, GB a second
    precision: Precision
    price: float | None  # of an hour, in US dollars

    @property
    def computing(self) -> Computing:
        return Computing(self.precision, self.gigabytes * GB, gpu=True)

    def speed(self, precision: Precision) -> Speed | None:
        """None in float32, which these numbers are not about."""
        if precision == "float32":
            return None
        reach = NEWER_REACH if self.name in NEWER else PRODUCTS_REACH
        operation = 1 / (self.teraflops * 1e12 * reach)
        byte = 1 / (self.bandwidth * GB * MEMORY_REACHES)
        unpacked = QUANTIZED["nf4"] + BYTES[precision]
        return Speed(
            operation=operation,
            in_float32=operation,
            byte=byte,
            weight=BYTES[precision] * byte,
            unpacking=unpacked / (self.bandwidth * GB * UNPACKING_REACHES),
            call=CALL,
        )


# Numbers of NVIDIA's datasheets: T4 (FP16; it has no BF16), L4, L40S, A10G (AWS's A10: 70 TFLOP/s),
# A100, H100, H200 and B200 (of HGX) SXM; of the RTX 4090 and 5090 NVIDIA's whitepapers of Ada and
# Blackwell, FP16 with FP32 accumulation; of the MI300X AMD's datasheet. Where a sheet has them with
# sparsity alone, half. Links are half of the NVLink or Infinity Fabric on these sheets, which count
# both ways, and PCI Express x16 elsewhere (3.0 of the T4, 5.0 of the RTX 5090, else 4.0). Prices
# are Hugging Face's list for Jobs as of November 2026,
# https://huggingface.co/docs/hub/jobs-pricing; the others are not on it.
LIST = "the list price of Hugging Face Jobs in November 2026"
GPUS = (
    Gpu("T4", 16, 65, 320, 16, "float16", 0.40),
    Gpu("L4", 24, 121, 300, 32, "bfloat16", 0.80),
    Gpu("A10G", 24, 70, 600, 32, "bfloat16", 1.00),
    Gpu("RTX-4090", 24, 165, 1008, 32, "bfloat16", None),
    Gpu("RTX-5090", 32, 209.5, 1792, 64, "bfloat16", None),
    Gpu("A100-40", 40, 312, 1555, 300, "bfloat16", None),
    Gpu("L40S", 48, 362, 864, 32, "bfloat16", 1.80),
    Gpu("A100-80", 80, 312, 2039, 300, "bfloat16", 2.50),
    Gpu("H100", 80, 989, 3350, 450, "bfloat16", None),
    Gpu("H200", 141, 989, 4800, 450, "bfloat16", None),
    Gpu("B200", 180, 2250, 8000, 900, "bfloat16", None),
    Gpu("MI300X", 192, 1307, 5300, 448, "bfloat16", None),
)


def gpu_named(name: str) -> Gpu | None:
    """The one that a driver calls so, such as NVIDIA A100-SXM4-80GB."""
    found = [
        gpu
        for gpu in GPUS
        if all(re.search(rf"\b{part}(GB)?\b", name) for part in gpu.name.split("-"))
    ]
    return max(found, key=lambda gpu: len(gpu.name), default=None)


# --- this machine ---------------------------------------------------------------------------------

# How fast this machine is and how much memory it has, for estimates.

# How many times as fast the products of training are as the small ones that were timed, and what
# the rest takes on a processor: measured on two cores with AVX512-BF16. With many cores it is an
# upper limit.
LARGE = 1.5
BYTE, MAPPING, UNPACKING, CALL_HERE = 0.7e-9, 0.5e-9, 0.3e-9, 0.45e-3  # seconds: see Speed


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
        call=CALL_HERE,
        mapping=MAPPING,
    )


def gpu_memory() -> int:
    # Imported here because a processor's memory is known without it.
    import torch

    card = card_here(torch)
    assert card is not None  # for the measurement of this machine says so
    return card.memory
