"""`incumbent plan`: what a run will take, here and elsewhere, before anything is loaded."""

from collections.abc import Iterator, Sequence
from dataclasses import fields

from rich.text import Text

from incumbent.output import console, print_json, print_table
from incumbent.planning.cost.gpu_groups import read_gpus
from incumbent.planning.cost.prices import read_prices
from incumbent.planning.on_devices import OnDevice, OnOther, OnThisMachine
from incumbent.planning.plan_json import plan_json
from incumbent.planning.run_plan import RunPlan, plan_run
from incumbent.planning.work.workload import Workload
from incumbent.verbs.plan_figures import PARTS, gigabytes, minutes, where_there
from incumbent.verbs.plan_gpus import print_on_gpus
from training.cost.gpus import GB, LIST
from training.cost.memory import Peak

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
    base: str | None, prices: Sequence[str], gpus: Sequence[str], *, as_json: bool
) -> None:
    """Print the plan of the project here, with another base where one is named."""
    plan = plan_run(base, read_prices(prices), gpus=read_gpus(gpus))
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
