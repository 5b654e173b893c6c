"""`plan`: what a run will take, here and elsewhere, before anything is loaded."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.text import Text

from incumbent.options import Json
from incumbent.output import console, print_json, print_table, say
from incumbent.planning.on_machines import (
    OnKnownMachine,
    OnMachine,
    largest,
    read_gpus,
    read_prices,
)
from incumbent.planning.run_cost import Setup, answers, trains
from incumbent.planning.run_plan import RunPlan, plan_run
from incumbent.planning.workload import Workload
from training.cost.base_shape import TABLE
from training.cost.machines import GB
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
MINUTES = ("train", "answer", "other", "total")
EXAMPLES = {
    "domain": "windows of text",
    "sft": "rows",
    "distill": "prompts",
    "dpo": "pairs",
    "kto": "answers",
    "grpo": "answers",
}
OTHERS = ("", ">training", ">answering", "fits", ">minutes", ">money", ">trains", ">and answers")


def print_plan(
    base: Annotated[
        str | None,
        typer.Option(help="Another base: a folder, or a size such as 0.5B, 3B, 7B, 14B, 70B."),
    ] = None,
    price: Annotated[
        list[str] | None,
        typer.Option(
            metavar="MACHINE=PRICE",
            help="Its price an hour, such as L4=0.8; can be given several times.",
        ),
    ] = None,
    gpus: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME[:COUNT]",
            help="Plan for these GPUs alone, such as H100:4; can be given several times.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Say what a run will take, here and on common machines: memory, minutes, tokens, money.

    $ incumbent plan
    $ incumbent plan --base 7B --gpus H100:2
    """
    plan = plan_run(base, read_prices(price or ()), gpus=read_gpus(gpus or ()))
    if as_json:
        print_json(plan_json(plan))
        return
    adapter = plan.settings.adapter
    size = f", {count(plan.shape.weights)} weights" if plan.shape else ""
    precision = "not quantized" if adapter.quantization == "none" else adapter.quantization
    console.print(f"base {plan.base}{size}; {precision}, LoRA of rank {adapter.r}")
    if plan.work:
        print_tokens(plan.work)
    if plan.here:
        print_here(plan.here, plan)
    if plan.others or plan.gpus:
        print_others(plan.others or plan.gpus)
    print_lines("the sealed eval set", plan.sealed)
    print_lines("assumed", plan.assumed)
    print_lines("missing", plan.missing)


def print_tokens(work: Workload) -> None:
    about = "about " if work.estimated else ""
    for name, step in work.steps.items():
        read = f", {step.read:,} read to compare with" if step.read else ""
        console.print(
            f"{about}{step.tokens:,} tokens trained in step {name}: {step.examples:,} "
            f"{EXAMPLES[name]} in {step.batches:,} batches, the longest of {step.longest}{read}"
        )
    answered = sum(asked.count for asked in work.answering)
    console.print(
        f"{about}{work.read:,} tokens read and {work.generated:,} generated, "
        f"for {answered:,} answers:"
    )
    for asked in work.answering:
        console.print(
            f"  {about}{asked.count:,} of {asked.system} to {asked.rows}: prompts of "
            f"{asked.alike + asked.prompt:.0f} tokens, about {asked.answer:.0f} generated"
        )


def print_here(here: OnMachine, plan: RunPlan) -> None:
    console.print(f"\nhere: {here.setup.on.precision} on {here.name}", style="bold")
    if taken := here.minutes:
        money = f", {here.money:.2f} in money" if here.money is not None else ""
        each = ", ".join(f"{name} {minutes(value)}" for name, value in taken.steps.items())
        steps = f" ({each})" if len(taken.steps) > 1 else ""
        console.print(
            f"about {minutes(taken.total)} minutes: {minutes(taken.train)} to train{steps}, "
            f"{minutes(taken.answer)} to answer, {minutes(taken.other)} for everything else{money}"
        )
        if busy := taken.beside_others:
            console.print(busy)
    rows = list(memory_rows(here))
    print_table(("memory at the peak, GB", ">training", ">answering"), rows)
    missing = "answering does not fit" if here.trains else "training does not fit"
    fits = here.trains and here.answers
    words = Text("fits", "green") if fits else Text(missing, "red")
    console.print(f"of {gigabytes(here.memory)} GB:", words)
    for change in plan.lighter:
        fits_then = "fits" if change.fits else "still too much"
        console.print(f"  {change.change}: {gigabytes(change.needs)} GB, {fits_then}")


def memory_rows(here: OnMachine) -> Iterator[tuple[str, str, str]]:
    for part, words in PARTS.items():
        sizes = [getattr(peak, part) for peak in (here.training, here.answering)]
        training, answering = (gigabytes(size) if size else "" for size in sizes)
        yield words, training, answering
    yield "in all", gigabytes(here.training.total), gigabytes(here.answering.total)


