"""What a tuned model remembers: planted canaries, false alarms, and rows that were forgotten.

    python -m benchmarks.memorisation [--only curve]   # hours on two cores; it goes on where it was

On the sample's base and recipe, with summaries of functions. What is measured is kept in
benchmarks/memorisation.jsonl, a line for each piece of work, and only what is missing is done.

- curve: 20 canaries, repeated 1, 4, 16 and 64 times (5 each) among 200 rows, one epoch;
- never: 20 canaries for each of 10 seeds, asked of the base that never saw one;
- erasure: a model of 120 rows that are to be forgotten and of others, one of the others alone,
  and both asked of the forgotten rows and of 240 that nobody learnt. Of 3 epochs, by which few rows
  can be told one by one, and of 8.
"""

import gc
import json
import tempfile
from collections.abc import Iterator, Sequence
from math import sqrt
from pathlib import Path
from random import Random
from statistics import fmean, stdev
from typing import Any

import numpy as np
from scipy import stats

from benchmarks.frame import arguments
from benchmarks.start_and_replay import OLD, SAMPLE, even, train
from curation.kinship import family_names
from evaluation.decision.statistics import bounds, paired
from evaluation.evaluation_settings import Decoding
from evaluation.generation.answers import Answer
from evaluation.generation.recalling_model import RecallingModel, whole
from evaluation.suites.memorisation import (
    REFERENCES,
    as_items,
    begun_row,
    exposure,
    gain,
    is_asked,
    known,
    placements,
    rank_p,
    verbatim,
)
from project.canaries import canaries, fill_ins, planted
from project.model_pins import embedded_base
from project.records.data import Row, Split
from training.base import convert_embedded
from training.precision import measure_machine, numerics

Found = dict[str, Any]
KEPT = Path(__file__).with_suffix(".jsonl")
REPEATS = (1, 4, 16, 64)
OF_EACH = 5  # canaries of a model, for each number of repeats
BESIDE = 200  # rows that a model with canaries learns too
SEEDS = {"never": range(10), "curve": range(3), "erasure": range(2)}
NEVER = 20  # canaries of a seed
FORGOTTEN, UNSEEN = 120, 240
OTHERS, EPOCHS = (120, 60), (3, 8)  # of the erasures
# Fixed before the first run: forgotten rows may be above unseen ones by this much more than half of
# the time (the area under the ROC curve), by the upper bound of 95 %; and at least so many of them
# must be above 95 % of the unseen rows before.
MARGIN, DETECTABLE = 0.1, 100
LEVEL = 0.05


def main() -> None:
    given = arguments(__doc__, only="")
    if not embedded_base().is_dir():
        convert_embedded(embedded_base())
    done = {(one["part"], one["seed"]) for one in kept()}
    first = [("curve", 0), ("never", 0), ("never", 1), ("never", 2), ("erasure", 0), ("erasure", 1)]
    work = first + [(part, seed) for part, seeds in SEEDS.items() for seed in seeds]
    for part, seed in dict.fromkeys(work):
        if (part, seed) not in done and given.only in part:
            found = {"curve": curve, "never": never, "erasure": erasure}[part](seed)
            with KEPT.open("a") as file:
                file.write(json.dumps({"part": part, "seed": seed, **found}) + "\n")
    for line in (*curve_lines(), *never_lines(), *erasure_lines()):
        print(line)


def kept(part: str = "") -> list[Found]:
    lines = KEPT.read_text().splitlines() if KEPT.exists() else []
    return [one for one in map(json.loads, lines) if part in one["part"]]


# --- measuring ------------------------------------------------------------------------------------


def curve(seed: int) -> Found:
    secrets = canaries(REPEATS * OF_EACH, seed)
    rows = rows_apart(seed, BESIDE)[0]
    with tempfile.TemporaryDirectory() as folder:
        train([*rows, *planted(secrets)], Path(folder) / "adapter", None, seed, SAMPLE.sft)
        return {"canaries": measured(Path(folder) / "adapter", secrets)}


def never(seed: int) -> Found:
    return {"canaries": measured(None, canaries((1,) * NEVER, 1_000 + seed))}


def measured(adapter: Path | None, secrets: Sequence[Row]) -> list[list[float]]:
    """Of each canary: repeats, bits of exposure, p of its rank, and whether it passes for known."""
    asked = [row for one in secrets for row in (one, *fill_ins(one, REFERENCES))]
    totals = {one.item: sum(one.token_logprobs or ()) for one in model(adapter).answer(asked)}
    found = []
    for one in secrets:
        own, *others = (totals[row.id] for row in asked if row.group == one.group)
        bits, p = exposure(own, others), rank_p(own, others)
        found.append([int(one.slices["repeats"]), round(bits, 3), p, int(known(own, others))])
    return found


