"""`plan`: what a run will take, here and elsewhere, before anything is loaded."""

from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Annotated

import typer
from rich.text import Text

from incumbent.options import Json
from incumbent.output import console, print_json, print_table
from incumbent.planning.minutes import Minutes
from incumbent.planning.on_devices import OnDevice, OnOther, OnThisMachine
from incumbent.planning.on_gpus import OnGpus
from incumbent.planning.plan_json import plan_json
from incumbent.planning.prices import read_gpus, read_prices
from incumbent.planning.run_plan import RunPlan, plan_run
from incumbent.planning.workload import Workload
from training.cost.gpus import GB, LIST
from training.cost.memory import Peak
from training.processes.accelerate_config import SHARED

PARTS = {  # of the memory, as people read them
    "weights": "weights",
    "adapter": "LoRA; in training its gradients and Adam's moments too",
    "activations": "activations",
    "cache": "keys and values",
    "logits": "logits",
    "process": "the program",
}
LAYOUTS = {
    "ddp": "a whole copy of the base on each (DDP)",
    "fsdp": "a share of the base on each, a layer gathered at a time (FSDP-QLoRA)",
}
EXAMPLES = {"domain": "windows of text", "sft": "rows", "dpo": "pairs", "kto": "answers"}
OTHER_COLUMNS = (
    "",
    ">training",
    ">answering",
    "fits",
    ">minutes",
    ">money",
    ">trains",
    ">and answers",
)


def print_plan(
    base: Annotated[
        str | None,
        typer.Option(help="Another base: a folder, or a size such as 0.5B, 3B, 7B, 14B, 70B."),
    ] = None,
    price: Annotated[
        list[str] | None,
        typer.Option(metavar="MACHINE=PRICE", help="Of an hour, such as L4=0.8; again for others."),
    ] = None,
    gpus: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME[:COUNT]", help="On these alone, such as H100:4; again: others."),
    ] = None,
    as_json: Json = False,
) -> None:
    """What a run will take, here and on common machines: memory, minutes, tokens, money."""
    plan = plan_run(base, read_prices(price or ()), gpus=read_gpus(gpus or ()))
    if as_json:
        print_json(plan_json(plan))
        return
    print_base(plan)
    if plan.work:
        print_tokens(plan.work)
    if plan.here:
        print_here(plan.here, plan)
    if plan.others:
        print_others(plan.others)
    for one in plan.gpus:
        print_on_gpus(one)
    print_lines("the sealed eval set", plan.sealed)
    print_lines("assumed", plan.assumed)
    print_lines("missing", plan.missing)


def print_base(plan: RunPlan) -> None:
    adapter = plan.settings.adapter
    size = f", {count(plan.shape.weights)} weights" if plan.shape else ""
    precision = "not quantized" if adapter.quantization == "none" else adapter.quantization
    console.print(f"base {plan.base}{size}; {precision}, LoRA of rank {adapter.r}")


def print_tokens(work: Workload) -> None:
    for name, step in work.steps.items():
        read = f", {step.read:,} read to compare with" if step.read else ""
        console.print(
            f"{step.tokens:,} tokens trained in step {name}: {step.examples:,} {EXAMPLES[name]} in "
            f"{step.batches:,} batches, the longest of {step.longest}{read}"
        )
    answers = sum(one.count for one in work.answering)
    console.print(
        f"{work.read:,} tokens read and {work.generated:,} generated, for {answers:,} answers:"
    )
    for one in work.answering:
        console.print(
            f"  {one.count:,} of {one.system} to {one.rows}: prompts of "
            f"{one.alike + one.prompt:.0f} tokens, about {one.answer:.0f} generated"
        )


