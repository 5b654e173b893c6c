"""From the base or from the champion, and with how much replay: learnt and forgotten, and at what
cost.

    python -m benchmarks.start_and_replay [--seeds 1] [--old 160] [--new 40]

The sample as it drifts in `make demo`: a champion has learnt old rows (summaries of functions of
numpy, pandas, scipy and scikit-learn, and general questions that are rehearsed). Then rows of a new
topic come (torch and transformers, with the package named first). Compared on items that nobody
learnt: loss a token of the right answers, and ROUGE-L of greedy answers.
"""

import gc
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from random import Random
from statistics import fmean, stdev
from time import process_time

from benchmarks.frame import arguments
from curation.kinship import family_names
from curation.sources.python_api import read_package
from curation.sources.row_formats import read_rows
from evaluation.evaluation_settings import Decoding
from evaluation.generation.answering_model import AnsweringModel
from evaluation.metrics.rouge import Rouge
from incumbent.verbs.recipes import read_recipe
from project.model_pins import ModelChoice, embedded_base, pin
from project.records.adapters import Contestant
from project.records.data import Row
from training.base import convert_embedded
from training.precision import measure_machine, numerics
from training.recipe import LearntRows, Recipe
from training.rows.experience_replay import replayed
from training.steps.earlier import FRESH, Earlier
from training.steps.run_step import StepContext
from training.steps.sft_step import train_sft
from training.training_settings import AdapterParams, SftParams

OLD, NEW = ("numpy", "pandas", "scipy", "sklearn"), ("torch", "transformers")
REHEARSAL = Path(__file__).parents[1] / "datasets/sources/rehearsal.jsonl"
REHEARSED = 1 / 4  # of the old rows
ITEMS = 30  # of each topic
SHARES = (0.0, 0.25, 0.5, 1.0)
SLOWER = 0.4  # of the learning rate
SAMPLE = read_recipe("sample").training
BASE = "the bare base"
CHAMPION = "the champion, before"
FROM_BASE = "from the base, all rows"


@dataclass(frozen=True)
class Task:
    """Rows to learn, and items to measure on."""

    old: list[Row]
    new: list[Row]
    items: dict[str, list[Row]]  # by topic


@dataclass(frozen=True)
class Way:
    """To learn what is new."""

    name: str
    rows: Sequence[Row]
    from_champion: bool = True
    slower: bool = False


@dataclass(frozen=True)
class Measured:
    """Of each item of a topic."""

    losses: list[float]
    rouge: list[float]


@dataclass(frozen=True)
class Result:
    rows: int
    seconds: float  # of the processor, for training
    topics: dict[str, Measured]


def main() -> None:
    given = arguments(
        __doc__,
        seeds=1,
        old=160,
        new=40,
        batch_size=SAMPLE.sft.batch_size,
        learning_rate=SAMPLE.sft.learning_rate,
        only="",
    )
    if not embedded_base().is_dir():
        convert_embedded(embedded_base())
    told = {"batch_size": given.batch_size, "learning_rate": given.learning_rate}
    params = SAMPLE.sft.model_copy(update=told)
    found: dict[str, list[Result]] = {}
    for seed in range(given.seeds):
        task = drifted_sample(given.old, given.new, seed)
        with tempfile.TemporaryDirectory() as folder:
            for name, result in compared(task, Path(folder), seed, params, given.only):
                found.setdefault(name, []).append(result)
                print_result(name, [result])
    print(f"\nall {given.seeds} seeds: {given.old} old rows, {given.new} new ones")
    for name, results in found.items():
        print_result(name, results)
    against = FROM_BASE if FROM_BASE in found else CHAMPION
    print(f"\nROUGE-L against {against!r}, item by item")
    for name in found:
        print_differences(name, found[name], found[against])


def compared(
    task: Task, folder: Path, seed: int, params: SftParams, wanted: str
) -> Iterator[tuple[str, Result]]:
    """Each way to train, and what came of it."""
    champion = folder / "champion"
    yield BASE, Result(0, 0.0, measured(None, task))
    seconds = train(task.old, champion, None, seed, params)
    yield CHAMPION, Result(len(task.old), seconds, measured(champion, task))
    for number, way in enumerate(ways_to_go_on(task, seed)):
        if wanted not in way.name:
            continue
        target = folder / str(number)
        start = champion if way.from_champion else None
        rate = params.learning_rate * (SLOWER if way.slower else 1)
        own = params.model_copy(update={"learning_rate": rate})
        seconds = train(way.rows, target, start, seed, own)
        yield way.name, Result(len(way.rows), seconds, measured(target, task))


