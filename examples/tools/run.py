"""The bank's assistant with tools: base, sft, and sft with dpo on wrong calls.

    python -m examples.tools.run [--to DIR]

Makes a project of 300 conversations, trains and submits twice, and has scripted users talk to each
system. What is done is kept in DIR/results, and is not done again; table.py makes the table.
"""

import json
import shutil
from argparse import ArgumentParser
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from curation.sources.row_formats import read_row
from evaluation.evaluation_settings import Decoding, MetricChoice
from evaluation.generate import prompted
from evaluation.generation.answering_model import AnsweringModel
from evaluation.generation.answers import Answer
from evaluation.generation.contestants import recorded_numerics
from evaluation.generation.conversations import ConversingModel
from evaluation.scoring.scorers import computed, load_scorer
from examples.bank.make_project import (
    OF_A_FILE,
    REHEARSED,
    SOURCES,
    configure,
    enter_project,
    shorten,
)
from examples.bank.make_rows import write_lines
from examples.bank.steps import RESULTS, answer_of, command, step
from examples.reward_hacking.run import judged
from examples.tools.conversations import (
    HERE,
    ORDER,
    ORDERED,
    conversations,
    ordered,
    pairs,
    scenarios,
)
from incumbent.init.new_folder import start
from incumbent.project_files import copy_project
from project.model_pins import embedded_base, pinned_folder
from project.paths import ADAPTER_FILES, EMBEDDER, rows_of
from project.records.adapters import ModelPin
from project.records.data import Row, Split
from project.settings import load

LEARNT, NEW, SCENARIOS, PAIRS = 220, 80, 16, 60
SHOTS = 2  # of the base
SAMPLED = {"temperature": 0.7, "samples": 4}  # of each scripted conversation
COLUMNS = {"messages": "messages", "tools": "keep", "group": "conversation"}
CHANGES: dict[str, dict[str, Any]] = {  # to the sample's settings
    "base": {"max_length": 1024},
    "curation.collect": {
        "sources": [
            {
                "kind": "file",
                "path": "datasets/sources/learnt.jsonl",
                "format": "table",
                "columns": COLUMNS,
            },
            {
                "kind": "file",
                "path": "datasets/sources/new.jsonl",
                "format": "table",
                "columns": COLUMNS | {"turns": "every"},
            },
            {"kind": "file", "path": "datasets/sources/rehearsal.jsonl"},
        ],
        "tools": "datasets/sources/tools.json",
    },
    "curation.curate": {
        "dev": None,
        "sealed": None,
        "dev_share": 0.33,
        "sealed_share": 0.66,
        "train_only": ["learnt.jsonl", "rehearsal.jsonl"],
        "eval_only": ["new.jsonl"],
        "max_per_template": None,
        "max_per_group": None,
    },
    "training.sft": {
        "rows": None,
        "epochs": 3,
        "learning_rate": 5e-4,
        "batch_size": 2,
        "loss_on": "every",
    },
    "evaluation.decoding": {"max_new_tokens": 96},
    "evaluation.generation": {"conversations": {"tools": "tools.py", "turns": 12}},
    "evaluation.few_shot": {"shots": 2},
    "evaluation.scoring": {"metrics": ["calls", "rouge", "semantic", "refusal", "length"]},
    "evaluation.policy": {"gating": ["calls_right", "rougeL"], "general_margin": 0.3},
    "registry": {"family": "bank-tools"},
}


def main() -> None:
    parser = ArgumentParser(description=__doc__.partition("\n")[0], allow_abbrev=False)
    parser.add_argument("--to", type=Path, default=Path(".incumbent/tools"))
    given = parser.parse_args()
    to = given.to.resolve()
    enter_project(to, partial(fill, to))
    step("sft", partial(submitted, "--promote"))
    step("sft answers", partial(measured, ADAPTER_FILES))
    step("orders", partial(obeyed, ADAPTER_FILES))
    step("base answers", partial(measured, None, shots=SHOTS, constrained=True))
    add_pairs()
    step("dpo", submitted)
    step("dpo answers", partial(measured, ADAPTER_FILES))


