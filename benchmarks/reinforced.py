"""A project after sft, reinforced by its own scorers (step `grpo`): rewards and dev, before and
after.

    python -m benchmarks.reinforced --project FOLDER [--rewards rougeL] [--steps 20] [--rate 2e-4]
        [--beta 0.04] [--group 8] [--temperature 1.0] [--seed 0] [--dev 60]
    python -m benchmarks.reinforced --project FOLDER --decide

FOLDER is a project's after `incumbent run`, such as the sample's after `make run`. `--rewards` are
metrics of its scorers, with commas between. Sixteen answers make a step, `--group` of them to each
prompt. What is found is kept in benchmarks/reinforced.jsonl, a line a run.

`--decide` is the whole loop on the sample: its champion, as `make run` leaves it, is reinforced in
100 steps by ROUGE-L, and the gate decides. It changes FOLDER's settings and spends a look.
"""

import json
import os
import subprocess
import tempfile
from collections.abc import Sequence
from math import sqrt
from pathlib import Path
from statistics import fmean, stdev
from time import process_time
from typing import Any

import yaml

from benchmarks.frame import INCUMBENT, arguments
from evaluation.evaluation_settings import Decoding, ScoringParams
from evaluation.generation.answering_model import AnsweringModel
from evaluation.generation.retrieved_passages import asked_with
from incumbent.drawn_answers import AnswerDraws
from incumbent.grpo import rewards_of
from project.bare_base import bare_base
from project.canonical import digest_json
from project.model_pins import embedded_base, pinned_folder
from project.paths import EMBEDDER, METRICS, rows_of, step_of
from project.records.adapters import ModelPin
from project.records.data import Row, Split
from project.settings import load
from project.shown_passages import all_with_passages
from registry.registry_settings import RegistryParams
from training.kept.books import read_book
from training.precision import measure_machine, numerics
from training.recipe import Recipe, StepRecord
from training.steps import grpo_step
from training.steps.earlier import Earlier
from training.steps.grpo_step import DrawnAnswer, Reward, grpo_step_data
from training.steps.run_step import StepContext, learn, prepare
from training.training_settings import GrpoParams

KEPT = Path(__file__).with_suffix(".jsonl").resolve()
AFTER_SFT = Path("outputs/steps/sft/adapter")
ANSWERS_A_STEP = 16
ALWAYS = "rougeL"  # measured on dev beside what is rewarded


