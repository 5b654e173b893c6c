"""The bank's assistant with tools: its conversations, its scripted users, and the stored table."""

import json
import re
import shutil
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import yaml

from curation.sources.row_formats import read_row
from evaluation.evaluation_settings import MetricChoice
from evaluation.generation.answers import Answer
from evaluation.generation.conversations import ConversingModel
from evaluation.scoring.scorers import computed, load_scorer
from examples.tools.conversations import (
    HERE,
    QUESTIONS,
    Task,
    answer_to,
    conversations,
    drawn_scenario,
    pairs,
)
from examples.tools.run import CHANGES, LEARNT, NEW
from examples.tools.table import KEPT, page
from incumbent.verbs.recipes import flat, read_recipe
from project.records.data import Row
from project.records.tool_calls import call_text
from tests.conftest import ROOT
from tests.evaluation.test_conversations import pytestmark as shut_in

pytestmark = shut_in
VALUES = re.compile(r"LM-\d+|\b\d{4}\b|\d+\.\d\d")


def turns_of(part: str, count: int, role: str) -> list[dict[str, Any]]:
    told = [turn for one in conversations(part, count) for turn in one["messages"]]
    return [turn for turn in told if turn["role"] == role]


def test_what_is_measured_shares_no_phrase_and_no_value_with_what_is_learnt() -> None:
    learnt, new = (
        [turn["content"] for turn in turns_of(part, count, "user")]
        for part, count in (("learnt", LEARNT), ("new", NEW))
    )
    assert {VALUES.sub("", text) for text in learnt}.isdisjoint(
        VALUES.sub("", text) for text in new
    )
    values = [{own for text in texts for own in VALUES.findall(text)} for texts in (learnt, new)]
    assert min(map(len, values)) > 50
    assert values[0].isdisjoint(values[1])


def test_a_third_of_the_customers_turns_need_no_call() -> None:
    told = [one["messages"] for one in conversations("new", NEW)]
    after = [b for turns in told for a, b in pairwise(turns) if a["role"] == "user"]
    assert sum("tool_calls" not in turn for turn in after) > len(after) / 3


class PerfectAssistant:
    """Asks what is missing, calls, and says what came of it."""

    def __init__(self, tasks: Sequence[Task], asked: int) -> None:
        self.tasks, self.asked = tasks, asked

    def answer(self, rows: Sequence[Row], samples: int = 1, first: int = 0) -> Iterator[Answer]:
        for row in rows:
            yield Answer(
                item=row.id, text=self.next_turn(row), tokens=1, prompt_tokens=1, sample=first
            )

    def next_turn(self, row: Row) -> str:
        left = sum(turn.role == "assistant" for turn in row.prompt[self.asked :])
        for task in self.tasks:
            if left < len(task.missing):
                return QUESTIONS[task.missing[left]][0]
            left -= len(task.missing)
            if left == 0:
                name, arguments = task.call
                return call_text(name, json.dumps(arguments))
            if left == 1:
                return answer_to(task, json.loads(row.prompt[-1].content))
            left -= 2
        return "You are welcome."

    def reference_logprobs(self, rows: Sequence[Row]) -> list[float | None]:
        return [None for _ in rows]


def test_whoever_does_all_that_a_scripted_user_wants_reaches_the_goal() -> None:
    Path("params.yaml").write_text(
        "evaluation: {generation: {conversations: {tools: tools.py, turns: 12}}}\n"
    )
    shutil.copy(HERE / "bank_tools.py", "tools.py")
    scorer = load_scorer(MetricChoice(metric="conversation"), 0, Path())
    chance = Random("scenarios 0")
    for number in range(24):
        tasks, fields = drawn_scenario(chance)
        row = read_row(json.dumps(fields | {"id": f"s{number}"}).encode(), Path("s.jsonl"), 1)
        model = ConversingModel(PerfectAssistant(tasks, len(row.prompt)), seed=number)
        (answer,) = model.answer([row])
        found = computed(scorer, [row], [answer])
        assert list(found["goal"]) == [1.0], answer.text  # type: ignore[call-overload]


def test_a_wrong_call_is_another_one() -> None:
    for pair in pairs(60):
        assert pair["chosen"] != pair["rejected"]


def test_the_table_is_of_the_stored_runs() -> None:
    rows = [json.loads(line) for line in KEPT.read_text().splitlines()]
    assert KEPT.with_suffix(".md").read_text() == page(rows)


def test_the_recipe_tools_is_what_was_measured() -> None:
    own, recipe = dict(CHANGES["training.sft"]), read_recipe("tools")
    assert own.pop("rows") is None  # how many are learnt is the project's
    sample = flat(yaml.safe_load((ROOT / "params.yaml").read_text())["training"])
    measured = sample | {f"sft.{key}": value for key, value in own.items()}
    assert {name: measured[name] for name in recipe.named_keys} == recipe.named_keys
    assert {f"sft.{key}" for key in own} <= recipe.named_keys.keys()
    assert "python -m examples.tools.run" in recipe.description
