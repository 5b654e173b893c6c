"""Whether a whole conversation with a simulated user came to its goal, and how."""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from math import comb
from typing import Any

from pydantic import PositiveInt

from evaluation.metrics.facts.find_facts import find_facts
from evaluation.metrics.per_item import PerItem, Values
from evaluation.scoring.phrases import there
from project.errors import InputError
from project.records.assertion_kinds import Contains
from project.records.scenarios import is_reached

NOT_HAD = "was not had as a conversation"
CUT = {
    "turns": "cut after evaluation.generation.conversations.turns",
    "context": "longer than the model's context",
    "pattern": "a pattern of the user's script takes too long",
}


class ConversationScores(PerItem):
    """What a conversation came to.

    compute -> four lists of n. `goal` is 1 where the state is at the end as the scenario demands,
    the assistant has said all that it is to say, and the user ended the conversation, not a limit.
    `turns` counts the assistant's; `failed_calls` is the share of its calls that could not be read
    or made or ended in an error, 0 of none. `pass_k`, in [0, 1] as `goal` is, estimates how likely
    `k` runs all come to the goal: C(c, k) / C(n, k) for c of n runs that did; k is n where no
    option says less.
    """

    more_is_better = ("goal", "pass_k")
    less_is_better = ("turns", "failed_calls")
    ranges = (("goal", 0, 1), ("pass_k", 0, 1), ("failed_calls", 0, 1))
    description = "Goal, turns and failed calls of conversations with a simulated user."
    citation = "Yao et al. (2024). τ-bench: A Benchmark for Tool-Agent-User Interaction."
    columns = ("conversations",)

    def __init__(self, k: PositiveInt | None = None, **options: Any) -> None:
        self.k = k
        super().__init__(**options)

    def _compute(self, conversations: list[str]) -> Values:
        told = [json.loads(text) for text in conversations]
        had = [conversation["had"] for conversation in told]
        missing = [i for i, run in enumerate(had) if run is None]
        self.flags = {NOT_HAD: missing} | {
            what: [i for i, run in enumerate(had) if run and run["ended"] == why]
            for why, what in CUT.items()
        }
        goals = [float(is_goal(conversation)) for conversation in told]
        calls = [(run["failed"], run["calls"]) if run else (0, 0) for run in had]
        values = {
            "goal": goals,
            "pass_k": goals,
            "turns": [float(len(conversation["heard"])) for conversation in told],
            "failed_calls": [failed / made if made else 0.0 for failed, made in calls],
        }
        self.unread = dict.fromkeys(values, missing)
        return values

    def together(self, drawn: Sequence[Mapping[str, Sequence[float]]]) -> Values:
        """`pass_k` of the items' runs, each of which has its `goal`."""
        n = len(drawn)
        k = self.k or n
        if k > n:
            raise InputError(f"k is {k}, and evaluation.decoding.samples is {n}")
        reached = [int(sum(runs)) for runs in zip(*(draw["goal"] for draw in drawn), strict=True)]
        return {"pass_k": [comb(c, k) / comb(n, k) for c in reached]}


def is_goal(told: Mapping[str, Any]) -> bool:
    had, heard = told["had"], "\n".join(told["heard"])
    return (
        had is not None
        and had["ended"] == "user"
        and is_reached(told["end"], had["state"])
        and all(is_said(phrase, heard) for phrase in told["say"])
    )


def is_said(wanted: str | float, heard: str) -> bool:
    """Whether a text is there in whole words, or a figure in whichever form and unit."""
    if isinstance(wanted, str):
        return all(there(Contains(kind="contains", texts=(wanted,)), heard))
    return any(
        number(reading) == wanted
        for fact in find_facts(heard, doubtful=True)
        for reading in fact.readings
    )


def number(reading: str) -> float | None:
    """The number that a fact begins with, if it does."""
    with suppress(ValueError):
        return float(reading.partition(" ")[0])
    return None
