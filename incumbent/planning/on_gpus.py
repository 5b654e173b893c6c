"""QLoRA of a base on several GPUs of a kind: how the base lies on them, memory on each, money."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from math import ceil

from incumbent.planning.minutes import Clock, Minutes, Setup, answering_peak
from incumbent.planning.on_devices import CHECKPOINTED, computing, keys
from incumbent.planning.prices import SOLD, GpuGroup, price_of
from incumbent.planning.row_lengths import RunSettings
from incumbent.planning.workload import Longest, Workload
from project.errors import InputError
from training.cost.computing import BaseShape
from training.cost.gpus import GB, GPUS
from training.cost.memory import Peak, StepSetup
from training.cost.minutes import GpuPeak, GroupClock, Layout, gpu_peak
from training.processes.accelerate_config import SHARED
from training.recipe import StepName


@dataclass(frozen=True)
class Laid:
    """How training lies on a group of GPUs."""

    setup: Setup
    layout: Layout
    changes: tuple[str, ...]  # of the settings, without which it does not fit
    peak: GpuPeak


@dataclass(frozen=True)
class OnGpus:
    """None where it is not known."""

    group: GpuGroup
    laid: Laid
    answering: Peak  # on each, the base split by layers
    answers: bool  # whether that fits
    minutes: Minutes | None  # without answers where they do not fit
    price: float | None  # of an hour of one GPU
    listed: bool  # whether that is a list's and not the user's

    @property
    def money(self) -> float | None:
        """As many as are sold together are paid."""
        if self.minutes is None or self.price is None:
            return None
        return self.minutes.total / 60 * self.price * self.group.sold


@dataclass(frozen=True)
class Wanted:
    """What is to be trained, wherever."""

    shape: BaseShape
    name: str
    settings: RunSettings
    longest: Longest
    work: Workload | None

    def setup(self, group: GpuGroup) -> Setup:
        """In NF4: this is about QLoRA."""
        on = computing(group.gpu, self.settings.base)
        setup = Setup(self.shape, self.settings, self.longest, on)
        return setup.training_with(quantization="nf4")


def on_gpus(wanted: Wanted, group: GpuGroup, prices: Mapping[str, float]) -> OnGpus:
    """Raises InputError where training does not fit, with the least that would do."""
    laid = lay(wanted, group)
    if laid is None:
        raise InputError(refusal(wanted, group), field="--gpus")
    answering = split_by_layers(answering_peak(laid.setup), group.count)
    answers = answering.fits(laid.setup.on.memory)
    price = price_of(group.gpu, prices)
    return OnGpus(
        group=group,
        laid=laid,
        answering=answering,
        answers=answers,
        minutes=minutes(wanted.work, laid, group, answers=answers) if wanted.work else None,
        price=price,
        listed=price is not None and group.gpu.name not in prices,
    )


def lay(wanted: Wanted, group: GpuGroup) -> Laid | None:
    """A whole copy on each GPU where it fits, else shares; settings change last."""
    for setup, changes in saving_memory(wanted.setup(group), group.count):
        for layout in layouts(setup, group.count):
            laid = laid_so(setup, layout, changes, group.count)
            if laid.peak.fits(setup.on.memory):
                return laid
    return None


def saving_memory(setup: Setup, count: int) -> Iterator[tuple[Setup, tuple[str, ...]]]:
    """As it is set, and with changes that leave what is learnt as it is, but for noise."""
    steps = setup.settings
    yield setup, ()
    changes: list[str] = []
    if steps.taken and not steps.adapter.gradient_checkpointing:
        setup = setup.training_with(gradient_checkpointing=True)
        changes.append(CHECKPOINTED)
        yield setup, tuple(changes)
    if large := [name for name in steps.taken if steps.step(name).batch_size > count]:
        changes.append(keys(large, f"batch_size: {count}"))
        yield setup.training_with(batch_size=count), tuple(changes)


def layouts(setup: Setup, count: int) -> tuple[Layout, ...]:
    """FSDP shares NF4 weights out that are kept in bfloat16, as what is computed with."""
    return ("ddp", "fsdp") if count > 1 and setup.on.precision == "bfloat16" else ("ddp",)


def laid_so(setup: Setup, layout: Layout, changes: tuple[str, ...], count: int) -> Laid:
    if layout == "fsdp":
        setup = setup.training_with(dequantize_once=False)
    peaks = [gpu_peak(*shared(setup, name, layout, count)) for name in setup.steps]
    return Laid(setup, layout, changes, max(peaks, key=lambda peak: peak.total))


def shared(
    setup: Setup, name: StepName, layout: Layout, count: int
) -> tuple[StepSetup, Layout, int]:
    """A step as each GPU takes it, and how many do: they share its batches, or one takes all."""
    step = setup.step(name)
    if name not in SHARED:
        return step, "ddp", 1
    batch = ceil(step.params.batch_size / count)
    return replace(step, params=step.params.model_copy(update={"batch_size": batch})), layout, count


def split_by_layers(peak: Peak, count: int) -> Peak:
    """As transformers puts a base on all GPUs that it sees: device_map="auto"."""
    return replace(peak, weights=-(-peak.weights // count), adapter=-(-peak.adapter // count))


def minutes(work: Workload, laid: Laid, group: GpuGroup, *, answers: bool) -> Minutes | None:
    """Of training on all; of answers on one after the other, as its layers come."""
    setup, gpu = laid.setup, group.gpu
    speed = gpu.speed(setup.on.precision)
    if speed is None:
        return None
    trained = 0.0
    for name, step in work.steps.items():
        own, layout, count = shared(setup, name, laid.layout, group.count)
        passes = replace(step, batches=step.batches * count)  # one of each GPU for a batch
        trained += GroupClock(own, layout, gpu, count).seconds(passes) or 0.0
    alone = Clock(setup, speed).minutes(work)
    return replace(alone, train=trained / 60, answer=alone.answer if answers else 0.0)


def refusal(wanted: Wanted, group: GpuGroup) -> str:
    *_, (setup, changes) = saving_memory(wanted.setup(group), group.count)
    layout = layouts(setup, group.count)[-1]
    needs = laid_so(setup, layout, changes, group.count).peak.total / GB
    found = [str(one) for one in least(wanted, group)]
    would = f"the least that would: {', or '.join(found)}" if found else "nothing here would"
    return (
        f"{wanted.name} does not train on {group}: it takes {needs:.0f} of "
        f"{group.gpu.gigabytes} GB on each, of which a tenth stays free; {would}"
    )


def least(wanted: Wanted, group: GpuGroup) -> list[GpuGroup]:
    """As few more of the same kind as do, and the group of another kind with least memory."""
    same = [GpuGroup(group.gpu, count) for count in SOLD if count > group.count]
    others = [GpuGroup(gpu, count) for gpu in GPUS if gpu != group.gpu for count in SOLD]
    others.sort(key=lambda one: (one.gpu.gigabytes * one.count, one.count))
    fitting = (next((one for one in many if lay(wanted, one)), None) for many in (same, others))
    return [one for one in fitting if one]
