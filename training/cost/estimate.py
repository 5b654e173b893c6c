"""What a step will take on this machine, in one line before it starts."""

from dataclasses import dataclass
from pathlib import Path

from project.errors import InputError
from project.records.adapters import Numerics
from training.cost.base_shape import BaseShape, read_shape
from training.cost.memory import training_peak
from training.cost.minutes import TrainingClock
from training.cost.step_setup import StepSetup, StepWork
from training.cost.this_machine import this_machine
from training.training_settings import AdapterParams, DomainParams, SftParams, StepParams

GIB = 2**30


@dataclass(frozen=True)
class StepEstimate:
    """None where it is not known: of another kind of base, or on another kind of GPU."""

    work: StepWork
    optimizer_steps: int
    seconds: float | None
    peak_bytes: int | None
    price: float  # of an hour

    def __str__(self) -> str:
        parts = [f"{self.work.tokens:,} tokens in {self.optimizer_steps:,} steps"]
        if self.seconds is not None:
            minutes = self.seconds / 60
            parts.append(f"about {minutes:.0f} min" if minutes >= 1 else "less than a minute")
        if self.peak_bytes is not None:
            parts.append(f"{self.peak_bytes / GIB:.1f} GiB")
        if self.seconds is not None:
            parts.append(f"{self.seconds / 3600 * self.price:.2f} in money")
        return ", ".join(parts)


def estimate_step(
    base: Path | None,
    adapter: AdapterParams,
    params: StepParams,
    numerics: Numerics,
    work: StepWork,
    optimizer_steps: int,
    *,
    sequences: int = 1,
    price: float = 0.0,
) -> StepEstimate:
    """Of a base in a folder. `sequences` of an example: two of a pair."""
    shape = shape_in(base)
    if shape is None:
        return StepEstimate(work, optimizer_steps, None, None, price)
    machine = this_machine(numerics.precision)
    setup = StepSetup(
        shape,
        adapter,
        params,
        work.longest,
        work.longest_scored,
        machine.computing,
        sequences,
        packed=isinstance(params, DomainParams | SftParams),
    )
    seconds = TrainingClock(setup, machine.speed).seconds(work) if machine.speed else None
    return StepEstimate(work, optimizer_steps, seconds, training_peak(setup).total, price)


def shape_in(base: Path | None) -> BaseShape | None:
    """None for another kind of base, such as a mixture of experts."""
    try:
        return read_shape(base / "config.json") if base else None
    except InputError:
        return None
