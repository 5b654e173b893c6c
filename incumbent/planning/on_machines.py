"""A run on other machines: which fit, how long they take, and what they cost."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce

from incumbent.planning.row_lengths import RunSettings
from incumbent.planning.run_cost import (
    Minutes,
    Setup,
    answering_peak,
    answers,
    run_minutes,
    training_peak,
    trains,
)
from incumbent.planning.workload import Workload
from project.errors import InputError
from training.cost.base_shape import SIZES
from training.cost.machines import GB, GPUS, PROCESSORS, KnownMachine, ThisMachine
from training.cost.memory import Peak
from training.recipe import StepName

# --- prices ---------------------------------------------------------------------------------------

# Machines as a user names them, with prices of an hour: L4=0.8, H100:4.

# How many of a kind a machine has that can be rented. Assumed of all kinds: the machines of large
# clouds have so many; a few have 16 A100s.
SOLD = (1, 2, 4, 8)


@dataclass(frozen=True)
class MachineGroup:
    """A known machine, or GPUs of one kind in one machine."""

    machine: KnownMachine
    count: int = 1

    @property
    def sold(self) -> int:
        """As many machines as have to be rented for it."""
        return next(count for count in SOLD if count >= self.count)

    def price(self, given: Mapping[str, float]) -> float | None:
        """The price of an hour of one: the user's, or a list's."""
        return given.get(self.machine.name, self.machine.price)

    def __str__(self) -> str:
        name = self.machine.name
        return f"{self.count} × {name}" if self.count > 1 else f"one {name}"


def read_prices(given: Iterable[str]) -> dict[str, float]:
    """Prices of an hour, such as L4=0.8, by the machine's name. Raises InputError."""
    prices = {}
    for text in given:
        name, _, price = text.partition("=")
        machine = known_machine(name, (*GPUS, *PROCESSORS), "machine", "--price")
        try:
            value = float(price)
        except ValueError:
            value = -1.0
        if not 0 <= value < float("inf"):
            raise InputError(f"{text!r} names no price: write it such as L4=0.8", field="--price")
        prices[machine.name] = value
    return prices


def read_gpus(given: Iterable[str]) -> tuple[MachineGroup, ...]:
    """Raises InputError for an unknown kind, and for a count that no machine has."""
    return tuple(read_group(text) for text in given)


def read_group(text: str) -> MachineGroup:
    name, colon, number = text.partition(":")
    gpu = known_machine(name, GPUS, "GPU", "--gpus")
    count = int(number) if number.isascii() and number.isdigit() else 0 if colon else 1
    if not count:
        raise InputError(f"{text!r} names no count: write it such as H100:4", field="--gpus")
    if count > SOLD[-1]:
        problem = (
            f"{text!r} are more GPUs than a machine has: at most {SOLD[-1]} are sold together, and "
            f"nothing is known here of several machines"
        )
        raise InputError(problem, field="--gpus")
    return MachineGroup(gpu, count)


def known_machine(
    name: str, machines: Sequence[KnownMachine], kind: str, field: str
) -> KnownMachine:
    by_name = {plain(machine.name): machine for machine in machines}
    if plain(name) not in by_name:
        names = ", ".join(machine.name for machine in machines)
        problem = f"{name!r} is no {kind} that is known here; there are {names}"
        raise InputError(problem, field=field)
    return by_name[plain(name)]


def plain(name: str) -> str:
    return re.sub(r"[\s_-]", "", name).upper()


# --- on a machine ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class OnMachine:
    """A run on one machine; None where it is not known."""

    name: str
    setup: Setup
    training: Peak
    answering: Peak
    minutes: Minutes | None
    money: float | None

    @property
    def memory(self) -> int:
        return self.setup.on.memory

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
class OnKnownMachine(OnMachine):
    """A run on a common machine, or on GPUs that train together."""

    group: MachineGroup
    price: float | None  # of an hour of one
    listed: bool  # whether that is a list's and not the user's


def on_this_machine(setup: Setup, machine: ThisMachine, times: float = 1.0) -> OnMachine:
    """`times` as long as its speed says, as earlier steps here took."""
    minutes = run_minutes(setup, machine.speed)
    if minutes:
        steps = {name: times * each for name, each in minutes.steps.items()}
        minutes = replace(minutes, steps=steps, answer=times * minutes.answer)
    money = money_here(minutes, setup.settings, setup.work)
    peaks = training_peak(setup), answering_peak(setup)
    return OnMachine(machine.name, setup, *peaks, minutes, money)


def money_here(minutes: Minutes | None, settings: RunSettings, work: Workload) -> float | None:
    """By the settings' prices, of an hour and of tokens; None where there are none.

    Training's own price of an hour counts for what trains, the other one for all else.
    """
    prices, training = settings.prices, settings.limits.price or settings.prices.hour
    if minutes is None:
        return None
    if not (training or prices.hour or prices.prompt or prices.answer):
        return None
    tokens = work.read * prices.prompt + work.generated * prices.answer
    by_time = minutes.train * training + (minutes.answer + minutes.other) * prices.hour
    return by_time / 60 + tokens / 1e6


def on_others(here: Setup, prices: Mapping[str, float]) -> tuple[OnKnownMachine, ...]:
    """The same run on each common machine."""
    groups = [MachineGroup(machine) for machine in (*PROCESSORS, *GPUS)]
    return tuple(on_known(on_one(here, g.machine), g, prices) for g in groups)


def on_one(setup: Setup, machine: KnownMachine) -> Setup:
    return replace(setup, on=machine.computing(setup.settings.base.precision))


