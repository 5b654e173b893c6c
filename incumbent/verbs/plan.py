"""`incumbent plan`: what a run will take, here and on common GPUs, before anything is loaded."""

from collections.abc import Iterator, Sequence
from dataclasses import fields

from rich.text import Text

from incumbent.output import console, print_json, print_table
from incumbent.planning.cost.gpus import GB, LIST, read_prices
from incumbent.planning.cost.memory import Peak
from incumbent.planning.on_devices import OnDevice, OnGpu
from incumbent.planning.plan_json import plan_json
from incumbent.planning.run_plan import RunPlan, plan_run
from incumbent.planning.work.workload import Workload

PARTS = {  # of the memory, as people read them
    "weights": "weights",
    "adapter": "LoRA; in training its gradients and Adam's moments too",
    "activations": "activations",
    "cache": "keys and values",
    "logits": "logits",
    "process": "the program",
}
GPU_COLUMNS = (
    "",
    ">training",
    ">answering",
    "fits",
    ">minutes",
    ">money",
    ">trains",
    ">and answers",
)


def print_plan(base: str | None, prices: Sequence[str], *, as_json: bool) -> None:
    """Print the plan of the project here, with another base where one is named."""
    plan = plan_run(base, read_prices(prices))
    if as_json:
        print_json(plan_json(plan))
        return
    print_base(plan)
    if plan.work:
        print_tokens(plan.work)
    if plan.here:
        print_here(plan.here, plan)
    if plan.gpus:
        print_gpus(plan.gpus)
    print_lines("the sealed eval set", plan.sealed)
    print_lines("assumed", plan.assumed)
    print_lines("missing", plan.missing)


def print_base(plan: RunPlan) -> None:
    training = plan.settings.training
    size = f", {count(plan.shape.weights)} weights" if plan.shape else ""
    precision = "not quantized" if training.quantization == "none" else training.quantization
    console.print(
        f"base {plan.base}{size}; {precision}, LoRA of rank {training.r}, "
        f"batches of {training.batch_size}"
    )


def print_tokens(work: Workload) -> None:
    console.print(
        f"{work.tokens:,} tokens trained: {work.rows:,} rows in {work.steps:,} steps, the longest "
        f"of {work.longest.row}"
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


def print_here(here: OnDevice, plan: RunPlan) -> None:
    console.print(f"\nhere: {here.precision} on {here.name}", style="bold")
    if taken := here.minutes:
        money = f", {here.money:.2f} in money" if here.money is not None else ""
        console.print(
            f"about {minutes(taken.total)} minutes: {minutes(taken.train)} to train, "
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


def where_there(size: int) -> str:
    return gigabytes(size) if size else ""


def verdict(here: OnDevice) -> Text:
    if here.trains and here.answers:
        return Text("fits", "green")
    missing = "answering does not fit" if here.trains else "training does not fit"
    return Text(missing, "red")


def print_gpus(gpus: Sequence[OnGpu]) -> None:
    console.print("\nthe whole run on a GPU, roughly, and the largest base for it", style="bold")
    print_table(GPU_COLUMNS, map(gpu_cells, gpus))
    console.print("training and answering: GB at the peak; trains: in NF4", style="dim")
    if any(gpu.listed for gpu in gpus):
        console.print(f"$: {LIST}; yours: --price L4=0.8", style="dim")


def gpu_cells(gpu: OnGpu) -> tuple[str | Text, ...]:
    fits = gpu.trains and gpu.answers
    return (
        f"{gpu.name}, {gpu.memory / GB:.0f} GB",
        gigabytes(gpu.training.total),
        gigabytes(gpu.answering.total),
        Text("yes", "green") if fits else Text("no", "red"),
        minutes(gpu.minutes.total) if gpu.minutes and fits else "",
        f"{'$' if gpu.listed else ''}{gpu.money:.2f}" if gpu.money is not None and fits else "",
        gpu.largest_trained or "none",
        gpu.largest_in_all or "none",
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


def gigabytes(size: int) -> str:
    return f"{size / GB:.1f}" if size >= 10 * GB else f"{size / GB:.2f}"


def minutes(value: float) -> str:
    return f"{value:.0f}" if value >= 10 else f"{value:.1f}"
