"""In what two trainings differ, of all that decides an adapter's bytes and is on record."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from incumbent.code import Code, differing
from project.records.adapters import Adapter, ModelPin
from project.records.record import short

SHOWN = 4  # files of a stage that are named
ABSENT = "none"


def differences(original: Adapter, reproduced: Adapter) -> Iterator[str]:
    """Numerics, base and rows; each in a line."""
    if original.numerics != reproduced.numerics:
        then = original.numerics or "numerics that were not recorded"
        yield f"numerics: trained in {then}, now in {reproduced.numerics}"
    yield from base_differences(original.base, reproduced.base)
    if original.dataset != reproduced.dataset:
        yield f"dataset: {short(original.dataset)} then, {short(reproduced.dataset)} now"
    if original.parent != reproduced.parent:
        yield f"trained from: {short(original.parent)} then, {short(reproduced.parent)} now"
    if original.system_prompt != reproduced.system_prompt:
        yield "the system prompt is another one"


def base_differences(then: ModelPin, now: ModelPin) -> Iterator[str]:
    if then.weights != now.weights:
        yield f"base: {then} then, {now} now"
    if then.config != now.config:
        yield "base: its configuration or its tokenizer is another one"
    if then.chat_template != now.chat_template:
        yield "base: its chat template is another one"


def package_differences(then: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    changed = [
        f"{name} {then.get(name, ABSENT)} then, {now.get(name, ABSENT)} now"
        for name in sorted(then.keys() | now.keys())
        if then.get(name) != now.get(name)
    ]
    if changed:
        yield f"packages: {'; '.join(changed)}"


def code_differences(then: Mapping[str, Code] | None, now: Mapping[str, Code]) -> Iterator[str]:
    """Files of code by the stages that run them; `then` is None where it is kept nowhere."""
    if then is None:
        yield "code: which it was is kept nowhere any more, so it may have changed"
        return
    by_files: dict[tuple[str, ...], list[str]] = {}
    for stage, code in now.items():
        if files := tuple(differing(then.get(stage, Code(files={})), code)):
            by_files.setdefault(files, []).append(stage)
    for files, stages in by_files.items():
        more = f" and {len(files) - SHOWN} more" if len(files) > SHOWN else ""
        yield f"code of {', '.join(stages)}: {', '.join(files[:SHOWN])}{more}"


def recipe_differences(then: bytes, now: bytes) -> Iterator[str]:
    """Settings and data of the steps: what a recipe has beside base and numerics."""
    old, new = flat(json.loads(then)), flat(json.loads(now))
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) != new.get(name) and not name.startswith(("base.", "numerics.")):
            yield f"recipe: {name} is {new.get(name, ABSENT)}, and was {old.get(name, ABSENT)}"


def flat(value: Any, name: str = "") -> dict[str, str]:
    """Every value of a recipe by its dotted name."""
    if not isinstance(value, dict):
        return {name: json.dumps(value, ensure_ascii=False)}
    parts = (flat(inner, f"{name}.{key}" if name else key) for key, inner in value.items())
    return {key: text for part in parts for key, text in part.items()}
