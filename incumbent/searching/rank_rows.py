"""Training rows ranked by what the base and the embedder say of each, and by how much the best
ones beat random ones.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from curation.faults.every_fault import FAULTS
from curation.selected_rows import (
    AnswerLoss,
    RankedRow,
    RowQuality,
    Selection,
    SelectionHead,
    qualities,
    taken_in_order,
)
from evaluation.decision.policy import Policy
from evaluation.decision.statistics import Array
from evaluation.evaluation_settings import Decoding
from evaluation.generation.answers import versions
from evaluation.scoring.scorers import Scores, score
from incumbent.searching.compare_on_dev import (
    DifferenceOnDev,
    answered,
    aside_here,
    asked_dev,
    difference_on_dev,
    judging,
    scorers_here,
)
from incumbent.searching.pace import Candidates, draw_rows, load_sft_settings
from project.bare_base import bare_base
from project.canonical import digest_json
from project.files import home
from project.model_pins import pinned_folder
from project.paths import EMBEDDER, NUMERICS
from project.progress import progress
from project.records.adapters import Contestant, ModelPin, Numerics
from project.records.data import Message, Row
from project.records.record import Digest, Record
from project.records.scores import Better
from project.settings import load
from project.shown_passages import all_with_passages
from retrieval.embedder import Embeddings

if TYPE_CHECKING:
    from evaluation.generation.answering_model import AnsweringModel


def rank(candidates: Candidates, count: int) -> Selection:
    """The best `count` rows in their order, with the quality of all. Only reads the data."""
    base, embedder = bare_base(), ModelPin.read(EMBEDDER)
    numerics, rows = Numerics.read(NUMERICS), candidates.rows
    losses = BaseReader(base, numerics).losses(rows)
    scores = qualities(rows, losses, candidates.answer_tokens(), FAULTS)
    vectors = Embeddings(embedder, home() / "embeddings.db").encode([text(row) for row in rows])
    order = taken_in_order([quality.value for quality in scores], vectors, count)
    head = SelectionHead(
        selected=len(order),
        ranked=len(rows),
        dataset=candidates.dataset.digest,
        base=base.base.digest,
        embedder=embedder.digest,
        numerics=numerics,
    )
    return Selection(head=head, rows=tuple(ranked(rows, scores, order)))


def text(row: Row) -> str:
    return f"{row.prompt_text}\n{row.completion_text}"


def ranked(
    rows: Sequence[Row], qualities: Sequence[RowQuality], order: Sequence[int]
) -> list[RankedRow]:
    """The selected rows, the best first, then the others in the order of the data."""
    taken = set(order)
    others = [i for i in range(len(rows)) if i not in taken]
    ranks = {i: rank for rank, i in enumerate(order, start=1)}
    return [
        RankedRow(
            id=rows[i].id,
            rank=ranks.get(i),
            quality=round(qualities[i].value, 4),
            parts=qualities[i],
        )
        for i in (*order, *others)
    ]


# --- answer losses --------------------------------------------------------------------------------

# How hard each row's answer is for the base, with its prompt and without: read once, then kept.

TOGETHER = 128  # rows that are read, and kept, together: what an interruption can lose
# In place of a prompt: a chat template has no answer without a question.
NO_PROMPT = (Message(role="user", content=""),)


class KeptLosses(Record):
    """The losses of rows that were read together; None where the base cannot read a row."""

    with_prompt: tuple[float | None, ...]
    alone: tuple[float | None, ...]


class BaseReader:
    """The bare base; it is loaded when a first row is not known."""

    def __init__(self, base: Contestant, numerics: Numerics) -> None:
        self.base = base
        self.numerics = numerics
        self.loaded: AnsweringModel | None = None

    def losses(self, rows: Sequence[Row]) -> list[AnswerLoss]:
        longest_first = sorted(rows, key=lambda row: (-length(row), row.id))
        by_id: dict[str, AnswerLoss] = {}
        with progress("reading", len(rows), "rows") as bar:
            for start in range(0, len(rows), TOGETHER):
                some = longest_first[start : start + TOGETHER]
                kept = self.known_or_read(some)
                pairs = zip(some, kept.with_prompt, kept.alone, strict=True)
                by_id |= {row.id: AnswerLoss(a, b) for row, a, b in pairs}
                bar.advance(len(some))
        return [by_id[row.id] for row in rows]

    def known_or_read(self, rows: Sequence[Row]) -> KeptLosses:
        path = self.place(rows)
        if not path.exists():
            bare = [row.model_copy(update={"prompt": NO_PROMPT}) for row in rows]
            self.loaded = self.loaded or self.load()
            shown = all_with_passages(rows, self.base.evidence_template)
            with_prompt, alone = (self.loaded.reference_logprobs(some) for some in (shown, bare))
            KeptLosses(with_prompt=negated(with_prompt), alone=negated(alone)).write(path)
        return KeptLosses.read(path)

    def load(self) -> "AnsweringModel":
        # Imported here so that whoever finds all rows known does not wait for torch.
        from evaluation.generation.answering_model import AnsweringModel, refuse_other_machine

        refuse_other_machine(self.numerics)
        folder, prompt = pinned_folder(self.base.base, "base"), self.base.system_prompt
        decoding = Decoding(max_new_tokens=1)
        return AnsweringModel(folder, None, decoding, self.numerics.precision, prompt)

    def place(self, rows: Sequence[Row]) -> Path:
        return home() / "losses" / f"{self.key(rows)}.json"

    def key(self, rows: Sequence[Row]) -> Digest:
        learnt = {"prompt", "completion", "evidence"}
        texts = [row.model_dump(mode="json", include=learnt) for row in rows]
        return digest_json([self.base.digest, self.numerics.digest, versions(), texts])


def length(row: Row) -> int:
    return len(row.prompt_text) + len(row.completion_text)


def negated(logprobs: Sequence[float | None]) -> tuple[float | None, ...]:
    return tuple(None if value is None else -value for value in logprobs)


# --- against random -------------------------------------------------------------------------------


class MetricDifference(DifferenceOnDev):
    """Selected − random on dev, or the contrary where less is better."""

    better: Better
    selected: float  # means
    random: float
    draws: tuple[float, ...]  # the difference from each random draw


class AgainstRandom(Record):
    """What became of the comparison of one selection."""

    selection: Digest
    rows: int  # that were selected, and drawn
    kept: int  # that both sides were trained on beside them
    items: int
    clusters: int
    level: float  # of the intervals
    seeds: tuple[int, ...]  # of the random draws
    judged_by: tuple[str, ...]  # the metrics that must all win
    metrics: dict[str, MetricDifference]

    @property
    def beats(self) -> bool:
        return all(self.metrics[name].low > 0 for name in self.judged_by)

    @property
    def loses(self) -> bool:
        return any(self.metrics[name].high < 0 for name in self.judged_by)

    @property
    def sentences(self) -> list[str]:
        """The outcome in plain words, whichever it is."""
        drawn = "random" if len(self.seeds) == 1 else f"{len(self.seeds)} random draws"
        told = ", ".join(f"{self.metrics[name]} {name}" for name in self.judged_by)
        beside = f", each beside {self.kept} rows that both learn" if self.kept else ""
        lines = [
            f"{self.rows} selected rows {verb(self)} {self.rows} random ones{beside}",
            f"selected − {drawn}: {told}, on {self.items} dev items in {self.clusters} groups; "
            f"intervals of {self.level:.0%}",
        ]
        if not self.beats:
            lines.append("do not take this selection for better than a random one")
        if len(self.seeds) == 1:
            lines.append("another random draw may differ: --seeds 3 makes three")
        return lines


def against_random(
    items: Sequence[Row],
    selected: Scores,
    random: Sequence[Scores],
    better: Mapping[str, Better],
    alpha: float,
) -> dict[str, MetricDifference]:
    """Each metric that has a better way, with the one-sided bounds at alpha on both sides."""
    return {
        name: difference(items, np.array(values), others(random, name), way, alpha)
        for name, values in selected.values.items()
        if (way := better.get(name, "neither")) != "neither"
    }


def difference(
    items: Sequence[Row], selected: Array, random: Array, better: Better, alpha: float
) -> MetricDifference:
    """Of scores [items] and [draws, items]."""
    apart = (-1 if better == "less" else 1) * (selected - random)
    difference_found = difference_on_dev(apart, [row.group for row in items], alpha)
    return MetricDifference(
        better=better,
        selected=float(selected.mean()),
        random=float(random.mean()),
        draws=tuple(apart.mean(axis=1).tolist()),
        **difference_found.model_dump(),
    )


def others(random: Sequence[Scores], name: str) -> Array:
    """The scores of the random draws [draws, items]."""
    return np.array([scores.values[name] for scores in random], dtype=np.float64)


def verb(comparison: AgainstRandom) -> str:
    if comparison.beats:
        return "beat"
    return "are worse than" if comparison.loses else "are not shown to beat"


def compare(candidates: Candidates, selection: Selection, seeds: Sequence[int]) -> AgainstRandom:
    """Train, answer and score each side. Raises InputError where dev cannot tell anything."""
    items, policy = asked_dev(), load(Policy)
    scorers, better = scorers_here()
    judged_by = judging(policy, better, items)
    by_id = {row.id: row for row in candidates.rows}
    best = [by_id[name] for name in selection.chosen]
    sides = {"the selected rows": best}
    sides |= {f"random draw {seed}": draw_rows(candidates.rows, len(best), seed) for seed in seeds}
    aside, settings = aside_here(from_champion=False), load_sft_settings()
    answers = [
        answered(name, [*candidates.kept, *rows], items, aside, settings)
        for name, rows in sides.items()
    ]
    scores = [score(scorers, items, given) for given in answers]
    return AgainstRandom(
        selection=selection.digest,
        rows=len(best),
        kept=len(candidates.kept),
        items=len(items),
        clusters=len({row.group for row in items}),
        level=round(1 - 2 * policy.alpha, 6),
        seeds=tuple(seeds),
        judged_by=judged_by,
        metrics=against_random(items, scores[0], scores[1:], better, policy.alpha),
    )