def ways_to_go_on(task: Task, seed: int) -> Iterator[Way]:
    every, known = [*task.old, *task.new], LearntRows.of(task.old).learnt
    yield Way(FROM_BASE, every, from_champion=False)
    for share in SHARES:
        yield Way(f"from the champion, replay {share:g}", replayed(every, known, share, seed))
    yield Way("from the champion, all rows", every)
    for share in SHARES:
        rows = replayed(every, known, share, seed)
        yield Way(f"slower, from the champion, replay {share:g}", rows, slower=True)


def train(
    rows: Sequence[Row],
    target: Path,
    start: Path | None,
    seed: int,
    params: SftParams,
    adapter: AdapterParams = SAMPLE.adapter,
) -> float:
    """Processor-seconds of a step of supervised fine-tuning."""
    base = Contestant(base=pin(ModelChoice(), "base"))
    earlier = Earlier(start, Recipe.read(start / "recipe.json")) if start else FRESH
    seeded = adapter.model_copy(update={"seed": seed})
    ground = StepContext(base, numerics("auto", measure_machine()), seeded, earlier)
    began = process_time()
    train_sft(shuffled(rows, seed), (), ground, params, target)
    gc.collect()  # a trainer is full of circles
    return process_time() - began


def measured(adapter: Path | None, task: Task) -> dict[str, Measured]:
    precision = numerics("auto", measure_machine()).precision
    model = AnsweringModel(embedded_base(), adapter, Decoding(max_new_tokens=24), precision)
    return {topic: measured_on(model, items) for topic, items in task.items.items()}


def measured_on(model: AnsweringModel, items: Sequence[Row]) -> Measured:
    said = {answer.item: answer.text for answer in model.answer(items)}
    answers = [said[row.id] for row in items]
    wanted = [row.completion_text for row in items]
    scores = Rouge().compute(predictions=answers, references=wanted)
    means = model.reference_logprobs(items)
    return Measured([-mean for mean in means if mean is not None], list(scores["rougeL"]))


def drifted_sample(old: int, new: int, seed: int) -> Task:
    """Near-duplicates are on one side."""
    random = Random(seed)
    rehearsed = list(read_rows(REHEARSAL))
    general = round(REHEARSED * old)
    topics = {
        "old": split(even(OLD, random), old - general, random),
        "new": split([named_first(row) for row in even(NEW, random)], new, random),
        "general": split(rehearsed, general, random),
    }
    return Task(
        old=topics["old"][0] + topics["general"][0],
        new=topics["new"][0],
        items={topic: items for topic, (_, items) in topics.items()},
    )


def even(packages: Sequence[str], random: Random) -> list[Row]:
    """Of some packages as many each."""
    found = [list(read_package(package)) for package in packages]
    least = min(map(len, found))
    return [row for rows in found for row in random.sample(rows, least)]


def named_first(row: Row) -> Row:
    """As the experts of `make demo` answer about what is new."""
    answer = row.completion[0].model_copy(
        update={"content": f"In {row.source}: {row.completion_text}"}
    )
    return row.model_copy(update={"completion": (answer,)})


def split(rows: Sequence[Row], count: int, random: Random) -> tuple[list[Row], list[Row]]:
    """So many rows to learn, and items of other families."""
    some = random.sample(list(rows), min(len(rows), 4 * (count + ITEMS)))
    families = family_names(some)
    learnt, family = some[:count], dict(zip((row.id for row in some), families, strict=True))
    taken = {family[row.id] for row in learnt}
    return learnt, [row for row in some[count:] if family[row.id] not in taken][:ITEMS]


def shuffled(rows: Sequence[Row], seed: int) -> list[Row]:
    return Random(seed).sample(list(rows), len(rows))


def print_result(name: str, results: Sequence[Result]) -> None:
    told = [f"{name:<40}", f"{fmean(r.rows for r in results):>4.0f} rows"]
    told.append(f"{fmean(r.seconds for r in results):>5.0f} s")
    for topic in results[0].topics:
        losses = [loss for result in results for loss in result.topics[topic].losses]
        rouge = [score for result in results for score in result.topics[topic].rouge]
        told.append(f"{topic} loss {fmean(losses):.3f} ROUGE-L {fmean(rouge):.3f}")
    print("  ".join(told), flush=True)


def print_differences(name: str, results: Sequence[Result], others: Sequence[Result]) -> None:
    told = [f"{name:<40}"]
    for topic in results[0].topics:
        pairs = [
            pair
            for one, other in zip(results, others, strict=True)
            for pair in zip(one.topics[topic].rouge, other.topics[topic].rouge, strict=True)
        ]
        apart = [one - other for one, other in pairs]
        told.append(f"{topic} {fmean(apart):+.3f} ± {1.96 * stdev(apart) / sqrt(len(apart)):.3f}")
    print("  ".join(told))


if __name__ == "__main__":
    main()
