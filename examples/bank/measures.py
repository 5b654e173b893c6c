"""What the table says of a system: its dev answers, measured item by item."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import sqrt
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from evaluation.generate import seconds
from evaluation.generation.answers import Answer, Role
from evaluation.score import read_answers
from evaluation.scoring.score_table import read_scores
from examples.bank.behaviours import behaviours
from examples.bank.voting import cast, compared, counted
from project.files import write_bytes
from project.paths import rows_of
from project.records.data import Row, Split
from project.records.scores import ItemScore

METRICS = ("rougeL", "semantic", "facts_kept", "facts_contradicted")


@dataclass(frozen=True)
class Item:
    """One dev item's answer and what is measured of it."""

    id: str
    topic: str
    fact: str
    answer: str
    scores: dict[str, float]
    unwanted: list[str]


@dataclass(frozen=True)
class System:
    """One row of the table."""

    name: str
    items: list[Item]
    tokens: float  # generated, of an answer
    prompt_tokens: float
    seconds: float | None  # that an answer took, several at a time
    won: int = 0  # items, against the bare base, by the majority of reviewers
    lost: int = 0


@dataclass(frozen=True)
class Mean:
    n: int
    mean: float
    se: float  # its standard error; 0 of one item

    def __str__(self) -> str:
        return f"{self.mean:.3f} ± {self.se:.3f}" if self.n else "-"


def mean_of(values: Sequence[float]) -> Mean:
    if not values:
        return Mean(0, 0.0, 0.0)
    error = stdev(values) / sqrt(len(values)) if len(values) > 1 else 0.0
    return Mean(len(values), fmean(values), error)


def difference(new: System, old: System, metric: str, among: Collection[str]) -> Mean:
    """How much more of a metric the new system has, over the items with these ids."""
    before = {item.id: item.scores[metric] for item in old.items}
    return mean_of([i.scores[metric] - before[i.id] for i in new.items if i.id in among])


def texts_of(role: Role) -> dict[str, str]:
    """The dev answers of a role, by item."""
    return {answer.item: answer.text for answer in read_answers(role, Split.DEV)}


def measured(name: str, role: Role, base: Mapping[str, str] | None = None) -> System:
    """A system as the pipeline has just left it; `base` is what the bare base answered."""
    answers = read_answers(role, Split.DEV)
    scores = {one.item: side_of(one, role) for one in table_of(role)}
    rows = Row.read_lines(rows_of(Split.DEV))
    items = [item_of(row, answer, scores[row.id]) for row, answer in paired(rows, answers)]
    won, lost = against_base(name, rows, {a.item: a.text for a in answers}, base)
    return System(
        name=name,
        items=items,
        tokens=fmean(answer.tokens for answer in answers),
        prompt_tokens=fmean(answer.prompt_tokens for answer in answers),
        seconds=seconds().get(role),
        won=won,
        lost=lost,
    )


def paired(rows: Sequence[Row], answers: Sequence[Answer]) -> list[tuple[Row, Answer]]:
    given = {answer.item: answer for answer in answers}
    return [(row, given[row.id]) for row in rows]


def table_of(role: Role) -> Sequence[ItemScore]:
    """Where few-shot prompts are, they stand in the champion's place, in a table of their own."""
    return read_scores("few-shot" if role is Role.FEW_SHOT else Split.DEV).items


def side_of(score: ItemScore, role: Role) -> dict[str, float]:
    found = score.challenger if role is Role.CHALLENGER else score.champion
    return {metric: found[metric] for metric in METRICS}


def item_of(row: Row, answer: Answer, scores: dict[str, float]) -> Item:
    topic, (about, _, _) = row.slices["topic"], row.id.rpartition(".")
    unwanted = behaviours(topic, about, row.prompt_text, row.completion_text, answer.text)
    return Item(row.id, topic, row.slices["fact"], answer.text, scores, unwanted)


def against_base(
    name: str, rows: Sequence[Row], own: Mapping[str, str], base: Mapping[str, str] | None
) -> tuple[int, int]:
    """Items won and lost in the reviewers' eyes; ballots on equal answers are not cast."""
    apart = [row for row in rows if base and own[row.id] != base[row.id]]
    if base is None or not apart:
        return 0, 0
    file = Path("results") / f"ballots-{name.replace(' ', '-')}.jsonl"
    file.unlink(missing_ok=True)
    cast(compared(apart, {"base": base, name: own}), file)
    (pair,) = counted(file)["pairs"]
    wins, losses = pair["wins"], pair["losses"]
    return (wins, losses) if pair["first"] == name else (losses, wins)


def write_systems(path: Path, systems: Sequence[System]) -> None:
    write_bytes(path, json.dumps([asdict(system) for system in systems], indent=1).encode())


def read_systems(path: Path) -> list[System]:
    found: list[dict[str, Any]] = json.loads(path.read_bytes())
    return [System(**one | {"items": [Item(**item) for item in one["items"]]}) for one in found]
