"""`judge suites`: public suites on champion and challenger, into a score table."""

from itertools import groupby
from pathlib import Path
from typing import Annotated

import typer

from evaluation.evaluation_settings import Decoding
from evaluation.generation.contestants import both_contestants
from evaluation.generation.systems import check_out_adapter
from evaluation.scoring.public_suites import Suites, SuiteSample, ask, paired
from incumbent.options import LARGEST
from incumbent.output import print_table, say
from project.errors import InputError
from project.libraries import allow_downloads, show_library_bars
from project.model_pins import pinned_folder
from project.paths import ADAPTER_FILES, CHAMPION
from project.records.adapters import Contestant
from project.records.record import write_records
from project.records.scores import ItemScore
from project.settings import load
from training.precision import choose_numerics

COLUMNS = ("task", "metric", ">items", ">champion", ">challenger", ">difference")


def run_suites(
    tasks: Annotated[list[str], typer.Argument(help="Tasks or groups, by lm-eval's names.")],
    to: Annotated[Path, typer.Option(help="The score table to write.")],
    include: Annotated[
        Path | None, typer.Option(help="A folder with lm-eval tasks of your own.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, max=LARGEST, help="Items of each task at most.")
    ] = None,
    metric: Annotated[
        str | None,
        typer.Option(help="The metric, such as acc; if left out, the first that all tasks have."),
    ] = None,
) -> None:
    """Run public suites on champion and challenger; needs the lm-eval extra.

    $ incumbent judge suites arc_easy --to suites.jsonl --limit 100
    """
    allow_downloads()  # of a suite's data, which lm-eval fetches from the Hub
    show_library_bars()  # its own are all that says how far it is
    champion, challenger = both_contestants()
    if champion.adapter == challenger.adapter:
        raise InputError("the challenger is the champion: run `dvc repro` first", file=CHAMPION)
    suites = Suites(
        tasks=tuple(tasks),
        include=include,
        limit=limit,
        batch_size=load(Decoding).batch_size,
        chat=None not in (champion.base.chat_template, challenger.base.chat_template),
    )
    theirs = ask_suites(champion, check_out_adapter(champion.lora), suites)
    files = ADAPTER_FILES if challenger.lora else None
    table = paired(theirs, ask_suites(challenger, files, suites), metric)
    write_records(to, table)
    print_table(COLUMNS, [means(name, list(items)) for name, items in groupby(table, task)])
    say(f"\n{len(table)} items; to weigh them: incumbent decide --scores {to}")


def ask_suites(
    contestant: Contestant, files: Path | None, suites: Suites
) -> tuple[SuiteSample, ...]:
    """What a contestant makes of the tasks, its adapter's files in a folder."""
    base = pinned_folder(contestant.base, "base")
    return ask(base, files, suites, choose_numerics().precision, contestant.system_prompt)


def task(item: ItemScore) -> str:
    return item.slices[0].removeprefix("suite=")


def means(name: str, items: list[ItemScore]) -> tuple[str, ...]:
    (metric,) = items[0].champion
    champion, challenger = (
        sum(scores[metric] for scores in side) / len(items)
        for side in ([i.champion for i in items], [i.challenger for i in items])
    )
    difference = f"{challenger - champion:+.3f}"
    return (name, metric, str(len(items)), f"{champion:.3f}", f"{challenger:.3f}", difference)
