"""What `incumbent plan --gpus` prints of each group of GPUs."""

from collections.abc import Iterator
from dataclasses import fields

from incumbent.output import console, print_table
from incumbent.planning.cost.minutes import Minutes
from incumbent.planning.on_gpus import OnGpus
from incumbent.verbs.plan_figures import PARTS, gigabytes, minutes, where_there
from training.cost.gpus import LIST
from training.cost.memory import Peak
from training.processes.process_settings import SHARED

LAYOUTS = {
    "ddp": "a whole copy of the base on each (DDP)",
    "fsdp": "a share of the base on each, a layer gathered at a time (FSDP-QLoRA)",
}


def print_on_gpus(found: OnGpus) -> None:
    group, laid = found.group, found.laid
    console.print(f"\n{group}: QLoRA in {laid.setup.on.precision}", style="bold")
    if group.count > 1:
        console.print(LAYOUTS[laid.layout])
    if found.minutes:
        console.print(taken(found, found.minutes))
        console.print(money(found))
    print_table(("memory at the peak, GB on each", ">training", ">answering"), memory_rows(found))
    for line in remarks(found):
        console.print(line)


def taken(found: OnGpus, spent: Minutes) -> str:
    answers = f", {minutes(spent.answer)} to answer" if found.answers else ""
    return (
        f"about {hours(spent.total)}: {minutes(spent.train)} minutes to train{answers}, "
        f"{minutes(spent.other)} for everything else"
    )


def money(found: OnGpus) -> str:
    name, sold = found.group.gpu.name, found.group.sold
    if found.money is None:
        return f"money: no price of an hour is known, --price {name}=3.50 gives yours"
    several = f", of {sold}, as they are sold" if sold > found.group.count else ""
    of_list = f"; {LIST}" if found.listed else ""
    return f"money: {'$' if found.listed else ''}{found.money:.2f}{several}{of_list}"


def memory_rows(found: OnGpus) -> Iterator[tuple[str, str, str]]:
    training, answering = found.laid.peak, found.answering
    for part in fields(Peak):
        here, there = getattr(training.own, part.name), getattr(answering, part.name)
        if here or there:
            yield PARTS[part.name], where_there(here), where_there(there)
    if training.gathered:
        yield "gathered from the others", gigabytes(training.gathered), ""
    has = found.group.gpu.gigabytes
    yield f"in all, of {has}", gigabytes(training.total), gigabytes(answering.total)


def remarks(found: OnGpus) -> Iterator[str]:
    group, steps = found.group, found.laid.setup.settings
    if changes := found.laid.changes:
        yield f"with {', and '.join(changes)}, without which it does not fit"
    if not found.answers:
        yield "answering does not fit; a server can answer instead: docs/backends.md"
    elif group.count > 1:
        yield "answers: the base split by layers, of which one GPU computes at a time"
    if group.count > 1:
        keys = f"launcher: torchrun, processes: {group.count}, sharding: {found.laid.layout}"
        yield f"set training.distributed: {{{keys}}}"
        uneven = [
            f"training.{name}.batch_size: {steps.step(name).batch_size}"
            for name in steps.taken
            if name in SHARED and steps.step(name).batch_size % group.count
        ]
        if uneven:
            yield f"cannot be dealt out evenly to {group.count} GPUs: {', '.join(uneven)}"
        if alone := [name for name in steps.taken if name not in SHARED]:
            yield f"by one GPU alone: {', '.join(alone)}"
    yield "not counted: loading the base, hours that the machine is idle, and what fails"


def hours(taken: float) -> str:
    return f"{taken / 60:.1f} hours" if taken >= 90 else f"{minutes(taken)} minutes"
