"""A run on this machine, and on common ones: processors of a cloud, and GPUs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from incumbent.planning.minutes import Clock, Minutes, Setup, answering_peak, training_peak
from incumbent.planning.prices import CLOUD_PROCESSORS, CloudProcessor, price_of
from incumbent.planning.row_lengths import RunSettings
from incumbent.planning.workload import Longest, Workload
from project.model_pins import BaseChoice
from project.records.adapters import Precision
from training.cost.computing import SIZES, BaseShape, Computing, Speed
from training.cost.gpus import GB, GPUS, Gpu, ThisMachine
from training.cost.memory import Peak
from training.recipe import StepName

# --- lighter --------------------------------------------------------------------------------------

# Settings with which a run takes less memory, and the largest base that a device can train.

CHECKPOINTED = "training.adapter.gradient_checkpointing: true"
SHORTEST = 128  # tokens: a shorter base.max_length leaves out too much to be advice


@dataclass(frozen=True)
class Lighter:
    """A change of settings, and the memory that training or answering needs then."""

    change: str
    needs: int  # bytes
    fits: bool


def trains(setup: Setup) -> bool:
    return training_peak(setup).fits(setup.on.memory)


def answers(setup: Setup) -> bool:
    return answering_peak(setup).fits(setup.on.memory)


def lighter(setup: Setup) -> list[Lighter]:
    """What to change where training or answering does not fit; nothing where both do."""
    found = []
    if not trains(setup):
        changes = [*lighter_training(setup)]
        if len(changes) > 1:
            changes.append(("all of these", lightest(setup)))
        found += [of(change, training_peak(other), setup) for change, other in changes]
    if not answers(setup) and setup.settings.decoding.batch_size > 1:
        other = setup.answering_in_batches_of(1)
        found.append(of("evaluation.decoding.batch_size: 1", answering_peak(other), setup))
    return found


def of(change: str, peak: Peak, setup: Setup) -> Lighter:
    return Lighter(change, peak.total, peak.fits(setup.on.memory))


def lighter_training(setup: Setup) -> Iterator[tuple[str, Setup]]:
    """Each change alone, those first that change nothing of what is learnt."""
    steps, adapter = setup.settings, setup.settings.adapter
    if steps.taken and not adapter.gradient_checkpointing:
        yield CHECKPOINTED, setup.training_with(gradient_checkpointing=True)
    batches = {name: steps.step(name).batch_size for name in steps.taken}
    if large := [name for name, size in batches.items() if size > 1]:
        rows = [batches[name] * steps.step(name).gradient_accumulation for name in large]
        kept = [
            f"training.{n}.gradient_accumulation: {r}" for n, r in zip(large, rows, strict=True)
        ]
        said = ", ".join([keys(large, "batch_size: 1"), *kept])
        yield said, setup.training_with(batch_size=1)
    if adapter.quantization != "nf4":
        other = setup.training_with(quantization="nf4", dequantize_once=False)
        yield "training.adapter.quantization: nf4", other
    elif any(step.dequantized for step in setup.steps.values()):
        other = setup.training_with(dequantize_once=False)
        yield "training.adapter.dequantize_once: false", other
    if (half := setup.longest.row // 2) >= SHORTEST:
        yield f"base.max_length: {half}, which leaves longer rows out", setup.with_rows_of(half)


def keys(steps: Sequence[StepName], setting: str) -> str:
    """The same setting of several steps."""
    return ", ".join(f"training.{name}.{setting}" for name in steps)


def lightest(setup: Setup) -> Setup:
    """With all of these changes."""
    least = setup.training_with(
        gradient_checkpointing=True, batch_size=1, quantization="nf4", dequantize_once=False
    )
    half = setup.longest.row // 2
    return least.with_rows_of(half) if half >= SHORTEST else least


def largest_trained(setup: Setup) -> str | None:
    """The largest of the usual sizes that trains in NF4 with the project's rows."""
    return next((name for name, one in by_size(setup) if trains(one)), None)


def largest_in_all(setup: Setup) -> str | None:
    """The largest that also answers, for which it is not quantised."""
    return next((name for name, one in by_size(setup) if trains(one) and answers(one)), None)


def by_size(setup: Setup) -> Iterator[tuple[str, Setup]]:
    in_nf4 = setup.training_with(quantization="nf4", dequantize_once=False)
    for name, shape in reversed(SIZES.items()):
        yield name, replace(in_nf4, shape=shape)


# --- on devices -----------------------------------------------------------------------------------


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
