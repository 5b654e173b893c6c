"""What the keys that name parts of an export do to what is collected."""

import json
from typing import Any

from tests.incumbent.setting_effects.curation_effects import ROWS, SOURCES, collected, source
from tests.incumbent.setting_effects.effect import Effect, write

JUDGED, CHOSEN = "datasets/sources/judged.json", "datasets/sources/chosen.jsonl"
PAIRS = "datasets/sources/pairs.jsonl"
QUALITY = {"prompt": "question", "completion": "reply", "control": "quality"}
PRAISED = {**QUALITY, "good": ["fine"], "bad": ["poor"]}
COMPARED = {"prompt": "question", "control": "better"}
NOTED = {"prompt": "question", "control": "note"}


def exported() -> str:
    """What stage `collect` makes of annotated tasks, and of a text with options."""
    tasks = [annotated(number, said) for number, said in enumerate(["fine", "poor", "fair"])]
    write(JUDGED, json.dumps(tasks))
    options = [{"id": 1, "text": "fees"}, {"id": 2, "text": "cards"}]
    asked = {"text": "what does it cost?", "options": options, "accept": [1], "answer": "accept"}
    write(CHOSEN, json.dumps(asked | {"_input_hash": -1, "_task_hash": 2}))
    return collected()


def annotated(number: int, said: str) -> dict[str, Any]:
    data = {"question": f"what is fee {number}?", "more": "what is a loan?", "topic": "money"}
    answers = {"reply": "a price", "other": "a part"}
    result = [
        {"from_name": "quality", "type": "choices", "value": {"choices": [said]}},
        {"from_name": "better", "type": "pairwise", "value": {"selected": "left"}},
        {"from_name": "note", "type": "textarea", "value": {"text": ["a cost"]}},
    ]
    return {"id": number, "data": data | answers, "annotations": [{"result": result}]}


def judged_pair() -> str:
    """What stage `collect` makes of two answers of which one is better."""
    write(PAIRS, json.dumps({"prompt": "what is a fee?", "chosen": "a price", "rejected": "rain"}))
    return collected()


def effect(first: Any, second: Any, **named: Any) -> Effect:
    judged = source(JUDGED, format="label-studio", export=named)
    return Effect((first, second), exported, beside={SOURCES: [judged, source(ROWS)]})


EXPORT = f"{SOURCES}.export"
EFFECTS = {
    EXPORT: effect(PRAISED, NOTED),
    f"{EXPORT}.prompt": effect(["question"], ["more"], **PRAISED),
    f"{EXPORT}.completion": effect("reply", "other", **PRAISED),
    f"{EXPORT}.answers": effect(
        {"left": "reply", "right": "other"}, {"left": "other", "right": "reply"}, **COMPARED
    ),
    f"{EXPORT}.control": effect("quality", "note", **PRAISED),
    f"{EXPORT}.good": effect(["fine"], ["fine", "fair"], **PRAISED),
    f"{EXPORT}.bad": effect(["poor"], ["poor", "fair"], **PRAISED),
    f"{EXPORT}.options": Effect(
        ("classes", "answers"),
        exported,
        beside={SOURCES: [source(CHOSEN, format="prodigy"), source(ROWS)]},
    ),
    f"{SOURCES}.answers_as_rows": Effect(
        (False, True),
        judged_pair,
        beside={SOURCES: [source(PAIRS, format="preferences"), source(ROWS)]},
    ),
    f"{EXPORT}.instruction": effect(None, "Answer in a word.", **NOTED),
    f"{EXPORT}.system": effect(None, "You work for a bank.", **NOTED),
    f"{EXPORT}.slices": effect([], ["topic"], **NOTED),
}
