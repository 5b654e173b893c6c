"""The sample after sft, reinforced by ROUGE-L (step `grpo`): reward and dev, before and after.

    python -m benchmarks.reinforced_sample --project FOLDER [--steps 20] [--rate 2e-4] [--dev 60]

FOLDER is the sample's after `make run`. Eight answers to each of two prompts make a step. What is
found is kept in benchmarks/reinforced_sample.jsonl, a line a run.
"""

import json
import tempfile
from math import sqrt
from pathlib import Path
from statistics import fmean, stdev
from time import process_time
from typing import Any

from benchmarks.frame import arguments
from evaluation.evaluation_settings import Decoding, MetricChoice, ScoringParams
from evaluation.generation.answering_model import AnsweringModel
from evaluation.metrics.rouge import Rouge
from incumbent.grpo import rewards_of
from project.model_pins import ModelChoice, embedded_base, pin
from project.records.adapters import Contestant
from project.records.data import Row
from training.precision import measure_machine, numerics
from training.recipe import Recipe
from training.steps.earlier import Earlier
from training.steps.grpo_step import grpo_step_data
from training.steps.run_step import StepContext, learn, prepare
from training.training_settings import GrpoParams

KEPT = Path(__file__).with_suffix(".jsonl")
LONGEST, PROMPTS_A_STEP = 48, 2
SCORING = ScoringParams(metrics=(MetricChoice(metric="rouge"),))
NO_DIGEST = "0" * 64  # of scorers: nothing is registered here


def main() -> None:
    given = arguments(__doc__, project="", steps=20, rate=2e-4, dev=60)
    project = Path(given.project)
    rows = [
        row
        for row in Row.read_lines(project / "datasets/curated/train.jsonl")
        if row.source != "rehearsal.jsonl"
    ][: given.steps * PROMPTS_A_STEP]
    dev = Row.read_lines(project / "datasets/curated/dev.jsonl")[: given.dev]
    start = project / "outputs/steps/sft/adapter"
    recipe = Recipe.read(start / "recipe.json")
    ground = StepContext(
        Contestant(base=pin(ModelChoice(), "base")),
        numerics("auto", measure_machine()),
        recipe.adapter,
        Earlier(start, None, recipe),
    )
    params = GrpoParams(
        epochs=1,
        gradient_accumulation=PROMPTS_A_STEP,
        learning_rate=given.rate,
        max_new_tokens=LONGEST,
        rewards={"rougeL": 1.0},
    )
    began = process_time()
    with tempfile.TemporaryDirectory() as folder:
        adapter = Path(folder, "reinforced")
        run = prepare(
            grpo_step_data(rows, rewards_of(params, SCORING, Path(folder)), NO_DIGEST, params),
            ground,
        )
        record = learn(run, adapter)
        minutes = (process_time() - began) / 60
        logs = [log for log in run.trainer.state.log_history if "reward" in log]
        before, after = (rouge(one, dev, ground) for one in (start, adapter))
    found = {
        "steps": record.optimizer_steps,
        "rate": given.rate,
        "processor_minutes": round(minutes, 1),
        "rewards": [round(log["reward"], 4) for log in logs],
        "kl": [round(log["kl"], 4) for log in logs],
        "groups": record.groups,
        "groups_without_spread": record.groups_without_spread,
        "dev_before": before,
        "dev_after": after,
    }
    with KEPT.open("a") as stream:
        stream.write(json.dumps(found) + "\n")
    print(record)
    print(summary(found))


def rouge(adapter: Path, dev: tuple[Row, ...], ground: StepContext) -> list[float]:
    """ROUGE-L of the greedy answer to each dev item."""
    decoding = Decoding(max_new_tokens=LONGEST)
    model = AnsweringModel(embedded_base(), adapter, decoding, ground.numerics.precision)
    said = {answer.item: answer.text for answer in model.answer(dev)}
    texts = [said[row.id] for row in dev]
    values = Rouge().compute(predictions=texts, references=[row.completion_text for row in dev])
    return [round(float(value), 4) for value in values["rougeL"]]


def summary(found: dict[str, Any]) -> str:
    gains = [b - a for a, b in zip(found["dev_before"], found["dev_after"], strict=True)]
    error = 1.96 * stdev(gains) / sqrt(len(gains))
    return (
        f"dev ROUGE-L {fmean(found['dev_before']):.3f}, then {fmean(found['dev_after']):.3f}: "
        f"{fmean(gains):+.3f} ± {error:.3f} (95 %, n = {len(gains)}), in {found['steps']} steps "
        f"and {found['processor_minutes']} processor-minutes"
    )


if __name__ == "__main__":
    main()