def print_others(others: Sequence[OnKnownMachine]) -> None:
    console.print("\nthe whole run elsewhere, roughly, and the largest base for it", style="bold")
    print_table(OTHERS, map(other_cells, others))
    console.print("training and answering: GB at the peak; trains: in NF4", style="dim")
    if any(not other.group.machine.gpu for other in others):
        processors = "CPU-2 and its like: a cloud's machines of so many vCPUs, with AVX2"
        console.print(processors, style="dim")
    listed = f"$: {TABLE['list']}; yours: " if any(other.listed for other in others) else ""
    console.print(f"{listed}--price L4=0.8", style="dim")
    for other in others:
        if other.group.count > 1:
            print_lines(str(other.group), list(notes_of(other)))


def other_cells(other: OnKnownMachine) -> tuple[str | Text, ...]:
    fits = other.trains and other.answers
    together = other.group.count > 1  # of which a server may answer instead
    spent = other.minutes if fits or together else None
    return (
        str(other.group) if together else f"{other.name}, {other.memory / GB:.0f} GB",
        gigabytes(other.training.total),
        gigabytes(other.answering.total),
        Text("yes", "green") if fits else Text("trains" if other.trains else "no", "red"),
        minutes(spent.total) if spent else "",
        f"{'$' if other.listed else ''}{other.money:.2f}"
        if spent and other.money is not None
        else "",
        largest(other.setup, trains) or "none",
        largest(other.setup, trains_and_answers) or "none",
    )


def trains_and_answers(setup: Setup) -> bool:
    return trains(setup) and answers(setup)


def print_lines(title: str, lines: Sequence[str]) -> None:
    if lines:
        console.print(f"\n{title}", style="bold")
    for line in lines:
        say(f"  {line}")


def notes_of(machine: OnKnownMachine) -> Iterator[str]:
    """What is to know of GPUs that train together."""
    gpus, steps, layout = machine.group.count, machine.setup.settings, machine.setup.layout
    yield LAYOUTS[layout]
    if not machine.answers:
        yield (
            "answering does not fit, and is not counted; a server can answer: "
            "docs/how-to/backends-and-experiments.md"
        )
    yield f"set training.distributed: {{processes: {gpus}, sharding: {layout}}}"
    sizes = {name: steps.step(name).batch_size for name in steps.taken if name in SHARED}
    if uneven := [f"training.{n}.batch_size: {b}" for n, b in sizes.items() if b % gpus]:
        yield f"cannot be dealt out evenly to {gpus} GPUs: {', '.join(uneven)}"
    if alone := [name for name in steps.taken if name not in SHARED]:
        yield f"by one GPU alone: {', '.join(alone)}"
    if machine.group.sold > gpus:
        yield f"money: of {machine.group.sold} GPUs, as they are sold"


# --- figures ------------------------------------------------------------------------------------


def count(weights: int) -> str:
    if weights >= 1e9:
        return f"{weights / 1e9:.1f} billion"
    return f"{weights / 1e6:.0f} million" if weights >= 1e7 else f"{weights / 1e6:.1f} million"


def gigabytes(size: int) -> str:
    return f"{size / GB:.1f}" if size >= 10 * GB else f"{size / GB:.2f}"


def minutes(value: float) -> str:
    return f"{value:.0f}" if value >= 10 else f"{value:.1f}"


# --- for other programs -------------------------------------------------------------------------


def plan_json(plan: RunPlan) -> dict[str, Any]:
    """Bytes, minutes and tokens, with sums. What is not known is null, and `missing` says why."""
    work = plan.work
    return {
        "base": {"model": plan.base, "weights": plan.shape.weights if plan.shape else None},
        "quantization": plan.settings.adapter.quantization,
        "steps": work and {name: asdict(step) for name, step in work.steps.items()},
        "tokens": work and {"trained": work.tokens, "read": work.read, "generated": work.generated},
        "answers": [asdict(asked) for asked in work.answering] if work else None,
        "here": plan.here and here_json(plan.here),
        "others": [on_known_json(other) for other in plan.others],
        "gpus": [on_known_json(gpus) for gpus in plan.gpus],
        "lighter": [asdict(change) for change in plan.lighter],
        "sealed": list(plan.sealed),
        "assumed": list(plan.assumed),
        "missing": list(plan.missing),
    }


def on_machine_json(machine: OnMachine) -> dict[str, Any]:
    spent = machine.minutes
    return {
        "name": machine.name,
        "precision": machine.setup.on.precision,
        "memory": machine.memory,
        "trains": machine.trains,
        "answers": machine.answers,
        "training": asdict(machine.training) | {"total": machine.training.total},
        "answering": asdict(machine.answering) | {"total": machine.answering.total},
        "minutes": spent and {part: getattr(spent, part) for part in MINUTES},
        "money": machine.money,
    }


def here_json(machine: OnMachine) -> dict[str, Any]:
    steps = machine.minutes.steps if machine.minutes else {}
    return on_machine_json(machine) | {"steps": dict(steps.items())}


def on_known_json(machine: OnKnownMachine) -> dict[str, Any]:
    return on_machine_json(machine) | {
        "gpu": machine.group.machine.gpu,
        "count": machine.group.count,
        "sold": machine.group.sold,
        "layout": machine.setup.layout,
        "price": machine.price,
        "listed": machine.listed,
        "largest_trained": largest(machine.setup, trains),
        "largest_in_all": largest(machine.setup, trains_and_answers),
    }
