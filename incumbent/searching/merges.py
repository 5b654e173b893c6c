"""Merges of adapters, each scored on dev alone, and what the best of them is worth."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from evaluation.decision.policy import Policy
from evaluation.decision.statistics import Array
from evaluation.evaluation_settings import ScoringParams
from evaluation.generation.answers import versions
from evaluation.generation.retrieved_passages import asked_with
from evaluation.score import directions
from evaluation.scoring.scorers import load_scorers
from incumbent.searching.base_candidates import BaseDifference, against
from incumbent.searching.compare_on_dev import LOSS, Aside, judging, measure_by
from incumbent.searching.merge_parents import Merge, MergeParent, write_merges
from incumbent.searching.pace import LOADING, gated_dataset, pace
from incumbent.searching.search_result import TrialGain, gain_of_best
from project.canonical import digest_folder, digest_json
from project.errors import InputError
from project.files import home, write_lines
from project.model_pins import pinned_folder
from project.paths import BASE, EMBEDDER, NUMERICS, rows_of
from project.progress import progress
from project.records.adapters import ModelPin, Numerics
from project.records.data import Row, Split, counted
from project.records.record import Digest, Record
from project.records.scores import Better
from project.settings import load
from registry.adapter_import.lora_config import MergedOrigin, MergedParent
from registry.champion import based_here
from training.steps.earlier import FRESH


@dataclass(frozen=True)
class MergeSearch:
    """The setup of one search."""

    parents: Sequence[MergeParent]
    merges: Sequence[Merge]
    seed: int
    items: Sequence[Row]  # dev
    aside: Aside
    by: str
    alpha: float

    @classmethod
    def here(
        cls, parents: Sequence[MergeParent], merges: Sequence[Merge], seed: int, by: str | None
    ) -> Self:
        """Raises InputError where dev cannot tell adapters apart."""
        gated_dataset()
        contestant, policy = parents[0].adapter.contestant, load(Policy)
        on = based_here(contestant, ModelPin.read(BASE), parents[0].label)
        items = asked_with(Row.read_lines(rows_of(Split.DEV)), contestant)
        if len({row.group for row in items}) < 2:
            raise InputError("has too few items to compare adapters on", file=rows_of(Split.DEV))
        if by is None:
            embedder = pinned_folder(ModelPin.read(EMBEDDER), "embedder")
            scorers = load_scorers(load(ScoringParams), embedder)
            by = judging(policy, directions(scorers), items)[0]
        bare = on.model_copy(update={"adapter": None})
        aside = Aside(bare, Numerics.read(NUMERICS), FRESH)
        return cls(parents, merges, seed, items, aside, by, policy.alpha)

    @property
    def expected(self) -> float | None:
        """Minutes of all answers; None where it is not known how fast this machine is."""
        found, count = pace(self.aside.numerics), len(self.merges) + len(self.parents)
        if found is None:
            return None
        asked = found.reading if self.by == LOSS else found.answering
        return count * (asked(self.items) + LOADING)

    def run(self, place: Path) -> "MergeResult":
        """Write each merge to a folder of its number, and ask it dev. Answers are cached, so that
        an interrupted search goes on. Raises InputError for a metric that there is not.
        """
        measure, better = measure_by(self.by, self.items, self.aside, field="--by")
        parents = [measure(parent.folder) for parent in self.parents]
        folders = write_merges(self.parents, self.merges, self.seed, place)
        # All that were ever tried on these dev items, by whatever metric.
        kept = home() / "merges" / f"{digest_json([row.digest for row in self.items])[:16]}.txt"
        tried = set(kept.read_text().split()) if kept.exists() else set()
        scores = list[tuple[float, ...]]()
        with progress("merges", len(folders), "merges", leave=False) as bar:
            for folder in folders:
                tried.add(digest_folder(folder))
                write_lines(kept, (name.encode() for name in sorted(tried)))
                scores.append(measure(folder))
                bar.advance()
        return result_of(self, folders, np.array(parents), np.array(scores), better, len(tried))


# --- result ---------------------------------------------------------------------------------------


class MergeScore(Record):
    """Of a parent, or of a merge."""

    name: str
    adapter: Digest
    score: float  # the mean over dev
    over: BaseDifference  # to the best parent; above 0 it is better than that


class MergeResult(Record):
    by: str  # the metric
    better: Better
    items: int
    clusters: int
    level: float  # of the intervals
    parents: tuple[MergeScore, ...]
    best_parent: int  # its place among them
    merges: tuple[MergeScore, ...]
    best: int
    gain: TrialGain | None  # of the best over the best parent; None: too few groups of items
    tried: int  # merges in all on these dev items, those of earlier searches included

    @property
    def is_better(self) -> bool:
        """Whether the best merge beats its best parent, also on items that did not choose it."""
        seen = self.merges[self.best].over.diff
        return seen > 0 and (self.gain is None or self.gain.corrected > 0)


def result_of(
    search: MergeSearch,
    folders: Sequence[Path],
    parents: Array,
    merges: Array,
    better: Better,
    tried: int,
) -> MergeResult:
    """Of scores [parents, items] and [merges, items]."""
    sign, groups = (-1 if better == "less" else 1), [row.group for row in search.items]
    best_parent = int((sign * parents.mean(axis=1)).argmax())
    best = parents[best_parent]

    def score_of(name: str, adapter: Digest, items: Array) -> MergeScore:
        over = against(
            {name: best.tolist()}, {name: items.tolist()}, groups, {name: better}, search.alpha
        )[name]
        return MergeScore(name=name, adapter=adapter, score=float(items.mean()), over=over)

    of_parents = zip(search.parents, parents, strict=True)
    of_merges = zip(search.merges, folders, merges, strict=True)
    return MergeResult(
        by=search.by,
        better=better,
        items=len(groups),
        clusters=len(set(groups)),
        level=round(1 - 2 * search.alpha, 6),
        parents=tuple(score_of(one.label, one.adapter.files, i) for one, i in of_parents),
        best_parent=best_parent,
        merges=tuple(score_of(str(one), digest_folder(f), i) for one, f, i in of_merges),
        best=int((sign * merges.mean(axis=1)).argmax()),
        gain=gain_of_best(np.vstack([best, merges]), 0, groups, better),
        tried=tried,
    )


def origin_of(search: MergeSearch, found: MergeResult) -> MergedOrigin:
    """The record of the best merge."""
    merge = search.merges[found.best]
    parents = zip(search.parents, merge.shares(len(search.parents)), strict=True)
    return MergedOrigin(
        parents=tuple(
            MergedParent(adapter=one.adapter.files, version=one.version, share=share)
            for one, share in parents
        ),
        method=merge.method,
        density=merge.density,
        seed=search.seed,
        libraries=versions(),
        tried=found.tried,
        metric=found.by,
        score=found.merges[found.best].score,
        items=found.items,
    )


def sentences(found: MergeResult) -> list[str]:
    """The outcome in plain words, and what it is worth."""
    best, parent, gain = found.merges[found.best], found.parents[found.best_parent], found.gain
    lines = [
        f"best of {len(found.merges)}: {best.name}: {found.by} {best.score:.4f}",
        f"its best parent is {parent.name}: {parent.score:.4f}; better by {best.over}, on "
        f"{found.items} dev items in {found.clusters} groups; intervals of {found.level:.0%}",
    ]
    if gain and best.over.diff > 0:
        interval = f"[{gain.low:+.3f}, {gain.high:+.3f}]"
        lines.append(f"on items that did not choose it: better by {gain.corrected:+.3f} {interval}")
    if not found.is_better:
        lines.append(f"no merge is better than {parent.name} on dev")
    asked = f"{counted(found.tried, 'merge')} tried on these dev items in all"
    return [*lines, f"{asked}: the best score is optimistic, sealed decides"]
