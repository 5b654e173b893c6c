"""A student of a smaller rank learns the sample: from rows, from its teacher's answers, on-policy.

    python -m benchmarks.distillation --project FOLDER [--rows 160] [--r 4] [--seeds 1]

FOLDER is the sample's after `make run`. The teacher is its adapter (rank 16, 644 rows). Every
student learns from the same prompts in the same number of steps, each with a fresh adapter; what
is measured is on dev. It is kept in benchmarks/distillation.jsonl, a line a student, and only what
is missing is done.
"""

import gc
import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from statistics import fmean
from time import process_time
from typing import Any

import numpy as np

from benchmarks.frame import arguments
from benchmarks.start_and_replay import SAMPLE, shuffled
from evaluation.decision.gains import kept_gain
from evaluation.evaluation_settings import Decoding
from evaluation.generation.answering_model import AnsweringModel
from evaluation.metrics.rouge import Rouge
from project.canonical import digest_folder
from project.model_pins import ModelChoice, embedded_base, pin
from project.records.adapters import Contestant
from project.records.data import Message, Row
from training.base import convert_embedded
from training.precision import measure_machine, numerics
from training.recipe import Recipe, StepRecord
from training.steps.distill_step import distill_step_data
from training.steps.earlier import FRESH, Earlier
from training.steps.run_step import StepContext, StepData, learn, prepare
from training.steps.sft_step import sft_step_data
from training.training_settings import DistillParams, SftParams

KEPT = Path(__file__).with_suffix(".jsonl")
BATCH, RATE, LONGEST, ALPHA = 8, SAMPLE.sft.learning_rate, 48, 0.05
SFT = SftParams(epochs=1, batch_size=BATCH, learning_rate=RATE, evaluations=0)
ON_POLICY = DistillParams(
    epochs=1,
    batch_size=BATCH,
    learning_rate=RATE,
    max_new_tokens=LONGEST,
    licence="Apache-2.0",
)
Found = dict[str, Any]
BARE, TEACHER = "the bare base", "the teacher"


@dataclass(frozen=True)
class Setting:
    rows: list[Row]  # to learn
    dev: list[Row]
    teacher: Path  # its adapter
    r: int
    seed: int

    @property
    def name(self) -> Found:
        return {"rows": len(self.rows), "r": self.r, "seed": self.seed}

    def ground(self, start: Path | None = None) -> StepContext:
        """With a fresh adapter of this rank, or the one that a step before left."""
        adapter = SAMPLE.adapter.model_copy(
            update={"r": self.r, "alpha": 2 * self.r, "seed": self.seed}
        )
        earlier = Earlier(start, None, Recipe.read(start / "recipe.json")) if start else FRESH
        base = Contestant(base=pin(ModelChoice(), "base"))
        return StepContext(base, numerics("auto", measure_machine()), adapter, earlier)


def main() -> None:
    given = arguments(__doc__, project="", rows=160, r=4, seeds=1)
    if not embedded_base().is_dir():
        convert_embedded(embedded_base())
    for seed in range(given.seeds):
        setting = read_setting(Path(given.project), given.rows, given.r, seed)
        with tempfile.TemporaryDirectory() as folder:
            for found in measured_ways(setting, Path(folder)):
                print_way(found)
        print_shares([one for one in kept() if one["setting"] == setting.name])


def read_setting(project: Path, count: int, r: int, seed: int) -> Setting:
    train = Row.read_lines(project / "datasets/curated/train.jsonl")
    task = [row for row in train if row.source != "rehearsal.jsonl"]
    return Setting(
        rows=shuffled(task, seed)[:count],
        dev=list(Row.read_lines(project / "datasets/curated/dev.jsonl")),
        teacher=project / "outputs/adapter",
        r=r,
        seed=seed,
    )


def kept() -> list[Found]:
    return [json.loads(line) for line in KEPT.read_text().splitlines()] if KEPT.exists() else []


