"""`search merge`: a challenger that nothing is trained for, merged from adapters that are there."""

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Annotated, NoReturn, Self, get_args

import numpy as np
import typer

from evaluation.decision.policy import Policy
from evaluation.decision.statistics import Array
from evaluation.generation.answers import versions
from incumbent.options import GO_ON, LARGEST, Json, Reason, saying_what_stays, version_option
from incumbent.output import console, print_json, print_table, say, say_conclusion
from incumbent.searching.compare_on_dev import (
    LOSS,
    Aside,
    DifferenceOnDev,
    dev_items,
    difference_on_dev,
    judging,
    measure_by,
    scorers_here,
)
from incumbent.searching.merge_parents import (
    Merge,
    MergeParent,
    merges_of,
    parents_here,
    write_merges,
)
from incumbent.searching.pace import LOADING, gated_dataset, minutes_text, pace
from incumbent.searching.search_result import TrialGain, gain_of_best
from incumbent.submission import everything_learnt
from project.canonical import digest_folder, digest_json
from project.child_processes import ended_by_signals
from project.errors import IncumbentError
from project.files import home, locked, write_lines
from project.near_duplicates import WordPrints
from project.paths import BASE, NUMERICS
from project.progress import progress
from project.records.adapters import AdapterVersion, ModelPin, Numerics
from project.records.data import Row, counted
from project.records.record import Digest, Record
from project.records.scores import Better
from project.settings import load
from registry.adapter_import.lora_config import MergedOrigin, MergedParent, MergeMethod
from registry.champion import based_here
from registry.store import Registry
from training.recipe import LearntRows
from training.rows.experience_replay import learnt_by_challenger
from training.start import known_rows
from training.steps.earlier import FRESH

# --- search ---------------------------------------------------------------------------------------


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
        items = dev_items(contestant)
        by = by or judging(policy, scorers_here()[1], items)[0]
        bare = on.model_copy(update={"adapter": None})
        aside = Aside(bare, Numerics.read(NUMERICS), FRESH)
        return cls(parents, merges, seed, items, aside, by, policy.alpha)

    @property
    def expected(self) -> float | None:
        """Minutes of all answers; None where it is not known how fast this machine is."""
        speed, count = pace(self.aside.numerics), len(self.merges) + len(self.parents)
        if speed is None:
            return None
        asked = speed.reading if self.by == LOSS else speed.answering
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
    over: DifferenceOnDev  # to the best parent; above 0 it is better than that


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

    @property
    def sentences(self) -> list[str]:
        """The outcome in plain words, and what it is worth."""
        best, parent, gain = self.merges[self.best], self.parents[self.best_parent], self.gain
        lines = [
            f"best of {len(self.merges)}: {best.name}: {self.by} {best.score:.4f}",
            f"its best parent is {parent.name}: {parent.score:.4f}; better by {best.over}, on "
            f"{self.items} dev items in {self.clusters} groups; intervals of {self.level:.0%}",
        ]
        if gain and best.over.diff > 0:
            interval = f"[{gain.low:+.3f}, {gain.high:+.3f}]"
            lines.append(
                f"on items that did not choose it: better by {gain.corrected:+.3f} {interval}"
            )
        if not self.is_better:
            lines.append(f"no merge is better than {parent.name} on dev")
        asked = f"{counted(self.tried, 'merge')} tried on these dev items in all"
        return [*lines, f"{asked}: the best score is optimistic, sealed decides"]


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
        over = difference_on_dev(sign * (items - best)[None], groups, search.alpha)
        return MergeScore(name=name, adapter=adapter, score=float(items.mean()), over=over)

    of_parents = zip(search.parents, parents, strict=True)
    of_merges = zip(search.merges, folders, merges, strict=True)
    return MergeResult(
        by=search.by,
        better=better,
        items=len(groups),
        clusters=len(set(groups)),
        level=round(1 - 2 * search.alpha, 6),
        parents=tuple(score_of(parent.label, parent.adapter.files, i) for parent, i in of_parents),
        best_parent=best_parent,
        merges=tuple(score_of(str(merge), digest_folder(f), i) for merge, f, i in of_merges),
        best=int((sign * merges.mean(axis=1)).argmax()),
        gain=gain_of_best(np.vstack([best, merges]), 0, groups, better),
        tried=tried,
    )


def origin_of(search: MergeSearch, merge_result: MergeResult) -> MergedOrigin:
    """The record of the best merge."""
    merge = search.merges[merge_result.best]
    parents = zip(search.parents, merge.shares(len(search.parents)), strict=True)
    return MergedOrigin(
        parents=tuple(
            MergedParent(adapter=parent.adapter.files, version=parent.version, share=share)
            for parent, share in parents
        ),
        method=merge.method,
        density=merge.density,
        seed=search.seed,
        libraries=versions(),
        tried=merge_result.tried,
        metric=merge_result.by,
        score=merge_result.merges[merge_result.best].score,
        items=merge_result.items,
    )


