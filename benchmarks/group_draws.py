"""How fast step `grpo` draws its answers, against TRL's own generation, in one process in turns.

    python -m benchmarks.group_draws --project FOLDER [--steps 6] [--prompts 2] [--group 8]

FOLDER is a project's after `incumbent run`, such as the sample's. Of each way the processor-seconds
for a token, and their ratio; kept in benchmarks/group_draws.jsonl, a line a run.
"""

import json
import os
from pathlib import Path
from statistics import fmean
from time import process_time

from trl import GRPOTrainer

from benchmarks.frame import arguments
from benchmarks.reinforced import after_sft
from incumbent.drawn_answers import AnswerDraws
from project.paths import rows_of
from project.records.data import Row, Split
from training.steps.grpo_step import Reward, grpo_step_data
from training.steps.run_step import prepare
from training.training_settings import GrpoParams

KEPT = Path(__file__).with_suffix(".jsonl").resolve()
LONGEST = 48


def main() -> None:
    given = arguments(__doc__, project="", steps=6, prompts=2, group=8)
    os.chdir(given.project)
    rows = Row.read_lines(rows_of(Split.TRAIN))[: given.steps * given.prompts]
    ground = after_sft(seed=0)
    params = GrpoParams(
        epochs=1,
        batch_size=given.group,
        group=given.group,
        gradient_accumulation=given.prompts,
        max_new_tokens=LONGEST,
        rewards={"none": 1.0},
    )
    reward = Reward("none", 1.0, lambda rows, answers: [0.0] * len(answers))
    data = grpo_step_data(rows, [reward], "0" * 64, AnswerDraws(), params)
    trainer = prepare(data, ground).trainer
    ways = {"ours": type(trainer), "trl": GRPOTrainer}
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    lengths = list[int]()
    dataset = trainer.train_dataset
    for step in range(len(dataset) // given.prompts):
        asked = dataset[step * given.prompts : (step + 1) * given.prompts]["prompt_ids"]
        prompts = [own for own in asked for _ in range(given.group)]
        lengths += map(len, asked)
        for name, kind in ways.items():
            began = process_time()
            answers, _ = kind._generate_single_turn(trainer, prompts, None, {}, given.group)
            seconds[name].append((process_time() - began) / sum(map(len, answers)))
    found = {
        "steps": len(seconds["ours"]),
        "answers_a_step": given.prompts * given.group,
        "prompt_tokens": round(fmean(lengths)),
        **{f"{name}_ms_a_token": round(1000 * fmean(own), 2) for name, own in seconds.items()},
        "ratio": round(fmean(seconds["trl"]) / fmean(seconds["ours"]), 2),
    }
    with KEPT.open("a") as stream:
        stream.write(json.dumps(found) + "\n")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