def print_here(here: OnThisMachine, plan: RunPlan) -> None:
    console.print(f"\nhere: {here.precision} on {here.name}", style="bold")
    if taken := here.minutes:
        money = f", {here.money:.2f} in money" if here.money is not None else ""
        each = ", ".join(f"{name} {minutes(value)}" for name, value in here.steps.items())
        steps = f" ({each})" if len(here.steps) > 1 else ""
        console.print(
            f"about {minutes(taken.total)} minutes: {minutes(taken.train)} to train{steps}, "
            f"{minutes(taken.answer)} to answer, {minutes(taken.other)} for everything else{money}"
        )
    rows = list(memory_rows(here))
    print_table(("memory at the peak, GB", ">training", ">answering"), rows)
    console.print(f"of {gigabytes(here.memory)} GB:", verdict(here))
    for one in plan.lighter:
        fits = "fits" if one.fits else "still too much"
        console.print(f"  {one.change}: {gigabytes(one.needs)} GB, {fits}")
    if plan.disk:
        used = plan.disk
        console.print(
            f"disk: {gigabytes(used.total)} GB, of which {gigabytes(used.adapter)} for each version"
        )


def memory_rows(here: OnDevice) -> Iterator[tuple[str, str, str]]:
    for part in fields(Peak):
        training, answering = (getattr(p, part.name) for p in (here.training, here.answering))
        yield PARTS[part.name], where_there(training), where_there(answering)
    yield "in all", gigabytes(here.training.total), gigabytes(here.answering.total)


def verdict(here: OnDevice) -> Text:
    if here.trains and here.answers:
        return Text("fits", "green")
    missing = "answering does not fit" if here.trains else "training does not fit"
    return Text(missing, "red")


def print_others(others: Sequence[OnOther]) -> None:
    console.print("\nthe whole run elsewhere, roughly, and the largest base for it", style="bold")
    print_table(OTHER_COLUMNS, map(other_cells, others))
    console.print("training and answering: GB at the peak; trains: in NF4", style="dim")
    console.print("CPU-2 and its like: a cloud's machines of so many vCPUs, with AVX2", style="dim")
    if any(one.listed for one in others):
        console.print(f"$: {LIST}; yours: --price L4=0.8", style="dim")


def other_cells(one: OnOther) -> tuple[str | Text, ...]:
    fits = one.trains and one.answers
    return (
        f"{one.name}, {one.memory / GB:.0f} GB",
        gigabytes(one.training.total),
        gigabytes(one.answering.total),
        Text("yes", "green") if fits else Text("no", "red"),
        minutes(one.minutes.total) if one.minutes and fits else "",
        f"{'$' if one.listed else ''}{one.money:.2f}" if one.money is not None and fits else "",
        one.largest_trained or "none",
        one.largest_in_all or "none",
    )


def print_lines(title: str, lines: Sequence[str]) -> None:
    if lines:
        console.print(f"\n{title}", style="bold")
    for line in lines:
        console.print(f"  {line}", soft_wrap=True)


def count(weights: int) -> str:
    if weights >= 1e9:
        return f"{weights / 1e9:.1f} billion"
    return f"{weights / 1e6:.0f} million" if weights >= 1e7 else f"{weights / 1e6:.1f} million"


# --- on GPUs ------------------------------------------------------------------------------------


def print_on_gpus(found: OnGpus) -> None:
    group, laid = found.group, found.laid
    console.print(f"\n{group}: QLoRA in {laid.setup.on.precision}", style="bold")
    if group.count > 1:
        console.print(LAYOUTS[laid.layout])
    if found.minutes:
        console.print(taken(found, found.minutes))
        console.print(money(found))
    print_table(
        ("memory at the peak, GB on each", ">training", ">answering"), gpu_memory_rows(found)
    )
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


def gpu_memory_rows(found: OnGpus) -> Iterator[tuple[str, str, str]]:
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


# --- figures ------------------------------------------------------------------------------------


def gigabytes(size: int) -> str:
    return f"{size / GB:.1f}" if size >= 10 * GB else f"{size / GB:.2f}"


def where_there(size: int) -> str:
    return gigabytes(size) if size else ""


def minutes(value: float) -> str:
    return f"{value:.0f}" if value >= 10 else f"{value:.1f}"