def measured_ways(setting: Setting, folder: Path) -> Iterator[Found]:
    """Each system that is not kept yet, trained and measured."""
    known = {one["way"]: one for one in kept() if one["setting"] == setting.name}

    def found(way: str, adapter: Path | None, **more: Any) -> Found:
        one = {"setting": setting.name, "way": way, **more, **on_dev(setting, adapter)}
        with KEPT.open("a") as stream:
            stream.write(json.dumps(one) + "\n")
        return one

    for way, adapter in ((BARE, None), (TEACHER, setting.teacher)):
        yield known.get(way) or found(way, adapter)
    for way, steps in students(setting).items():
        if way in known:
            yield known[way]
            continue
        began, start, records = process_time(), None, list[StepRecord]()
        for number, lesson in enumerate(steps):
            target = folder / f"{way}{number}"
            records.append(learn(prepare(lesson(), setting.ground(start)), target))
            start = target
            gc.collect()  # a trainer is full of circles
        told = {
            "seconds": round(process_time() - began, 1),
            "steps": sum(record.optimizer_steps or 0 for record in records),
            "losses": [
                [round(loss, 4) for loss in (one.loss_of_first_step, one.loss_of_last_step) if loss]
                for one in records
            ],
        }
        yield found(way, start, **told)


def students(setting: Setting) -> dict[str, Sequence[Any]]:
    """Ways to learn from these prompts, each a list of steps that are made when they are taken."""
    half = len(setting.rows) // 2
    first, second = setting.rows[:half], setting.rows[half:]

    def rows(some: Sequence[Row]) -> StepData:
        return sft_step_data(some, (), SFT)

    def taught(some: Sequence[Row]) -> StepData:
        whom = Contestant(base=pin(ModelChoice(), "base"), adapter=digest_folder(setting.teacher))
        return distill_step_data(some, whom, setting.teacher, ON_POLICY)

    return {
        "rows": [lambda: rows(setting.rows)],
        "teacher's answers": [lambda: rows(answered(setting, setting.teacher))],
        "on-policy": [lambda: taught(setting.rows)],
        "half rows, then half on-policy": [lambda: rows(first), lambda: taught(second)],
    }


def answered(setting: Setting, by: Path | None) -> list[Row]:
    """The rows with an adapter's answers, or the bare base's, in place of their own."""
    said = answers(setting, by, setting.rows)[0]
    return [
        row.model_copy(update={"completion": (Message(role="assistant", content=text),)})
        for row, text in zip(setting.rows, said, strict=True)
        if text.strip()
    ]


def answers(
    setting: Setting, adapter: Path | None, rows: Sequence[Row]
) -> tuple[list[str], AnsweringModel]:
    precision = setting.ground().numerics.precision
    model = AnsweringModel(embedded_base(), adapter, Decoding(max_new_tokens=LONGEST), precision)
    said = {answer.item: answer.text for answer in model.answer(rows)}
    return [said[row.id] for row in rows], model


def on_dev(setting: Setting, adapter: Path | None) -> Found:
    """Of each dev item the ROUGE-L of the answer and the loss a token of the reference."""
    said, model = answers(setting, adapter, setting.dev)
    wanted = [row.completion_text for row in setting.dev]
    rouge = Rouge().compute(predictions=said, references=wanted)["rougeL"]
    losses = [-(mean or 0.0) for mean in model.reference_logprobs(setting.dev)]
    return {
        "rougeL": [round(float(one), 4) for one in rouge],
        "loss": [round(one, 4) for one in losses],
        "groups": [row.group for row in setting.dev],
    }


def print_way(found: Found) -> None:
    learnt = f"{found['steps']} steps, {found['seconds']:.0f} s" if "steps" in found else ""
    losses = "; ".join(" → ".join(f"{one:.3f}" for one in pair) for pair in found.get("losses", ()))
    means = f"ROUGE-L {fmean(found['rougeL']):.3f}  loss {fmean(found['loss']):.3f}"
    print(f"{found['way']:<32} {means}  {learnt:<18} {losses}", flush=True)


def print_shares(found: Sequence[Found]) -> None:
    """What each student keeps of the teacher's gain over the base."""
    by_way = {one["way"]: one for one in found}
    bare, teacher = by_way[BARE], by_way[TEACHER]
    print(f"\nof the teacher's gain over the base, {100 - 200 * ALPHA:g} % intervals")
    for way, one in islice(by_way.items(), 2, None):
        told = []
        for metric, sign in (("rougeL", 1), ("loss", -1)):
            own, whole = (
                sign * (np.array(side[metric]) - np.array(bare[metric])) for side in (one, teacher)
            )
            gain = kept_gain(own, whole, one["groups"], ALPHA)
            low, high = gain.interval or (float("nan"), float("nan"))
            share = float("nan") if gain.share is None else gain.share
            told.append(f"{metric} {share:.0%} [{low:.0%}, {high:.0%}]")
        print(f"{way:<32} {'  '.join(told)}")


if __name__ == "__main__":
    main()
