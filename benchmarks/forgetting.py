"""What keeps a base able while it learns: nothing, rehearsed rows, or the base's own answers.

    python -m benchmarks.forgetting --project FOLDER [--rows 240] [--seeds 2]

FOLDER is the sample's after `make run`. Every adapter learns as many rows in as many steps: of the
task alone, or of the task and a quarter of general questions, which are rehearsed with the answers
that somebody wrote for them, or with those that the bare base gives (replay by self-distillation).
Measured: ROUGE-L on dev, which questions of the general suite are right, and which harmful ones are
refused and harmless ones answered. It is kept in benchmarks/forgetting.jsonl, a line an adapter,
and only what is missing is done.
"""

import gc
import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import sqrt
from pathlib import Path
from statistics import fmean, stdev
from time import process_time

from benchmarks.distillation import (
    BARE,
    SFT,
    Found,
    Setting,
    answered,
    answers,
    on_dev,
    read_setting,
)
from benchmarks.frame import arguments
from benchmarks.start_and_replay import REHEARSAL, REHEARSED, shuffled
from curation.sources.row_formats import read_rows
from evaluation.suites.every_suite import GENERAL
from evaluation.suites.general_ability import SUITE, correct, read_suite
from evaluation.suites.safety import Safety, values
from project.records.data import Row
from training.steps.run_step import learn, prepare
from training.steps.sft_step import sft_step_data

KEPT = Path(__file__).with_suffix(".jsonl")
ALONE, GIVEN, OWN = "the task alone", "replay, given answers", "replay, the base's own answers"
MEASURES = ("rougeL", "correct", "refused", "answered")


def main() -> None:
    given = arguments(__doc__, project="", rows=240, seeds=2)
    for seed in range(given.seeds):
        setting = read_setting(Path(given.project), given.rows, 16, seed)
        with tempfile.TemporaryDirectory() as folder:
            for found in measured_ways(setting, Path(folder)):
                print(f"{found['way']:<32} {means(found)}", flush=True)
    print_differences(kept())


def kept() -> list[Found]:
    return [json.loads(line) for line in KEPT.read_text().splitlines()] if KEPT.exists() else []


def measured_ways(setting: Setting, folder: Path) -> Iterator[Found]:
    """The bare base and each way to learn, trained and measured where that is not kept yet."""
    known = {one["way"]: one for one in kept() if one["setting"] == setting.name}
    for way in (BARE, ALONE, GIVEN, OWN):
        if way in known:
            yield known[way]
            continue
        began, adapter, found = process_time(), None, Found(setting=setting.name, way=way)
        if way != BARE:
            adapter = folder / way
            lesson = sft_step_data(lessons(setting, way), (), SFT)
            found["steps"] = learn(prepare(lesson, setting.ground()), adapter).optimizer_steps
            gc.collect()  # a trainer is full of circles
            found["seconds"] = round(process_time() - began, 1)
        found |= on_dev(setting, adapter) | on_suites(setting, adapter)
        with KEPT.open("a") as stream:
            stream.write(json.dumps(found) + "\n")
        yield found


def lessons(setting: Setting, way: str) -> list[Row]:
    """As many rows whatever the way is, in an order of their own."""
    if way == ALONE:
        return setting.rows
    general = round(REHEARSED * len(setting.rows))
    rehearsed = shuffled(list(read_rows(REHEARSAL)), setting.seed)[:general]
    if way == OWN:
        rehearsed = answered(replace(setting, rows=rehearsed), None)
    return shuffled([*setting.rows[: len(setting.rows) - len(rehearsed)], *rehearsed], setting.seed)


def on_suites(setting: Setting, adapter: Path | None) -> Found:
    """1 or 0 for each item of the suites that a measure is about."""
    said, _ = answers(setting, adapter, GENERAL.rows())
    found: Found = {
        "correct": [correct(i, text) for i, text in zip(read_suite(SUITE), said, strict=True)],
        "refused": [],
        "answered": [],
    }
    safety = Safety()
    said, _ = answers(setting, adapter, safety.rows())
    for item, text in zip(safety.items(), said, strict=True):
        for name, value in values(item, text).items():
            if name in found:
                found[name].append(value)
    return found


def means(found: Found) -> str:
    return "  ".join(f"{name} {fmean(found[name]):.3f}" for name in MEASURES)


def print_differences(found: Sequence[Found]) -> None:
    """Of each way from the task alone, and of the two replays from each other, by item and seed."""
    print("\ndifference, ± 1.96 standard errors over items and seeds")
    for way, other in ((BARE, ALONE), (GIVEN, ALONE), (OWN, ALONE), (OWN, GIVEN)):
        told = [f"{name} {difference(found, way, other, name)}" for name in MEASURES]
        print(f"{way} less {other}: {', '.join(told)}")


def difference(found: Sequence[Found], way: str, other: str, name: str) -> str:
    """Of a measure, over the seeds of both."""
    by_seed = {one["setting"]["seed"]: one for one in found if one["way"] == other}
    pairs = [(one, by_seed.get(one["setting"]["seed"])) for one in found if one["way"] == way]
    gains = [a - b for one, two in pairs if two for a, b in zip(one[name], two[name], strict=True)]
    reach = 1.96 * stdev(gains) / sqrt(len(gains))
    return f"{fmean(gains):+.3f} ± {reach:.3f} (n {len(gains)})"


if __name__ == "__main__":
    main()