def main() -> None:
    tried = {"rate": 2e-4, "beta": 0.04, "group": 8, "temperature": 1.0, "seed": 0}
    given = arguments(
        __doc__, project="", rewards="rougeL", steps=20, dev=60, decide=False, **tried
    )
    os.chdir(given.project)
    grpo_step.TEMPERATURE = given.temperature
    if given.decide:
        with KEPT.open("a") as stream:
            stream.write(json.dumps(decided()) + "\n")
        return
    rows = [row for row in Row.read_lines(rows_of(Split.TRAIN)) if row.source != "rehearsal.jsonl"]
    rows = rows[: given.steps * ANSWERS_A_STEP // given.group]
    dev = Row.read_lines(rows_of(Split.DEV))[: given.dev]
    ground = after_sft(given.seed)
    decoding = load(Decoding)
    params = GrpoParams(
        epochs=1,
        gradient_accumulation=2,
        learning_rate=given.rate,
        beta=given.beta,
        group=given.group,
        max_new_tokens=decoding.max_new_tokens,
        rewards=dict.fromkeys(given.rewards.split(","), 1.0),
    )
    folder = pinned_folder(ModelPin.read(EMBEDDER), "embedder")
    rewards = rewards_of(params, load(ScoringParams), folder)
    beside = params.model_copy(update={"rewards": {**params.rewards, ALWAYS: 1.0}})
    measured = rewards_of(beside, load(ScoringParams), folder)
    began = process_time()
    with tempfile.TemporaryDirectory() as draft:
        adapter = Path(draft, "reinforced")
        drawn = digest_json([given.temperature])  # no setting, so that only this tells runs apart
        run = prepare(grpo_step_data(rows, rewards, drawn, AnswerDraws(), params), ground)
        record = learn(run, adapter)
        minutes = (process_time() - began) / 60
        logs = [log for log in run.trainer.state.log_history if "reward" in log]
        before, after = (on_dev(one, dev, ground, measured) for one in (AFTER_SFT, adapter))
    found = {
        "project": load(RegistryParams).family,
        "rewarded": [*params.rewards],
        "steps": record.optimizer_steps,
        **{name: getattr(given, name) for name in tried},
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
    for name in before:
        print(summary(found, name))


def decided() -> dict[str, Any]:
    """What the loop says of the champion after 100 steps. Step `sft` is as it was, so that `grpo`
    goes on from the champion's bytes. Asked again, it does nothing anew.
    """
    settings = yaml.safe_load(Path("params.yaml").read_text())
    prompts = len(Row.read_lines(rows_of(Split.TRAIN)))
    settings["training"]["grpo"] = {
        "epochs": round(200 / prompts, 2),
        "gradient_accumulation": 2,
        "learning_rate": 2e-4,
        "rewards": {"rougeL": 1},
    }
    Path("params.yaml").write_text(yaml.safe_dump(settings))
    done = subprocess.run([INCUMBENT, "run", "--json"], check=True, capture_output=True, text=True)
    told = json.loads(done.stdout)
    step = StepRecord.read(step_of("grpo") / "step.json")
    book = read_book(step.recipe.digest) if step.recipe else None
    assert book, "it was trained here"
    return {
        "project": load(RegistryParams).family,
        "decided": told["version"]["number"],
        "processor_minutes": round(book.processor_seconds / 60, 1),
        **step.model_dump(
            mode="json",
            include={
                "optimizer_steps",
                "rewards_before",
                "rewards_after",
                "groups",
                "groups_without_spread",
            },
        ),
        "dev": json.loads(METRICS.read_text())["dev"],
        "decision": told["decision"],
    }


def after_sft(seed: int) -> StepContext:
    """What a step finds that goes on from the project's own sft."""
    recipe = Recipe.read(AFTER_SFT / "recipe.json")
    return StepContext(
        bare_base(),
        numerics("auto", measure_machine()),
        recipe.adapter.model_copy(update={"seed": seed}),
        Earlier(AFTER_SFT, None, recipe),
    )


def on_dev(
    adapter: Path, dev: Sequence[Row], ground: StepContext, rewards: Sequence[Reward]
) -> dict[str, list[float | None]]:
    """By metric a reward of the greedy answer to each dev item: where less is better, what lacks of
    1; None where the item says nothing about it.
    """
    decoding = load(Decoding).model_copy(update={"temperature": 0.0, "samples": 1})
    prompt = ground.base.system_prompt
    model = AnsweringModel(embedded_base(), adapter, decoding, ground.numerics.precision, prompt)
    asked = all_with_passages(asked_with(dev, ground.base), ground.base.evidence_template)
    answered = {one.item: one for one in model.answer(asked)}
    drawn = [
        DrawnAnswer(one.text, one.tokens, one.prompt_tokens)
        for one in (answered[row.id] for row in dev)
    ]
    return {
        reward.name: [None if own is None else round(own, 4) for own in reward.of(dev, drawn)]
        for reward in rewards
    }


def summary(found: dict[str, Any], name: str) -> str:
    both = zip(found["dev_before"][name], found["dev_after"][name], strict=True)
    pairs = [(a, b) for a, b in both if a is not None and b is not None]
    gains = [b - a for a, b in pairs]
    error = 1.96 * stdev(gains) / sqrt(len(gains))
    return (
        f"dev {name} {fmean(a for a, _ in pairs):.3f}, then {fmean(b for _, b in pairs):.3f}: "
        f"{fmean(gains):+.3f} ± {error:.3f} (95 %, n = {len(gains)}), in {found['steps']} steps "
        f"and {found['processor_minutes']} processor-minutes"
    )


if __name__ == "__main__":
    main()