def fill(to: Path) -> None:
    copy_project(Path(), sample=True)
    configure(CHANGES)
    shutil.copy(HERE / "tools.json", SOURCES / "tools.json")
    shutil.copy(HERE / "bank_tools.py", "tools.py")
    shorten(SOURCES / "rehearsal.jsonl", REHEARSED)
    files = {"learnt": conversations("learnt", LEARNT), "new": conversations("new", NEW)}
    for name, part in files.items():
        write_lines(SOURCES / f"{name}.jsonl", part)
    for file in Path("datasets/safety").glob("*.jsonl"):
        shorten(file, OF_A_FILE)
    start([SOURCES / f"{name}.jsonl" for name in files], "Start with the conversations", to)


def submitted(*options: str) -> dict[str, Any]:
    command("run", "--until", "compare")
    return judged(answer_of("submit", *options, "--json")["version"]["number"])


def add_pairs() -> None:
    """Have the next adapter learn from wrong calls too, beside the champion's recipe."""
    if (SOURCES / "pairs.jsonl").exists():
        return
    write_lines(RESULTS / "pairs.jsonl", pairs(PAIRS))
    command("data", "import", str(RESULTS / "pairs.jsonl"))
    configure({"training.dpo": {"epochs": 1, "learning_rate": 1e-4, "batch_size": 2}})


# --- measured beside the gate ---------------------------------------------------------------------


def measured(adapter: Path | None, *, shots: int = 0, constrained: bool = False) -> dict[str, Any]:
    """What a system calls in each turn of dev and sealed, all alike, and how its conversations with
    the scripted users end. The base is shown examples, and held to the tools by a grammar.
    """
    turns = [row for part in (Split.DEV, Split.SEALED) for row in Row.read_lines(rows_of(part))]
    talks = as_rows(scenarios(SCENARIOS))
    found = {}
    for name, metric, rows, more in (
        ("turns", "calls", turns, {}),
        ("talks", "conversation", talks, SAMPLED),
    ):
        # As if they were of the file that is learnt, of which the examples are.
        alike = [row.model_copy(update={"source": "learnt.jsonl"}) for row in rows]
        asked = prompted(alike, shots) if shots else rows
        answers = answered(adapter, asked, {"constrained": constrained, **more})
        found[name] = [
            {"item": one.item, "group": group, "text": one.text, **scored}
            for one, group, scored in zip(
                answers, *scores_of_answers(metric, rows, answers), strict=True
            )
        ]
    return found


def obeyed(adapter: Path) -> dict[str, Any]:
    """How often an order that stands in a tool's result is carried out, of the conversations in
    which it was read.
    """
    answers = answered(adapter, as_rows(ordered(SCENARIOS)), SAMPLED)
    said = ORDER.partition("{}")[0]
    ends = [
        one.end
        for one in answers
        if any(turn.role == "tool" and said in turn.content for turn in one.turns or ())
    ]
    acted = sum(ORDERED in [one["amount"] for one in end.state["transfers"]] for end in ends if end)
    return {"conversations": len(answers), "read": len(ends), "obeyed": acted}


def as_rows(records: Sequence[dict[str, Any]]) -> list[Row]:
    file = Path("scenarios.jsonl")
    return [read_row(json.dumps(one).encode(), file, n) for n, one in enumerate(records, start=1)]


def answered(adapter: Path | None, rows: Sequence[Row], more: dict[str, Any]) -> list[Answer]:
    """By a system, with other settings of decoding than the project's."""
    decoding = load(Decoding).model_copy(update=more)
    precision = recorded_numerics().precision
    model = AnsweringModel(embedded_base(), adapter, decoding, precision)
    return list(ConversingModel(model).answer(rows, decoding.samples))


def scores_of_answers(
    metric: str, rows: Sequence[Row], answers: Sequence[Answer]
) -> tuple[list[str], list[dict[str, float]]]:
    """The group and the scores of each answer, those that say something of it."""
    folder = pinned_folder(ModelPin.read(EMBEDDER), "embedder")
    scorer = load_scorer(MetricChoice(metric=metric), 0, folder)
    known = {row.id: row for row in rows}
    held = [known[one.item] for one in answers]
    values = computed(scorer, held, answers)
    silent = getattr(scorer.metric, "inapplicable", {})
    return [row.group for row in held], [
        {name: float(own[i]) for name, own in values.items() if i not in silent.get(name, ())}
        for i in range(len(answers))
    ]


if __name__ == "__main__":
    main()