# --- merge ----------------------------------------------------------------------------------------

SHARES, DENSITIES = (0.3, 0.5, 0.7), (0.5,)


@saying_what_stays(GO_ON)
def merge(
    challenger: Annotated[
        int | None,
        version_option("The version that the champions are merged with; else the pipeline's."),
    ] = None,
    champions: Annotated[
        int, typer.Option(min=1, max=LARGEST, help="How many of the last champions take part.")
    ] = 2,
    method: Annotated[
        MergeMethod | None, typer.Option(help="One way to merge, by PEFT's name; all if left out.")
    ] = None,
    share: Annotated[
        list[float] | None,
        typer.Option(
            min=0.01,
            max=0.99,
            help="A weight of the challenger, the champions share the rest; else 0.3, 0.5 and 0.7.",
        ),
    ] = None,
    density: Annotated[
        list[float] | None,
        typer.Option(min=0.01, max=1, help="What ties and dare_ties keep of each; else 0.5."),
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, max=LARGEST, help="Of what dare_ties drops at random.")
    ] = 0,
    by: Annotated[
        str | None, typer.Option(help="The metric, or loss; the first that gates if left out.")
    ] = None,
    register: Annotated[
        bool, typer.Option("--register", help="Also where the best is no better than its parents.")
    ] = False,
    reason: Reason = "merged",
    as_json: Json = False,
) -> None:
    """Merge the last champions' adapters and the challenger's; the best on dev is a new version.

    Reads no sealed item. Raises InputError for adapters that cannot be merged.

    $ incumbent search merge
    $ incumbent search merge --challenger v4 --method ties --share 0.5 --density 0.2
    """
    merges = merges_of(
        [method] if method else get_args(MergeMethod), share or SHARES, density or DENSITIES
    )
    alone = locked(home() / "merges" / "lock", refuse)
    aside = tempfile.TemporaryDirectory(prefix="incumbent-merges-")
    with alone, ended_by_signals(), aside as place, Registry.here() as registry:
        registry.roles.require("submit", registry.actor)
        parents = parents_here(registry, champions, challenger)
        search = MergeSearch.here(parents, merges, seed, by)
        say_beginning(search)
        outcome, version = search.run(Path(place)), None
        if outcome.is_better or register:
            folder = Path(place, str(outcome.best))
            version = registered(registry, search, outcome, folder, reason)
    if as_json:
        print_json(
            outcome.model_dump(mode="json") | {"said": outcome.sentences, "version": version}
        )
        return
    print_found(outcome, version)


def refuse() -> NoReturn:
    raise IncumbentError("another process merges here: wait for its end")


def say_beginning(search: MergeSearch) -> None:
    """Tell people what is merged and how long it will take, before the first long work."""
    parents = ", ".join(parent.label for parent in search.parents)
    about = minutes_text(search.expected)
    count = counted(len(search.merges), "merge")
    print(f"{count} of {parents}: {about}; less for what is known already", file=sys.stderr)


def registered(
    registry: Registry, search: MergeSearch, merge_result: MergeResult, folder: Path, reason: str
) -> AdapterVersion:
    """The best merge as a version, with its parents and all that they have learnt."""
    origin, first = origin_of(search, merge_result), search.parents[0].adapter
    adapter = first.model_copy(
        update={
            "files": merge_result.merges[merge_result.best].adapter,
            "recipe": origin.digest,
            "dataset": origin.digest,
            "parent": first.files,
            "numerics": None,
        }
    )
    prints, rows = zip(*(learnt_by(registry, parent) for parent in search.parents), strict=True)
    known = LearntRows(learnt=tuple(sorted({*chain.from_iterable(rows)})))
    return registry.submit(
        adapter,
        folder,
        reason,
        *(origin, *([known] if all(rows) else ())),
        trained_on=WordPrints.joined(prints) if all(prints) else None,
    )


def learnt_by(registry: Registry, parent: MergeParent) -> tuple[WordPrints | None, tuple[str, ...]]:
    """The prompts and the rows that a parent has learnt; None and none where nobody knows."""
    if parent.version is not None:
        prints = registry.trained_on(parent.adapter.files)
        return prints, known_rows(registry, parent.version)
    rows = (row for record in learnt_by_challenger() for row in record.learnt)
    return everything_learnt(registry), tuple(rows)


def print_found(merge_result: MergeResult, version: AdapterVersion | None) -> None:
    both = (*merge_result.parents, *merge_result.merges)
    rows = [(entry.name, f"{entry.score:.4f}", str(entry.over)) for entry in both]
    print_table(("on dev", f">{merge_result.by}", ">better than the best parent by"), rows)
    console.print()
    say_conclusion(merge_result.sentences)
    if version is None:
        say("nothing is registered; --register does it all the same")
        return
    say(f"{version.label}: {version.adapter}")
    say(f"to compare it with the champion: incumbent registry reevaluate {version.number}")
