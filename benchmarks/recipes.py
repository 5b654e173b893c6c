"""Named recipes beside each other on the sample task: what supervised fine-tuning by each one wins.

    python -m benchmarks.recipes [--rows 200] [--recipes sample brief]

Each trains the embedded base on the same rows, and is measured on the same items: loss a token of
the right answers, and ROUGE-L of greedy answers. The steps beside `sft` are left out.
"""

import tempfile
from pathlib import Path
from random import Random

from benchmarks.frame import arguments
from benchmarks.start_and_replay import (
    BASE,
    OLD,
    REHEARSAL,
    Result,
    Task,
    even,
    measured,
    print_differences,
    print_result,
    split,
    train,
)
from curation.sources.row_formats import read_rows
from incumbent.verbs.recipes import read_recipe
from project.model_pins import embedded_base
from training.base import convert_embedded

REHEARSED = 1 / 4  # of the rows


def main() -> None:
    given = arguments(__doc__, rows=200, recipes=["sample", "brief"])
    if not embedded_base().is_dir():
        convert_embedded(embedded_base())
    task, found = sample(given.rows), {}
    found[BASE] = Result(0, 0.0, measured(None, task))
    print_result(BASE, [found[BASE]])
    for name in given.recipes:
        recipe = read_recipe(name).training
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder, "adapter")
            seconds = train(task.old, target, None, 0, recipe.sft, recipe.adapter)
            found[name] = Result(len(task.old), seconds, measured(target, task))
        print_result(name, [found[name]])
    first = given.recipes[0]
    print(f"\nROUGE-L against {first!r}, item by item")
    for name in found:
        print_differences(name, [found[name]], [found[first]])


def sample(rows: int) -> Task:
    random, general = Random(0), round(REHEARSED * rows)
    old, items = split(even(OLD, random), rows - general, random)
    rehearsed, others = split(list(read_rows(REHEARSAL)), general, random)
    return Task(old=old + rehearsed, new=[], items={"sample": items, "general": others})


if __name__ == "__main__":
    main()
