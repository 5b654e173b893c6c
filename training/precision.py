"""In which precision this machine computes: what it is fastest in, measured once and kept."""

import os
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from math import inf
from pathlib import Path
from time import perf_counter, process_time
from typing import TYPE_CHECKING

from project.canonical import digest_json
from project.files import home
from project.gpu import card_here
from project.libraries import processor_kind
from project.model_pins import BaseChoice
from project.records.adapters import Numerics, Precision
from project.records.record import Record
from project.settings import load, setting_error

if TYPE_CHECKING:
    import torch

# Rows, inputs and outputs of the products that are timed: of a few prompts, and of one new token
# for each answer of a batch.
SHAPES = ((96, 576, 1536), (16, 576, 1536))
OPERATIONS = sum(3 * 2 * rows * inputs * outputs for rows, inputs, outputs in SHAPES)
ROUNDS = 15
ENOUGH_SECONDS = 0.3
SLOW = 10  # times slower than another precision: worth a warning
GPUS = ("nvidia[0-9]*", "dxg", "kfd")  # in /dev: Linux, Windows' subsystem for it, AMD


class Machine(Record):
    """What was found out about a machine."""

    processor: str  # its kind, or the GPU's name
    gpu: bool
    seconds: dict[Precision, float]  # of a core, for the timed products; empty for a GPU
    fastest: Precision


def choose_numerics() -> Numerics:
    """How models answer on this machine, under the project's settings. Raises InputError."""
    return numerics(load(BaseChoice).precision, measure_machine())


def numerics(wanted: str, machine: Machine) -> Numerics:
    """The setting's precision, or the machine's fastest. Raises InputError where it has none."""
    precision = machine.fastest if wanted == "auto" else wanted
    if precision == "float16" and not machine.gpu:
        problem = "float16 needs a GPU: choose auto, bfloat16 or float32"
        raise setting_error(problem, "base", "precision")
    return Numerics.model_validate({"precision": precision, "processor": machine.processor})


def slowness(chosen: Numerics, machine: Machine) -> str | None:
    """A warning where another precision would be many times faster; None where none is."""
    if machine.gpu and chosen.precision == "bfloat16" != machine.fastest:
        return (
            f"base.precision: {machine.processor} has no bfloat16 of its own and computes it in "
            f"float32, which is slow: choose auto, which is {machine.fastest} there"
        )
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
    """What a measurement is about; known without torch, which takes seconds to load."""
    gpus = sorted(path.name for pattern in GPUS for path in Path("/dev").glob(pattern))
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    known = [processor_kind(), processor_name(), gpus, visible, version("torch")]
    return digest_json([*known, "seconds of a core"])


def processor_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return ""
    return next((line for line in lines if line.startswith("model name")), "")


def look_at_machine() -> Machine:
    # Imported here because a machine that is known need not wait for torch.
    import torch

    if card := card_here(torch):
        return Machine(processor=card.name, gpu=True, seconds={}, fastest=card.fastest)
    seconds = time_products({"float32": torch.float32, "bfloat16": torch.bfloat16})
    fastest = min(seconds, key=lambda precision: seconds[precision])
    return Machine(processor=processor_kind(), gpu=False, seconds=seconds, fastest=fastest)


def time_products(dtypes: "dict[Precision, torch.dtype]") -> dict[Precision, float]:
    """Seconds that a core works for the products of linear layers, forward and backward, in each
    precision. What other programs take of the cores meanwhile is not in them.

    The layouts matter: a processor can be fast forward and slow backward. The least of several
    rounds, in which the precisions take turns, so that a burst of other work hits none alone.
    """
    made = {precision: products(dtype) for precision, dtype in dtypes.items()}
    least = {precision: [inf] * len(some) for precision, some in made.items()}
    start = perf_counter()
    for number in range(ROUNDS):
        for precision, some in made.items():
            times = [time_once(product) for product in some]
            if number:  # the first round also chooses and compiles kernels
                least[precision] = list(map(min, times, least[precision]))
        if number and perf_counter() - start > ENOUGH_SECONDS:
            break
    return {precision: sum(times) for precision, times in least.items()}


def products(dtype: "torch.dtype") -> list[Callable[[], object]]:
    import torch  # as in look_at_machine

    made: list[Callable[[], object]] = []
    for rows, inputs, outputs in SHAPES:
        x = torch.ones(rows, inputs, dtype=dtype)
        weight = torch.ones(outputs, inputs, dtype=dtype)
        gradient = torch.ones(rows, outputs, dtype=dtype)
        made += [
            partial(torch.matmul, x, weight.T),
            partial(torch.matmul, gradient, weight),
            partial(torch.matmul, gradient.T, x),
        ]
    return made


def time_once(action: Callable[[], object]) -> float:
    start = process_time()
    action()
    return process_time() - start
