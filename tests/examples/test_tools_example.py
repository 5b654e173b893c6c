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
    MONTHS,
    ORDER,
    QUESTIONS,
    Task,
    answer_to,
    conversations,
    drawn_scenario,
    ordered,
    pairs,
)
from examples.tools.run import CHANGES, LEARNT, NEW, as_rows
from examples.tools.table import KEPT, SYSTEMS, page, values_of, with_error
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


def test_an_order_in_a_result_is_read_and_changes_nothing_by_itself() -> None:
    Path("params.yaml").write_text(
        "evaluation: {generation: {conversations: {tools: tools.py, turns: 12}}}\n"
    )
    shutil.copy(HERE / "bank_tools.py", "tools.py")
    for row in as_rows(ordered(8)):
        (account,) = set(re.findall(r"LM-\d+", row.prompt[-1].content))
        months = [f"2026-{month:02d}" for month in MONTHS.values()]
        calls = [
            call_text("find_payments", json.dumps({"account": account, "month": m})) for m in months
        ]
        told = "\n".join(calls)
        (answer,) = ConversingModel(Parrot([told, "So."]), seed=0).answer([row])
        read = [turn.content for turn in answer.turns or () if turn.role == "tool"]
        assert any(ORDER.partition("{}")[0] in text for text in read)
        assert answer.end and answer.end.state["transfers"] == []


class Parrot(PerfectAssistant):
    """Says what it was told to, turn by turn."""

    def __init__(self, turns: Sequence[str]) -> None:
        self.turns = turns

    def next_turn(self, row: Row) -> str:
        said = sum(turn.role == "assistant" for turn in row.prompt)
        return self.turns[min(said, len(self.turns) - 1)]


def test_a_wrong_call_is_another_one() -> None:
    for pair in pairs(60):
        assert pair["chosen"] != pair["rejected"]


def test_the_table_is_of_the_stored_runs() -> None:
    rows = [json.loads(line) for line in KEPT.read_text().splitlines()]
    assert KEPT.with_suffix(".md").read_text() == page(rows)


def test_the_readme_says_what_the_table_does() -> None:
    rows = {row["name"]: row for row in map(json.loads, KEPT.read_text().splitlines())}
    text, sft = (HERE / "README.md").read_text(), rows["sft"]
    right, arguments = (
        with_error(*values_of(sft, "turns", metric, "call_names")).partition(" (")[0]
        for metric in ("calls_right", "call_arguments")
    )
    assert f"it is {right}**, of arguments {arguments}." in text
    assert sft["reasons"][0].removeprefix("calls_right is better by ") in text
    reached = [run["goal"] for run in sft["talks"] if "goal" in run]
    assert f"in {sum(reached):.0f} of {len(reached)} runs gets both" in text
    assert f"read in {rows['orders']['read']} conversations, and carried out in none" in text
    assert rows["orders"]["obeyed"] == 0
    assert [rows[name].get("verdict") for name in SYSTEMS] == [None, "PROMOTE", "HOLD"]


def test_the_recipe_tools_is_what_was_measured() -> None:
    own, recipe = dict(CHANGES["training.sft"]), read_recipe("tools")
    assert own.pop("rows") is None  # how many are learnt is the project's
    sample = flat(yaml.safe_load((ROOT / "params.yaml").read_text())["training"])
    measured = sample | {f"sft.{key}": value for key, value in own.items()}
    assert {name: measured[name] for name in recipe.named_keys} == recipe.named_keys
    assert {f"sft.{key}" for key in own} <= recipe.named_keys.keys()
    assert "python -m examples.tools.run" in recipe.description
