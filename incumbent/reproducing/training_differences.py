"""In what two trainings differ, of all that decides an adapter's bytes and is on record."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from evaluation.decision.statistics import bounds, holm, p_above, p_below
from incumbent.code import Code, changed_files
from project.records.adapters import Adapter
from project.records.evidence import Measured, MetricEvidence
from project.records.field_change import adapter_facts, differing
from project.records.record import Record

SHOWN = 4  # files of a stage that are named


def adapter_differences(original: Adapter, reproduced: Adapter) -> Iterator[str]:
    """Numerics, base and rows; each in a line."""
    return map(str, differing(adapter_facts(original), adapter_facts(reproduced)))


def package_differences(then: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    if changes := sorted(map(str, differing(then, now))):
        yield f"packages: {'; '.join(changes)}"


def code_differences(then: Mapping[str, Code] | None, now: Mapping[str, Code]) -> Iterator[str]:
    """Files of code by the stages that run them; `then` is None where it is kept nowhere."""
    if then is None:
        yield "code: which it was is kept nowhere any more, so it may have changed"
        return
    by_files: dict[tuple[str, ...], list[str]] = {}
    for stage, code in now.items():
        if files := tuple(changed_files(then.get(stage, Code(files={})), code)):
            by_files.setdefault(files, []).append(stage)
    for files, stages in by_files.items():
        more = f" and {len(files) - SHOWN} more" if len(files) > SHOWN else ""
        yield f"code of {', '.join(stages)}: {', '.join(files[:SHOWN])}{more}"


def recipe_differences(then: bytes, now: bytes) -> Iterator[str]:
    """Settings and data of the steps: what a recipe has beside base and numerics."""
    old, new = flat(json.loads(then)), flat(json.loads(now))
    for change in sorted(map(str, differing(old, new))):
        if not change.startswith(("base.", "numerics.")):
            yield f"recipe: {change}"


def flat(value: Any, name: str = "") -> dict[str, str]:
    """Every value of a recipe by its dotted name."""
    if not isinstance(value, dict):
        return {name: json.dumps(value, ensure_ascii=False)}
    parts = (flat(inner, f"{name}.{key}" if name else key) for key, inner in value.items())
    return {key: text for part in parts for key, text in part.items()}


# --- dev difference -------------------------------------------------------------------------------

# How the reproduced adapter does on dev beside the original one, and whether that is chance.

ALPHA = 0.05  # of one difference among all metrics, where there is none


class DevDifference(Record):
    """Reproduced − original in one metric, with its 95 % interval."""

    metric: str
    original: float | None  # None: a preference, which has no two sides
    reproduced: float | None
    difference: float
    interval: tuple[float, float]
    p: float  # two-sided, of "no difference"
    items: int


def dev_differences(measured: Measured) -> Iterator[DevDifference]:
    for metric, found in measured.items():
        sign = -1 if found.better == "less" else 1  # there, evidence is champion − challenger
        lower, upper = sorted(sign * end for end in bounds_of(found))
        yield DevDifference(
            metric=metric,
            original=found.champion_mean,
            reproduced=found.challenger_mean,
            difference=sign * found.diff,
            interval=(lower, upper),
            p=two_sided(found),
            items=found.n,
        )


def bounds_of(found: MetricEvidence) -> tuple[float, float]:
    return bounds(found.diff, found.se, found.df, ALPHA / 2)


def two_sided(found: MetricEvidence) -> float:
    """Of a difference that is the same on every item: it is there, or it is not."""
    if found.se == 0:
        return float(found.diff == 0)
    above = p_above(found.diff, found.se, found.df, 0.0)
    below = p_below(found.diff, found.se, found.df, 0.0)
    return min(1.0, 2 * min(above, below))


def beyond_chance(found: Sequence[DevDifference]) -> list[str]:
    """The metrics in which they differ by more than chance; Holm's procedure over all of them."""
    adjusted = holm([one.p for one in found])
    return [one.metric for one, p in zip(found, adjusted, strict=True) if p <= ALPHA]
