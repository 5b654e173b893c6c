"""Common GPUs: their memory, and how fast they are on paper."""

import re
from dataclasses import dataclass

from project.records.adapters import Precision
from training.cost.computing import BYTES, Computing, Speed
from training.cost.memory import QUANTIZED

GB = 10**9
# What a small model's training and answering reach of the numbers on paper. Assumed: none of these
# GPUs was measured here, so minutes on them are rough.
PRODUCTS_REACH, MEMORY_REACHES = 0.3, 0.6
CALL = 0.0006  # seconds that Python needs to start the work of a layer


@dataclass(frozen=True)
class Gpu:
    name: str
    gigabytes: int
    teraflops: float  # of dense products in its precision, without sparsity
    bandwidth: int  # of its memory, GB a second
    precision: Precision
    price: float | None  # of an hour, in US dollars

    @property
    def computing(self) -> Computing:
        return Computing(self.precision, self.gigabytes * GB, gpu=True)

    def speed(self, precision: Precision) -> Speed | None:
        """None in float32, which these numbers are not about."""
        if precision == "float32":
            return None
        operation = 1 / (self.teraflops * 1e12 * PRODUCTS_REACH)
        byte = 1 / (self.bandwidth * GB * MEMORY_REACHES)
        return Speed(
            operation=operation,
            in_float32=operation,
            byte=byte,
            weight=BYTES[precision] * byte,
            unpacking=(QUANTIZED["nf4"] + BYTES[precision]) * byte,
            call=CALL,
        )


# Numbers of NVIDIA's datasheets: T4 (FP16; it has no BF16), L4, L40S, A10G (AWS's A10: 70 TFLOP/s),
# A100, H100, H200 and B200 (of HGX) SXM; of the RTX 4090 and 5090 NVIDIA's whitepapers of Ada and
# Blackwell, FP16 with FP32 accumulation; of the MI300X AMD's datasheet. Where a sheet has them with
# sparsity alone, half. Prices are Hugging Face's list for Jobs as of November 2026,
# https://huggingface.co/docs/hub/jobs-pricing; the others are not on it.
LIST = "the list price of Hugging Face Jobs in November 2026"
GPUS = (
    Gpu("T4", 16, 65, 320, "float16", 0.40),
    Gpu("L4", 24, 121, 300, "bfloat16", 0.80),
    Gpu("A10G", 24, 70, 600, "bfloat16", 1.00),
    Gpu("RTX-4090", 24, 165, 1008, "bfloat16", None),
    Gpu("RTX-5090", 32, 209.5, 1792, "bfloat16", None),
    Gpu("A100-40", 40, 312, 1555, "bfloat16", None),
    Gpu("L40S", 48, 362, 864, "bfloat16", 1.80),
    Gpu("A100-80", 80, 312, 2039, "bfloat16", 2.50),
    Gpu("H100", 80, 989, 3350, "bfloat16", None),
    Gpu("H200", 141, 989, 4800, "bfloat16", None),
    Gpu("B200", 180, 2250, 8000, "bfloat16", None),
    Gpu("MI300X", 192, 1307, 5300, "bfloat16", None),
)


def gpu_named(name: str) -> Gpu | None:
    """The one that a driver calls so, such as NVIDIA A100-SXM4-80GB."""
    found = [
        gpu
        for gpu in GPUS
        if all(re.search(rf"\b{part}(GB)?\b", name) for part in gpu.name.split("-"))
    ]
    return max(found, key=lambda gpu: len(gpu.name), default=None)
