"""In which precision this machine computes: what it is fastest in, measured once and kept."""

import os
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from registry.canonical import digest_json
from registry.errors import InputError
from registry.files import home
from registry.models import BaseChoice
from registry.params import PARAMS, load
from registry.processor import processor_kind
from registry.records import Numerics, Precision, Record

if TYPE_CHECKING:
    import torch

# Rows, inputs and outputs of the products that are timed: of a few prompts, and of one new token
# for each answer of a batch.
SHAPES = ((96, 576, 1536), (16, 576, 1536))
OPERATIONS = sum(3 * 2 * rows * inputs * outputs for rows, inputs, outputs in SHAPES)
REPETITIONS = 5
ENOUGH_SECONDS = 0.1
OTHER_WORK = 1e-11  # seconds a weight and token that no product takes; measured in the sample task
SLOW = 10  # times slower than another precision: worth a warning
GPUS = ("nvidia[0-9]*", "dxg", "kfd")  # in /dev: Linux, Windows' subsystem for it, AMD


class Machine(Record):
    """What was found out about a machine."""

    processor: str  # its kind, or the GPU's name
    gpu: bool
    seconds: dict[Precision, float]  # of the timed products; empty for a GPU
    fastest: Precision

    def minutes(self, precision: Precision, weights: int, tokens: int, passes: int) -> float | None:
        """Roughly, of reading tokens with a model of so many weights; None for a GPU.

        `passes` is 1 forward, and 2 with the way back to an adapter. A pass takes two operations a
        weight and token.
        """
        if precision not in self.seconds:
            return None
        an_operation = self.seconds[precision] / OPERATIONS
        return weights * tokens * passes * (2 * an_operation + OTHER_WORK) / 60


def choose_numerics() -> Numerics:
    """How models answer on this machine, under the project's settings. Raises InputError."""
    return numerics(load(BaseChoice, "base").precision, measure_machine())


def numerics(wanted: str, machine: Machine) -> Numerics:
    """The setting's precision, or the machine's fastest. Raises InputError where it has none."""
    precision = machine.fastest if wanted == "auto" else wanted
    if precision == "float16" and not machine.gpu:
        raise InputError(
            "float16 needs a GPU: choose auto, bfloat16 or float32",
            file=PARAMS,
            field="base.precision",
        )
    return Numerics.model_validate({"precision": precision, "processor": machine.processor})


def slowness(chosen: Numerics, machine: Machine) -> str | None:
    """A warning where another precision would be many times faster; None where none is."""
    taken, best = (machine.seconds.get(p) for p in (chosen.precision, machine.fastest))
    if not taken or not best or taken < SLOW * best:
        return None
    return (
        f"base.precision: {chosen.precision} is {taken / best:.0f} times slower than "
        f"{machine.fastest} on this machine ({machine.processor}): choose auto"
    )


def measure_machine() -> Machine:
    """What was measured before on a machine like this, or now, in some 100 ms where it is fast."""
    path = home() / "machines" / f"{fingerprint()[:16]}.json"
    if not path.is_file():
        look_at_machine().write(path)
    return Machine.read(path)


def fingerprint() -> str:
    """What a measurement is about; told without torch, which takes seconds to load."""
    gpus = sorted(path.name for pattern in GPUS for path in Path("/dev").glob(pattern))
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    return digest_json([processor_kind(), processor_name(), gpus, visible, version("torch")])


def processor_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return ""
    return next((line for line in lines if line.startswith("model name")), "")


def look_at_machine() -> Machine:
    # Imported here because a machine that is known need not wait for torch.
    import torch

    if torch.cuda.is_available():
        name, capable = torch.cuda.get_device_name(), torch.cuda.get_device_capability()
        bf16 = torch.cuda.is_bf16_supported(including_emulation=False)
        fastest: Precision = "bfloat16" if bf16 else "float16" if capable >= (5, 3) else "float32"
        return Machine(processor=name, gpu=True, seconds={}, fastest=fastest)
    seconds: dict[Precision, float] = {
        "float32": time_products(torch.float32),
        "bfloat16": time_products(torch.bfloat16),
    }
    fastest = min(seconds, key=lambda precision: seconds[precision])
    return Machine(processor=processor_kind(), gpu=False, seconds=seconds, fastest=fastest)


def time_products(dtype: "torch.dtype") -> float:
    """Seconds of the products of linear layers, forward and backward.

    The layouts matter: a processor can be fast forward and slow backward.
    """
    return sum(time_best(products(*shape, dtype)) for shape in SHAPES)


def products(rows: int, inputs: int, outputs: int, dtype: "torch.dtype") -> Callable[[], object]:
    import torch  # as in look_at_machine

    x = torch.ones(rows, inputs, dtype=dtype)
    weight = torch.ones(outputs, inputs, dtype=dtype)
    gradient = torch.ones(rows, outputs, dtype=dtype)
    return lambda: (x @ weight.T, gradient @ weight, gradient.T @ x)


def time_best(action: Callable[[], object]) -> float:
    """Seconds of the fastest of a few repetitions; of one alone where that is slow."""
    action()  # the first one also chooses and compiles kernels
    times: list[float] = []
    while len(times) < REPETITIONS and sum(times) < ENOUGH_SECONDS:
        start = perf_counter()
        action()
        times.append(perf_counter() - start)
    return min(times)
