"""The learning curves that the last training left, as a tracker charts them."""

import csv
from collections.abc import Iterator
from math import isfinite
from pathlib import Path

from project.errors import InputError
from project.paths import ADAPTER, step_of
from project.records.adapters import Adapter, AdapterVersion
from project.records.record import Record
from training.recipe import STEPS


class Point(Record):
    step: int
    value: float


def curves_of(version: AdapterVersion) -> dict[str, tuple[Point, ...]]:
    """Each measure by step, such as `sft/loss`; none where the last training made another adapter.

    Raises InputError for a file that is no learning curve.
    """
    if not ADAPTER.exists() or Adapter.read(ADAPTER).files != version.adapter.files:
        return {}
    found = {f"{step}/{name}": points for step in STEPS for name, points in curves(step_of(step))}
    return {name: points for name, points in found.items() if points}


def curves(step: Path) -> Iterator[tuple[str, tuple[Point, ...]]]:
    folder = step / "plots" / "metrics"
    for file in sorted(folder.rglob("*.tsv")):
        name = file.relative_to(folder).with_suffix("")
        yield name.as_posix(), tuple(points_of(file, name.name))


def points_of(file: Path, name: str) -> Iterator[Point]:
    """What DVCLive wrote; a value that is no number, of a loss that broke, has no place in it."""
    with file.open(newline="") as stream:
        for line, row in enumerate(csv.DictReader(stream, delimiter="\t"), start=2):
            try:
                step, value = int(row["step"]), float(row[name])
            except (KeyError, TypeError, ValueError):
                problem = f"is no learning curve: it needs the columns step and {name}, of numbers"
                raise InputError(problem, file=file, line=line) from None
            if isfinite(value):
                yield Point(step=step, value=value)
