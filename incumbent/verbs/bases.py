"""`search bases`: which base model to start from, before money is spent on training."""

import sys
from collections.abc import Iterator, Sequence
from typing import Annotated

import typer
from rich.text import Text

from incumbent.options import GO_ON, LARGEST, Json, saying_what_stays
from incumbent.output import console, print_json, print_table, say
from incumbent.searching.base_asking import RankingSetup, expected, rank
from incumbent.searching.base_candidates import (
    BaseRanking,
    BaseScores,
    Candidate,
    RankedBase,
    find,
    read_name,
    refuse_twice,
)
from incumbent.searching.pace import minutes_text
from project.child_processes import ended_by_signals
from project.libraries import allow_downloads
from project.records.data import counted
from training.cost.machines import GB

WIDE = 21  # letters of a base's name
ACROSS = "bits_per_byte"  # that any two tokenizers share
SHOWN = ("rougeL", "semantic", ACROSS)  # beside what ranks


@saying_what_stays(GO_ON)
def bases(
    names: Annotated[
        list[str], typer.Argument(help="Folders, Hub ids such as org/name@COMMIT, or embedded.")
    ],
    few_shot: Annotated[
        int, typer.Option(min=0, max=LARGEST, help="Training rows in each prompt; 0: only bare.")
    ] = 3,
    by: Annotated[
        str | None, typer.Option(help="The metric that ranks; the first that gates if left out.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Rank base models on dev, bare and few-shot, with what each costs, before any is trained.

    Raises InputError for a base that is named twice, and IncumbentError where none could be asked.

    $ incumbent search bases embedded models/qwen
    """
    choices = [read_name(name) for name in names]
    refuse_twice(choices)
    allow_downloads()  # before the question, whose scorers import the Hub's library
    with ended_by_signals():
        question = RankingSetup.here(few_shot, by)
        candidates = [find(choice, question.numerics) for choice in choices]
        say_beginning(candidates, question)
        ranking = rank(candidates, question)
    if as_json:
        print_json(ranking.model_dump(mode="json") | {"said": ranking.sentences})
        return
    print_ranking(ranking)


def say_beginning(candidates: Sequence[Candidate], question: RankingSetup) -> None:
    """Tell people how long it will take, before the first long work."""
    ways = "bare and few-shot" if question.shots else "bare"
    about = minutes_text(expected(candidates, question))
    items = counted(len(question.items), "dev item")
    print(f"{counted(len(candidates), 'base')}, {ways}, {items}: {about}", file=sys.stderr)


def print_ranking(ranking: BaseRanking) -> None:
    metrics = [*dict.fromkeys((ranking.by, *(name for name in SHOWN if name in ranking.better)))]
    numbers = [f">{name}" for name in metrics]
    print_table(("base", "asked", *numbers, ">tokens/s"), list(score_cells(ranking, metrics)))
    if len(ranking.asked) > 1:
        console.print(
            f"\nbetter than {ranking.first}, intervals of {ranking.level:.0%}", style="bold"
        )
        two = list(dict.fromkeys((ranking.by, ACROSS)))
        cells = list(difference_cells(ranking, two))
        print_table(("base", "asked", *(f">{name}" for name in two)), cells)
    console.print("\nan adapter on it, by training.sft, on this machine", style="bold")
    columns = ("base", ">weights", ">min", ">GB", ">1,000 answers", "license")
    names = in_width([base.name for base in ranking.bases])
    print_table(columns, [(names[base.name], *cost_cells(base)) for base in ranking.bases])
    say(*problems(ranking), *ranking.sentences)


def each_way(ranking: BaseRanking) -> Iterator[tuple[str, str, BaseScores]]:
    """The name in the width of its column, how the base was asked, and what came of it."""
    names = in_width([base.name for base in ranking.bases])
    for base in ranking.asked:
        for name, way in (("bare", base.bare), (f"{ranking.shots} shown", base.few_shot)):
            if way:
                yield names[base.name], name, way


def score_cells(ranking: BaseRanking, metrics: Sequence[str]) -> Iterator[tuple[str, ...]]:
    for base, asked, way in each_way(ranking):
        speed = "" if way.tokens_per_second is None else f"{way.tokens_per_second:.1f}"
        scores = [f"{way.scores[m]:.3f}" if m in way.scores else "" for m in metrics]
        yield base, asked, *scores, speed


def difference_cells(ranking: BaseRanking, metrics: Sequence[str]) -> Iterator[tuple[str, ...]]:
    for base, asked, way in each_way(ranking):
        if way.against_first:
            differences = (way.against_first.get(metric) for metric in metrics)
            yield base, asked, *(str(d) if d else "" for d in differences)


def cost_cells(base: RankedBase) -> tuple[str | Text, ...]:
    cost, asked = base.training, base.asked
    price = asked[0].money if asked else None
    memory = "" if cost is None else f"{cost.peak_bytes / GB:.1f}"
    return (
        "" if base.weights is None else count(base.weights),
        "" if cost is None else f"{cost.minutes:.1f}",
        Text(memory, "" if cost is None or cost.fits else "red"),
        "" if price is None else f"{price:.2f}",
        base.license or "not said",
    )


def problems(ranking: BaseRanking) -> Iterator[str]:
    for base in ranking.bases:
        if base.problem:
            yield f"{base.name} was not asked: {base.problem}"
        elif base.training and not base.training.fits:
            yield f"{base.name}: training does not fit here; `incumbent plan` says what would"


def in_width(names: Sequence[str]) -> dict[str, str]:
    """Of each long name its last part, or its last two where others end alike; of that the end,
    which says most. Those that are still alike are numbered.
    """
    for parts in (1, 2):
        shown = {name: cut("/".join(name.split("/")[-parts:]), name) for name in names}
        if len(set(shown.values())) == len(shown):
            return shown
    numbers = {name: f"{i}:" for i, name in enumerate(names, 1)}
    return {name: numbers[name] + shown[name][-WIDE + len(numbers[name]) :] for name in names}


def cut(short: str, name: str) -> str:
    if len(name) <= WIDE:
        return name
    return short if len(short) <= WIDE else f"…{short[-WIDE + 1 :]}"


def count(weights: int) -> str:
    return f"{weights / 1e9:.1f}B" if weights >= 1e9 else f"{weights / 1e6:.0f}M"
