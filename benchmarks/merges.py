"""What merging two adapters of the sample gains on dev, by method and weight.

    python -m benchmarks.merges --project FOLDER [--rows 200]

FOLDER is the sample's after `make run`. A learns some rows with seed 0; B others with seed 0, or
with seed 1. What `incumbent search merge` tries by default is merged of A and B, each is asked
dev, and told beside the better parent. It is kept in benchmarks/merges.jsonl, a line a system, and
only what is missing is done.
"""

import gc
import json
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any, get_args

import numpy as np

from benchmarks.distillation import SFT, Setting, on_dev
from benchmarks.frame import arguments
from benchmarks.start_and_replay import shuffled
from evaluation.decision.statistics import bounds, paired
from incumbent.searching.merge_parents import MergeParent, checked, merges_of, write_merges
from incumbent.verbs.merge import DENSITIES, SHARES
from project.canonical import digest_folder
from project.model_pins import ModelChoice, embedded_base, pin
from project.records.adapters import Adapter
from project.records.data import Row
from registry.adapter_import.lora_config import MergeMethod
from training.base import convert_embedded
from training.steps.run_step import learn, prepare
from training.steps.sft_step import sft_step_data

KEPT = Path(__file__).with_suffix(".jsonl")
RANK, LEVEL = 16, 0.95
MERGES = merges_of(get_args(MergeMethod), SHARES, DENSITIES)
SEEDS = {"of one seed": 0, "of two seeds": 1}  # of B
BARE, A, B = "the bare base", "A", "B"
BETTER = {"rougeL": 1, "loss": -1}  # 1: more of it is better
Found = dict[str, Any]


def main() -> None:
    given = arguments(__doc__, project="", rows=200)
    if not embedded_base().is_dir():
        convert_embedded(embedded_base())
    curated = Path(given.project) / "datasets/curated"
    dev = list(Row.read_lines(curated / "dev.jsonl"))
    every = Row.read_lines(curated / "train.jsonl")
    rows = shuffled([row for row in every if row.source != "rehearsal.jsonl"], 0)
    parts = rows[: given.rows], rows[given.rows : 2 * given.rows]
    for pair, seed in SEEDS.items():
        settings = [
            Setting(list(part), dev, Path(), RANK, own)
            for part, own in zip(parts, (0, seed), strict=True)
        ]
        with tempfile.TemporaryDirectory() as folder:
            print_pair(pair, list(measured(pair, settings, Path(folder))))


def measured(pair: str, settings: Sequence[Setting], place: Path) -> Iterator[Found]:
    """The base, both parents and each merge, asked on dev unless it is kept."""
    lines = [json.loads(line) for line in KEPT.read_text().splitlines()] if KEPT.exists() else []
    known = {(one["pair"], one["rows"], one["way"]): one for one in lines}
    ways = [BARE, A, B, *map(str, MERGES)]
    missing = [way for way in ways if (pair, len(settings[0].rows), way) not in known]
    folders = trained(settings, place) if missing else {}
    for way in ways:
        key = (pair, len(settings[0].rows), way)
        if way in missing:
            found = on_dev(settings[0], folders.get(way))
            known[key] = {"pair": pair, "rows": key[1], "way": way, **found}
            with KEPT.open("a") as stream:
                stream.write(json.dumps(known[key]) + "\n")
            print(pair, way, f"{fmean(found['rougeL']):.4f}", flush=True)
        yield known[key]


def trained(settings: Sequence[Setting], place: Path) -> dict[str, Path]:
    """The parents' folders and the merges', by what they are called."""
    parents = list[MergeParent]()
    for name, setting in zip((A, B), settings, strict=True):
        learn(prepare(sft_step_data(setting.rows, (), SFT), setting.ground()), place / name)
        gc.collect()  # a trainer is full of circles
        base = pin(ModelChoice(), "base")
        files = digest_folder(place / name)
        adapter = Adapter(files=files, base=base, recipe=files, dataset=files)
        parents.append(checked(name, adapter, place / name, None))
    folders = write_merges(parents, MERGES, 0, place)
    named = dict(zip(map(str, MERGES), folders, strict=True))
    return {A: place / A, B: place / B, **named}


def print_pair(pair: str, found: Sequence[Found]) -> None:
    groups = found[0]["groups"]
    print(f"\nadapters {pair}, {len(groups)} dev items in {len(set(groups))} groups")
    print(f"{'':40} " + "   ".join(f"{metric}; better than the better parent" for metric in BETTER))
    for way, told in merge_gains(found):
        print(f"{way:<40} {'   '.join(told)}")


def merge_gains(found: Sequence[Found]) -> Iterator[tuple[str, list[str]]]:
    """Each system's mean by each metric, and its gain over the parent that is better by it; that
    parent has no gain.
    """
    by_way = {one["way"]: one for one in found}
    groups = by_way[A]["groups"]
    parents = {
        m: max((A, B), key=lambda of: sign * fmean(by_way[of][m])) for m, sign in BETTER.items()
    }
    for way, one in by_way.items():
        told = []
        for metric, sign in BETTER.items():
            apart = paired(
                sign * (np.array(one[metric]) - np.array(by_way[parents[metric]][metric])), groups
            )
            low, high = bounds(apart.diff, apart.se, apart.df, (1 - LEVEL) / 2)
            gain = (
                "" if way == parents[metric] else f"; {apart.diff:+.3f} [{low:+.3f}, {high:+.3f}]"
            )
            told.append(f"{fmean(one[metric]):.3f}{gain}")
        yield way, told


if __name__ == "__main__":
    main()
