"""A run on this machine, and on common ones: processors of a cloud, and GPUs."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from incumbent.planning.cost.cloud_processors import CLOUD_PROCESSORS, CloudProcessor
from incumbent.planning.cost.memory import answering_peak, training_peak
from incumbent.planning.cost.minutes import Clock, Minutes
from incumbent.planning.cost.prices import price_of
from incumbent.planning.cost.setup import Setup
from incumbent.planning.lighter import largest_in_all, largest_trained
from incumbent.planning.work.run_settings import RunSettings
from incumbent.planning.work.workload import Longest, Workload
from project.model_pins import BaseChoice
from project.records.adapters import Precision
from training.cost.base_shape import BaseShape
from training.cost.computing import Computing, Speed
from training.cost.gpus import GB, GPUS, Gpu
from training.cost.memory import Peak
from training.cost.this_machine import ThisMachine
from training.recipe import StepName


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
class OnThisMachine(OnDevice):
    steps: Mapping[StepName, float]  # minutes of each step of training, where they are known


@dataclass(frozen=True)
class OnOther(OnDevice):
    """A run on a common machine."""

    gpu: bool
    price: float | None  # of an hour
    listed: bool  # whether that is a list's and not the user's
    largest_trained: str | None  # of the usual sizes of a base, in NF4
    largest_in_all: str | None  # that answers too


def on_this_machine(setup: Setup, machine: ThisMachine, work: Workload | None) -> OnThisMachine:
    taken = minutes_of(setup, machine.speed, work)
    return OnThisMachine(
        name=machine.name,
        memory=setup.on.memory,
        precision=setup.on.precision,
        training=training_peak(setup),
        answering=answering_peak(setup),
        minutes=taken,
        money=money_here(taken, setup.settings, work),
        steps=minutes_of_steps(setup, machine.speed, work),
    )


def minutes_of(setup: Setup, speed: Speed | None, work: Workload | None) -> Minutes | None:
    if speed is None or work is None:
        return None
    return Clock(setup, speed).minutes(work)


def minutes_of_steps(
    setup: Setup, speed: Speed | None, work: Workload | None
) -> dict[StepName, float]:
    if speed is None or work is None:
        return {}
    clock = Clock(setup, speed)
    return {name: clock.step(name, work) / 60 for name in work.steps}


def money_here(taken: Minutes | None, settings: RunSettings, work: Workload | None) -> float | None:
    """By the settings' prices, of an hour and of tokens; None where there are none.

    Training's own price of an hour counts for what trains, the other one for all else.
    """
    prices, training = settings.prices, settings.limits.price or settings.prices.hour
    if taken is None or work is None:
        return None
    if not (training or prices.hour or prices.prompt or prices.answer):
        return None
    tokens = work.read * prices.prompt + work.generated * prices.answer
    by_time = taken.train * training + (taken.answer + taken.other) * prices.hour
    return by_time / 60 + tokens / 1e6


def on_others(
    shape: BaseShape,
    settings: RunSettings,
    longest: Longest,
    work: Workload | None,
    prices: Mapping[str, float],
) -> tuple[OnOther, ...]:
    found = []
    for machine in (*CLOUD_PROCESSORS, *GPUS):
        setup = Setup(shape, settings, longest, computing(machine, settings.base))
        found.append(on_other(machine, setup, work, prices))
    return tuple(found)


def computing(machine: Gpu | CloudProcessor, base: BaseChoice) -> Computing:
    """In the precision that is set, or in the one that `auto` takes there."""
    if base.precision == "auto":
        return machine.computing
    return replace(machine.computing, precision=base.precision)


def speed_of(machine: Gpu | CloudProcessor, precision: Precision) -> Speed | None:
    """None in a precision that nothing is known of there."""
    if isinstance(machine, Gpu):
        return machine.speed(precision)
    return machine.speed if precision == "float32" else None


def on_other(
    machine: Gpu | CloudProcessor,
    setup: Setup,
    work: Workload | None,
    prices: Mapping[str, float],
) -> OnOther:
    taken = minutes_of(setup, speed_of(machine, setup.on.precision), work)
    price = price_of(machine, prices)
    return OnOther(
        name=machine.name,
        memory=setup.on.memory,
        precision=setup.on.precision,
        training=training_peak(setup),
        answering=answering_peak(setup),
        minutes=taken,
        money=None if taken is None or price is None else taken.total / 60 * price,
        gpu=setup.on.gpu,
        price=price,
        listed=machine.name not in prices and price is not None,
        largest_trained=largest_trained(setup),
        largest_in_all=largest_in_all(setup),
    )
