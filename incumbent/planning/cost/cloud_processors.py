"""Common machines of a cloud without a GPU: what they have, and how fast they are, roughly."""

from dataclasses import dataclass

from training.cost.computing import Computing, Speed
from training.cost.gpus import GB
from training.cost.this_machine import BYTE, CALL, MAPPING, UNPACKING

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
            call=CALL,
            mapping=MAPPING,
        )


# Hugging Face's Jobs without a GPU, by the same list as the GPUs' prices.
CLOUD_PROCESSORS = (
    CloudProcessor("CPU-2", 2, 16, 0.01),
    CloudProcessor("CPU-8", 8, 32, 0.03),
    CloudProcessor("CPU-16", 16, 124, 1.00),
    CloudProcessor("CPU-32", 32, 256, 1.90),
)