def on_known(setup: Setup, group: MachineGroup, prices: Mapping[str, float]) -> OnKnownMachine:
    minutes = run_minutes(setup, group.machine.speed(setup.on.precision))
    if minutes and group.count > 1 and not answers(setup):
        minutes = replace(minutes, answer=0.0)  # a server has to
    price = group.price(prices)
    return OnKnownMachine(
        name=group.machine.name,
        setup=setup,
        training=training_peak(setup),
        answering=answering_peak(setup),
        minutes=minutes,
        money=minutes.total / 60 * price * group.sold if minutes and price is not None else None,
        group=group,
        price=price,
        listed=price is not None and group.machine.name not in prices,
    )


def largest(setup: Setup, fits: Callable[[Setup], bool]) -> str | None:
    """The largest of the usual sizes that does, trained in NF4 with the project's rows."""
    in_nf4 = setup.training_with(quantization="nf4", dequantize_once=False)
    sizes = (name for name in reversed(SIZES) if fits(replace(in_nf4, shape=SIZES[name])))
    return next(sizes, None)


# --- lighter --------------------------------------------------------------------------------------

SHORTEST = 128  # tokens: a shorter base.max_length leaves out too much to be advice
Change = tuple[str, Callable[[Setup], Setup]]


@dataclass(frozen=True)
class Lighter:
    """A change of settings, and the memory that training or answering needs then."""

    change: str
    needs: int  # bytes
    fits: bool


def lighter(setup: Setup) -> list[Lighter]:
    """What to change where training or answering does not fit; nothing where both do."""
    options = []
    if not trains(setup):
        changes = list(training_changes(setup))
        if len(changes) > 1:
            changes.append(("all of these", lambda it: reduce(applied, changes[:-1], it)))
        peaks = [(words, training_peak(change(setup))) for words, change in changes]
        options += [Lighter(words, peak.total, peak.fits(setup.on.memory)) for words, peak in peaks]
    if not answers(setup) and setup.settings.decoding.batch_size > 1:
        peak = answering_peak(setup.answering_in_batches_of(1))
        fits = peak.fits(setup.on.memory)
        options.append(Lighter("evaluation.decoding.batch_size: 1", peak.total, fits))
    return options


def training_changes(setup: Setup) -> Iterator[Change]:
    """Those first that change nothing of what is learnt."""
    steps, adapter = setup.settings, setup.settings.adapter
    if steps.taken and not adapter.gradient_checkpointing:
        words = "training.adapter.gradient_checkpointing: true"
        yield words, lambda it: it.training_with(gradient_checkpointing=True)
    least = setup.count  # a row on each of several GPUs
    if large := {n: steps.step(n) for n in steps.taken if steps.step(n).batch_size > least}:
        passes = {n: s.batch_size // least * s.gradient_accumulation for n, s in large.items()}
        kept = [f"training.{name}.gradient_accumulation: {n}" for name, n in passes.items()]
        words = ", ".join([keys(large, f"batch_size: {least}"), *kept])
        yield words, lambda it: it.training_with(batch_size=least)
    packed: dict[str, object] = {"quantization": "nf4", "dequantize_once": False}
    if adapter.quantization != "nf4":
        yield "training.adapter.quantization: nf4", lambda it: it.training_with(**packed)
    elif any(setup.step(name).dequantized for name in steps.taken):
        yield "training.adapter.dequantize_once: false", lambda it: it.training_with(**packed)
    rows = [setup.step(name).longest for name in steps.taken if name != "domain"]
    if (half := max(rows, default=0) // 2) >= SHORTEST:
        words = f"base.max_length: {half}, which leaves longer rows out"
        yield words, lambda it: it.with_rows_of(half)


def applied(setup: Setup, change: Change) -> Setup:
    return change[1](setup)


def keys(steps: Iterable[StepName], setting: str) -> str:
    """The same setting of several steps."""
    return ", ".join(f"training.{name}.{setting}" for name in steps)


# --- QLoRA on GPUs that train together ------------------------------------------------------------


def on_gpus(wanted: Setup, group: MachineGroup, prices: Mapping[str, float]) -> OnKnownMachine:
    """Raises InputError where training does not fit, with what would."""
    setup = lay(wanted, group)
    if not trains(setup):
        raise InputError(refusal(wanted, setup, group), field="--gpus")
    return on_known(setup, group, prices)


def lay(wanted: Setup, group: MachineGroup) -> Setup:
    """A whole copy on each GPU where it fits, else shares that FSDP makes of the weights."""
    setup = on_one(wanted, group.machine).training_with(quantization="nf4")
    copies = replace(setup, count=group.count)
    if trains(copies) or group.count == 1 or setup.on.precision != "bfloat16":
        return copies
    return replace(copies.training_with(dequantize_once=False), layout="fsdp")


def refusal(wanted: Setup, setup: Setup, group: MachineGroup) -> str:
    needs, has = training_peak(setup).total / GB, group.machine.gigabytes
    larger = [str(other) for other in least_that_would(wanted, group)]
    would = [f"with {option.change}" for option in lighter(setup) if option.fits][:1]
    would += [f"on {other}, the least that would" for other in larger]
    return (
        f"{wanted.settings.base.model} does not train on {group}: it takes {needs:.0f} of {has} GB "
        f"on each, of which a tenth stays free; {'it would ' if would else 'nothing here would'}"
        f"{', or '.join(would)}"
    )


def least_that_would(wanted: Setup, group: MachineGroup) -> list[MachineGroup]:
    """As few more of the same kind as do, and the group of another kind with least memory."""
    same = [MachineGroup(group.machine, count) for count in SOLD if count > group.count]
    others = [MachineGroup(gpu, n) for gpu in GPUS if gpu != group.machine for n in SOLD]
    others.sort(key=lambda other: (other.machine.gigabytes * other.count, other.count))
    fitting = (next((g for g in many if trains(lay(wanted, g))), None) for many in (same, others))
    return [least for least in fitting if least]
