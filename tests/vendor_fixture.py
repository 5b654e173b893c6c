"""What a team has left of its tuning at OpenAI: files of every form that it takes."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.bank_files import Bank

MODEL = "ft:gpt-4o-mini-2024-07-18:bank::A1b2C3"
TRAINING, VALIDATION = "file-train1", "file-valid1"
CHATS, PAIRS, HELD_OUT = 60, 12, 60

Fields = dict[str, Any]


def turn(role: str, content: str, **more: object) -> Fields:
    return {"role": role, "content": content, **more}


def job(**more: object) -> Fields:
    """As the API shows it."""
    told = {"n_epochs": 3, "batch_size": 1, "learning_rate_multiplier": 1.8}
    return {
        "object": "fine_tuning.job",
        "id": "ftjob-abc123",
        "model": "gpt-4o-mini-2024-07-18",
        "fine_tuned_model": MODEL,
        "training_file": TRAINING,
        "validation_file": VALIDATION,
        "status": "succeeded",
        "method": {"type": "supervised", "supervised": {"hyperparameters": told}},
    } | more


def chat(*pairs: tuple[str, str], weights: tuple[int, ...] = (), **more: object) -> Fields:
    turns = []
    for number, (question, answer) in enumerate(pairs):
        about = {"weight": weights[number]} if weights else {}
        turns += [turn("user", question), turn("assistant", answer, **about)]
    return {"messages": turns, **more}


def pair(question: str, better: str, worse: str) -> Fields:
    return {
        "input": {"messages": [turn("user", question)], "parallel_tool_calls": True},
        "preferred_output": [turn("assistant", better)],
        "non_preferred_output": [turn("assistant", worse)],
    }


def chats(bank: Bank) -> Iterator[Fields]:
    """Of two turns, of which the first is context in every second; or of one."""
    for number in range(CHATS):
        if number % 5 == 0:
            yield chat(*bank.pairs(2), weights=(number % 2, 1))
        else:
            yield chat(bank.pair())


def write_vendor_files(folder: Path, held_out: int = HELD_OUT) -> None:
    """The training and the validation file by their ids, pairs, and the job."""
    bank = Bank(seed=3)
    files = {
        f"{TRAINING}.jsonl": list(chats(bank)),
        "pairs.jsonl": [
            pair(asked, told, "I cannot say: ask somebody else.")
            for asked, told in bank.pairs(PAIRS)
        ],
        f"{VALIDATION}.jsonl": [chat(bank.pair()) for _ in range(held_out)],
        "job.json": [job()],
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, records in files.items():
        (folder / name).write_text("".join(json.dumps(one) + "\n" for one in records))
