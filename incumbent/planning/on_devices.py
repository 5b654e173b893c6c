"""A run on this machine, and on common GPUs."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from incumbent.planning.cost.base_shape import BaseShape
from incumbent.planning.cost.gpus import GB, GPUS, Gpu, price_of
from incumbent.planning.cost.memory import Peak, answering_peak, training_peak
from incumbent.planning.cost.minutes import Clock, Minutes, Speed
from incumbent.planning.cost.setup import Computing, Setup
from incumbent.planning.cost.this_machine import ThisMachine
from incumbent.planning.lighter import largest_in_all, largest_trained
from incumbent.planning.work.run_settings import RunSettings
from incumbent.planning.work.workload import Longest, Workload
from project.model_pins import BaseChoice
from project.records.adapters import Precision


@dataclass(frozen=True)
class OnDevice:
    """A run on one device; None where it is not known."""

    name: str
    memory: int  # bytes
    precision: Precision
    training: Peak
    answering: Peak
    minutes: Minutes | None
    money: float | None

    @property
    def trains(self) -> bool:
        return self.training.fits(self.memory)

    @property
    def answers(self) -> bool:
        return self.answering.fits(self.memory)

    def __str__(self) -> str:
        """For who asks no more."""
        most, has = max(self.training.total, self.answering.total) / GB, self.memory / GB
        about = f"about {self.minutes.total:.0f} minutes, " if self.minutes else ""
        fits = "" if self.trains and self.answers else ", which does not fit"
        return f"{about}at most {most:.1f} of {has:.0f} GB{fits}"


@dataclass(frozen=True)
class OnGpu(OnDevice):
    price: float | None  # of an hour
    listed: bool  # whether that is a list's and not the user's
    largest_trained: str | None  # of the usual sizes of a base, in NF4
    largest_in_all: str | None  # that answers too


def on_this_machine(setup: Setup, machine: ThisMachine, work: Workload | None) -> OnDevice:
    taken = minutes_of(setup, machine.speed, work)
    return OnDevice(
        name=machine.name,
        memory=setup.on.memory,
        precision=setup.on.precision,
        training=training_peak(setup),
        answering=answering_peak(setup),
        minutes=taken,
        money=money_here(taken, setup.settings, work),
    )


def minutes_of(setup: Setup, speed: Speed | None, work: Workload | None) -> Minutes | None:
    if speed is None or work is None:
        return None
    return Clock(setup, speed).minutes(work)


def money_here(taken: Minutes | None, settings: RunSettings, work: Workload | None) -> float | None:
    """By the settings' prices, of an hour and of tokens; None where there are none."""
    prices = settings.prices
    if taken is None or work is None or not (prices.hour or prices.prompt or prices.answer):
        return None
    tokens = work.read * prices.prompt + work.generated * prices.answer
    return taken.total / 60 * prices.hour + tokens / 1e6


def on_gpus(
    shape: BaseShape,
    settings: RunSettings,
    longest: Longest,
    work: Workload | None,
    prices: Mapping[str, float],
) -> tuple[OnGpu, ...]:
    found = []
    for gpu in GPUS:
        setup = Setup(shape, settings, longest, computing(gpu, settings.base))
        found.append(on_gpu(gpu, setup, work, prices))
    return tuple(found)


def computing(gpu: Gpu, base: BaseChoice) -> Computing:
    """In the precision that is set, or in the one that `auto` takes there."""
    if base.precision == "auto":
        return gpu.computing
    return replace(gpu.computing, precision=base.precision)


def on_gpu(gpu: Gpu, setup: Setup, work: Workload | None, prices: Mapping[str, float]) -> OnGpu:
    taken = minutes_of(setup, gpu.speed(setup.on.precision), work)
    price = price_of(gpu, prices)
    return OnGpu(
        name=gpu.name,
        memory=setup.on.memory,
        precision=setup.on.precision,
        training=training_peak(setup),
        answering=answering_peak(setup),
        minutes=taken,
        money=None if taken is None or price is None else taken.total / 60 * price,
        price=price,
        listed=gpu.name not in prices and price is not None,
        largest_trained=largest_trained(setup),
        largest_in_all=largest_in_all(setup),
    )
