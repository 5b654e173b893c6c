"""What the table says of a system: its dev answers, measured item by item."""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from math import sqrt
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from evaluation.evaluation_settings import Decoding, ScoringParams
from evaluation.generate import seconds
from evaluation.generation.answering_model import AnsweringModel
from evaluation.generation.answers import Answer, Role
from evaluation.score import read_answers
from evaluation.scoring.score_table import read_scores
from evaluation.scoring.scorers import load_scorers, score
from examples.bank.behaviours import behaviours
from examples.bank.voting import cast, compared, counted
from project.files import write_bytes
from project.model_pins import BaseChoice, pinned_folder
from project.paths import BASE, EMBEDDER, NUMERICS, rows_of
from project.records.adapters import ModelPin, Numerics
from project.records.data import Row, Split
from project.records.scores import ItemScore
from project.settings import load
from project.shown_passages import all_with_passages, cited

METRICS = ("rougeL", "semantic", "facts_kept", "facts_contradicted")
ON_PASSAGES = (
    "invented",
    "supported",
    "cited_right",
    "cited_all",
    "wrong_abstention",
    "missed_abstention",
)


@dataclass(frozen=True)
class Item:
    """One dev item's answer and what is measured of it."""

    id: str
    topic: str
    fact: str
    answer: str
    scores: dict[str, float]  # by metric; those that do not apply to the item are left out
    unwanted: list[str]
    slices: dict[str, str] = field(default_factory=dict)


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

    @property
    def texts(self) -> dict[str, str]:
        """Its answers, by item."""
        return {item.id: item.answer for item in self.items}

    @property
    def preferred(self) -> str:
        """The items that it won, of those that were decided."""
        voted = self.won + self.lost
        return f"{self.won} of {voted}" if voted else "-"


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


def mean_score(
    system: System, metric: str, where: Callable[[Item], bool] = lambda item: True
) -> Mean:
    """Over the items to which the metric applies."""
    kept = [item.scores[metric] for item in system.items if metric in item.scores and where(item)]
    return mean_of(kept)


def texts_of(role: Role) -> dict[str, str]:
    """The dev answers of a role, by item."""
    return {answer.item: answer.text for answer in read_answers(role, Split.DEV)}


def measured(name: str, role: Role, base: Mapping[str, str] | None = None) -> System:
    """A system as the pipeline has just left it; `base` is what the bare base answered."""
    answers = read_answers(role, Split.DEV)
    scores = {one.item: side_of(one, role) for one in table_of(role)}
    rows = Row.read_lines(rows_of(Split.DEV))
    return system_of(name, rows, answers, scores, base, seconds().get(role))


def measured_elsewhere(
    name: str, answers: Sequence[Answer], base: Mapping[str, str] | None = None
) -> System:
    """A system that another project let answer some of the dev items."""
    return measured_on(list(Row.read_lines(rows_of(Split.DEV))), name, answers, base)


def on_gold_passages(name: str, adapter: Path | None) -> System:
    """The dev items that have an answer, each asked on the one passage that holds it."""
    rows = [gold_alone(row) for row in Row.read_lines(rows_of(Split.DEV)) if row.answerable]
    return asked_on(rows, name, adapter)


def asked_on(rows: Sequence[Row], name: str, adapter: Path | None) -> System:
    """Rows that are no items of the project, answered here, each on its own passages."""
    base = pinned_folder(ModelPin.read(BASE), "base")
    model = AnsweringModel(base, adapter, load(Decoding), Numerics.read(NUMERICS).precision)
    shown = all_with_passages(rows, load(BaseChoice).evidence_template)
    return measured_on(rows, name, list(model.answer(shown)))


def gold_alone(row: Row) -> Row:
    """The reference cites one passage, which becomes the first and only one."""
    (number, *_) = cited(row.completion_text)
    told = [
        turn.model_copy(update={"content": turn.content.replace(f"[{number}]", "[1]")})
        for turn in row.completion
    ]
    gold = (row.evidence or ())[number - 1]
    return row.model_copy(update={"evidence": (gold,), "completion": tuple(told)})


def measured_on(
    rows: Sequence[Row],
    name: str,
    answers: Sequence[Answer],
    base: Mapping[str, str] | None = None,
) -> System:
    """Of these rows those that were answered."""
    given = {answer.item for answer in answers}
    rows = [row for row in rows if row.id in given]
    told = [answer for _, answer in paired(rows, answers)]
    embedder = pinned_folder(ModelPin.read(EMBEDDER), "embedder")
    found = score(load_scorers(load(ScoringParams), embedder), rows, told)
    scores = {
        row.id: {
            metric: found.values[metric][i]
            for metric in (*METRICS, *ON_PASSAGES)
            if i not in found.unread.get(metric, ())
        }
        for i, row in enumerate(rows)
    }
    return system_of(name, rows, told, scores, base, None)


def system_of(
    name: str,
    rows: Sequence[Row],
    answers: Sequence[Answer],
    scores: Mapping[str, dict[str, float]],
    base: Mapping[str, str] | None,
    taken: float | None,
) -> System:
    items = [item_of(row, answer, scores[row.id]) for row, answer in paired(rows, answers)]
    won, lost = against_base(name, rows, {a.item: a.text for a in answers}, base)
    return System(
        name=name,
        items=items,
        tokens=fmean(answer.tokens for answer in answers),
        prompt_tokens=fmean(answer.prompt_tokens for answer in answers),
        seconds=taken,
        won=won,
        lost=lost,
    )


def paired(rows: Sequence[Row], answers: Sequence[Answer]) -> list[tuple[Row, Answer]]:
    given = {answer.item: answer for answer in answers}
    return [(row, given[row.id]) for row in rows]


def table_of(role: Role) -> Sequence[ItemScore]:
    """Where few-shot prompts are, they stand in the champion's place, in a table of their own."""
    return read_scores("few-shot" if role is Role.FEW_SHOT else Split.DEV).items


def side_of(item: ItemScore, role: Role) -> dict[str, float]:
    found = item.challenger if role is Role.CHALLENGER else item.champion
    left_out = item.unread or ()
    wanted = (*METRICS, *ON_PASSAGES)
    return {name: found[name] for name in wanted if name in found and name not in left_out}


def item_of(row: Row, answer: Answer, scores: dict[str, float]) -> Item:
    topic, (about, _, _) = row.slices.get("topic", ""), row.id.rpartition(".")
    unwanted = behaviours(topic, about, row.prompt_text, row.completion_text, answer.text)
    if row.answerable is False:  # to say that nothing is known needs no warning
        unwanted = [one for one in unwanted if one != "no_warning"]
    return Item(
        row.id, topic, row.slices.get("fact", ""), answer.text, scores, unwanted, dict(row.slices)
    )


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