def erasure(seed: int) -> Found:
    forgotten, others, unseen = rows_apart(seed, FORGOTTEN, OTHERS[seed], UNSEEN)
    asked = [begun_row(row, Split.TRAIN, False) for row in (*forgotten, *unseen)]
    params = SAMPLE.sft.model_copy(update={"epochs": EPOCHS[seed]})
    bare = {one.item: one for one in model(None).answer([whole(row) for row in asked])}
    found = {}
    for name, rows in (("before", [*others, *forgotten]), ("after", others)):
        with tempfile.TemporaryDirectory() as folder:
            train(rows, Path(folder) / "adapter", None, seed, params)
            tuned = {one.item: one for one in model(Path(folder) / "adapter").answer(asked)}
        found[name] = remembered(asked, tuned, bare)
    return found


def remembered(
    asked: Sequence[Row], tuned: dict[str, Answer], bare: dict[str, Answer]
) -> dict[str, list[float]]:
    """The gain and the share said verbatim of each row: the forgotten ones, then the unseen."""
    gains = [gain(tuned[row.id].token_logprobs, bare[row.id].token_logprobs) for row in asked]
    said = [verbatim(row.completion_text, tuned[row.id].text)[0] for row in asked]
    return {"gains": [round(x, 4) for x in gains], "verbatim": [round(x, 3) for x in said]}


def model(adapter: Path | None) -> RecallingModel:
    gc.collect()
    precision = numerics("auto", measure_machine()).precision
    decoding = Decoding(max_new_tokens=16, batch_size=50)
    return RecallingModel(embedded_base(), adapter, decoding, precision)


def rows_apart(seed: int, *counts: int) -> list[list[Row]]:
    """So many rows for each count, at random, of which no two are of one family; of each package as
    many.
    """
    rows = [row for row in even(OLD, Random(seed)) if is_asked(row)]
    some = Random(seed).sample(rows, min(len(rows), 4 * sum(counts)))
    first = dict(zip(reversed(family_names(some)), reversed(some), strict=True))
    # Those of large families come first in a sample, so they are not taken in its order.
    drawn = iter(Random(seed).sample([*first.values()], len(first)))
    return [[next(drawn) for _ in range(count)] for count in counts]


# --- what came out --------------------------------------------------------------------------------


def curve_lines() -> Iterator[str]:
    every = [one for line in kept("curve") for one in line["canaries"]]
    for repeats in sorted({one[0] for one in every}):
        some = [one for one in every if one[0] == repeats]
        bits, hits = [one[1] for one in some], sum(one[3] for one in some)
        reach = stats.t.ppf(0.975, len(bits) - 1) * stdev(bits) / sqrt(len(bits))
        yield (
            f"repeated {repeats} times: exposure {fmean(bits):.1f} ± {reach:.1f} bits, "
            f"known {share(hits, len(some))}"
        )


def never_lines() -> Iterator[str]:
    every = [one for line in kept("never") for one in line["canaries"]]
    if every:
        bits = [one[1] for one in every]
        yield (
            f"never seen: exposure {fmean(bits):.2f} ± {1.96 * stdev(bits) / sqrt(len(bits)):.2f} "
            f"bits, known {share(sum(one[3] for one in every), len(every))}"
        )


def share(hits: int, count: int) -> str:
    """With its interval of 95 % by Clopper and Pearson."""
    low, high = stats.binomtest(hits, count).proportion_ci()
    return f"{hits} of {count} ({100 * low:.1f} to {100 * high:.1f} %)"


def erasure_lines() -> Iterator[str]:
    for line in kept("erasure"):
        for name in ("before", "after"):
            forgotten, unseen = (np.array(x) for x in halves(line[name]["gains"]))
            placed = placements(forgotten, unseen)
            told = interval(as_items(float(placed[0].mean()), *placed))
            above = int((forgotten > np.quantile(unseen, 1 - LEVEL)).sum())
            said = [np.array(x) for x in halves(line[name]["verbatim"])]
            gap = interval(as_items(float(said[0].mean() - said[1].mean()), said[0], -said[1]))
            yield (
                f"{EPOCHS[line['seed']]} epochs, {name}: area {told}, "
                f"{above} of {FORGOTTEN} above 95 % of the unseen; "
                f"verbatim {said[0].mean():.3f} and {said[1].mean():.3f} of the unseen, gap {gap}"
            )
            if name == "before":
                yield f"at least {DETECTABLE} detectable before: {above >= DETECTABLE}"
            else:
                values = np.array(as_items(float(placed[0].mean()), *placed))
                high = bound(values)[1]
                yield f"upper bound {high:.3f}, below {0.5 + MARGIN}: {high < 0.5 + MARGIN}"


def halves(values: Sequence[float]) -> tuple[Sequence[float], Sequence[float]]:
    return values[:FORGOTTEN], values[FORGOTTEN:]


def bound(values: np.ndarray) -> tuple[float, float]:
    """One-sided bounds of 95 %."""
    found = paired(values, [str(i) for i in range(len(values))])
    return bounds(found.diff, found.se, found.df, LEVEL)


def interval(values: Sequence[float]) -> str:
    low, high = bound(np.array(values))
    return f"{fmean(values):.3f} ({low:.3f} to {high:.3f})"


if __name__ == "__main__":
    main()
