"""How often `incumbent run --quick` stops a recipe that is no worse.

    python -m benchmarks.quick_stops --project FOLDER [--seeds 6]

FOLDER is the sample's after `make run`. Its recipe learns with each seed for a third of its steps,
and each is compared with each other: they are equal, only chance differs. Then two recipes that
need longer, at half and at a fifth of the learning rate; the first also for all steps. They are
kept in benchmarks/quick_stops.jsonl, a line an adapter, and only what is missing is done.
"""

import gc
import json
import tempfile
from itertools import permutations
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from benchmarks.frame import arguments
from evaluation.evaluation_settings import Decoding
from evaluation.generation.answering_model import AnsweringModel
from incumbent.reproducing.quick_run import SHARE, better_by
from project.model_pins import embedded_base
from project.records.adapters import Contestant
from project.records.data import Row
from training.recipe import Recipe
from training.steps.earlier import FRESH
from training.steps.run_step import StepContext, learn, prepare
from training.steps.sft_step import sft_step_data

KEPT = Path(__file__).with_suffix(".jsonl")
WHOLE = ", all steps"
Found = dict[str, Any]


def main() -> None:
    given = arguments(__doc__, project="", seeds=6)
    project = Path(given.project)
    ways = {f"seed {seed}": (seed, 1.0, SHARE) for seed in range(given.seeds)}
    ways |= {"half the rate": (0, 0.5, SHARE), "a fifth of the rate": (0, 0.2, SHARE)}
    ways |= {WHOLE: (0, 1.0, 1.0), f"half the rate{WHOLE}": (0, 0.5, 1.0)}
    found = {way: measured(project, way, *values) for way, values in ways.items()}
    pairs = list(permutations([f"seed {seed}" for seed in range(given.seeds)], 2))
    means = [fmean(found[f"seed {seed}"]["loss"]) for seed in range(given.seeds)]
    print(f"from seed to seed the mean loss differs by {stdev(means) / fmean(means):.2%} of it")
    stopped = sum(stops(found[own], found[champion]) for own, champion in pairs)
    print(f"other seeds of the same recipe: {stopped} of {len(pairs)} ordered pairs stop")
    for way in list(ways)[given.seeds : -2]:
        stopped = sum(stops(found[way], found[f"seed {n}"]) for n in range(given.seeds))
        print(f"{way}: stopped by {stopped} of {given.seeds} champions")
    whole, half = list(found.values())[-2:]
    over = better_by(half["loss"], whole["loss"], half["groups"])
    print(f"half the rate, after all steps: better by {over}")


def measured(project: Path, way: str, seed: int, rate: float, share: float) -> Found:
    """The loss a token of each dev item, after a share of the steps."""
    kept = [json.loads(line) for line in KEPT.read_text().splitlines()] if KEPT.exists() else []
    for one in kept:
        if one["way"] == way:
            return dict(one)
    recipe = Recipe.read(project / "outputs/adapter/recipe.json")
    assert recipe.sft, "the sample has this step"
    adapter = recipe.adapter.model_copy(update={"seed": seed})
    params = recipe.sft.params
    changed = {"epochs": share * params.epochs, "learning_rate": rate * params.learning_rate}
    short = params.model_copy(update={**changed, "evaluations": 0})
    rows = Row.read_lines(project / "datasets/curated/train.jsonl")[: params.rows]
    dev = Row.read_lines(project / "datasets/curated/dev.jsonl")
    ground = StepContext(Contestant(base=recipe.base), recipe.numerics, adapter, FRESH)
    with tempfile.TemporaryDirectory() as place:
        learn(prepare(sft_step_data(rows, (), short), ground), Path(place, "adapter"))
        gc.collect()  # a trainer is full of circles
        decoding, precision = Decoding(max_new_tokens=1), recipe.numerics.precision
        model = AnsweringModel(embedded_base(), Path(place, "adapter"), decoding, precision)
        losses = [-(mean or 0.0) for mean in model.reference_logprobs(dev)]
    found = {"way": way, "loss": losses, "groups": [row.group for row in dev]}
    with KEPT.open("a") as stream:
        stream.write(json.dumps(found) + "\n")
    print(f"{way:<20} loss {fmean(losses):.4f}", flush=True)
    return found


def stops(own: Found, champion: Found) -> bool:
    return better_by(own["loss"], champion["loss"], own["groups"]).high < 0


if __name__ == "__main__":
    main()
