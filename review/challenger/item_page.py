"""One dev item with all that versions answered to it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from evaluation.evaluation_settings import ScoringParams
from evaluation.report.dev_items import (
    DevComparison,
    DevItem,
    DevItems,
    kept_comparison,
    kept_item,
    kept_path,
    kept_versions,
)
from evaluation.report.kept_report import items_of, left_by_stages
from evaluation.report.marked_answers import MarkedSentence, SentenceMarker, marked
from project.errors import InputError
from project.files import FileState, state_of
from project.near_duplicates import word_hashes
from project.paths import rows_of
from project.records.adapters import Opponent
from project.records.data import Row, Split
from project.records.record import Record, short
from project.records.scores import ItemScore
from project.settings import load
from registry.reader import RegistryReader
from review.challenger.item_list import both_scores, broken, metrics_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# --- near rows ------------------------------------------------------------------------------------

# The training rows whose questions have most words in common with an item's.

MOST = 50_000  # training rows that are looked at, from the first on
LEAST = 0.05  # of likeness: below it, only common words are shared


class NearRow(Record):
    """`likeness` is the share of both questions' words that stand in both, by rarity."""

    row: Row
    likeness: float


@dataclass(frozen=True, eq=False)
class TrainWords:
    """The words of training rows' questions, one behind the other."""

    lines: tuple[bytes, ...]
    words: "NDArray[np.uint32]"
    row: "NDArray[np.int64]"  # of each word, the row that it stands in

    def nearest(self, text: str, count: int) -> list[tuple[bytes, float]]:
        """The lines of the nearest rows, and how near they are."""
        import numpy as np

        kinds, which, rows = np.unique(self.words, return_inverse=True, return_counts=True)
        rarity = np.log((1 + len(self.lines)) / rows)
        own = np.array(word_hashes(text), dtype=np.uint32)
        weight = rarity[which]
        shared = np.bincount(
            self.row, weight * np.isin(kinds, own)[which], minlength=len(self.lines)
        )
        known = np.isin(own, kinds)
        size = rarity[np.searchsorted(kinds, own[known])].sum()
        size += (~known).sum() * np.log(1 + len(self.lines))
        every = np.bincount(self.row, weight, minlength=len(self.lines)) + size - shared
        likeness = np.divide(shared, every, out=np.zeros(len(self.lines)), where=every > 0)
        best = np.argsort(-likeness, kind="stable")[:count]
        return [(self.lines[i], float(likeness[i])) for i in best if likeness[i] >= LEAST]


def near_rows(prompt: str, count: int = 5) -> list[NearRow]:
    """Nearest first; none where nothing is curated."""
    path = rows_of(Split.TRAIN)
    if not path.exists():
        return []
    found = train_words(path, state_of(path)).nearest(prompt, count)
    return [NearRow(row=Row.parse(line, path), likeness=near) for line, near in found]


@lru_cache(1)
def train_words(path: Path, state: FileState) -> TrainWords:
    # Imported here, and above, so that other pages do not wait for it.
    import numpy as np

    with path.open("rb") as stream:
        lines = tuple(line for line in islice(stream, MOST) if line.strip())
    hashes = [word_hashes(prompt_of_line(line)) for line in lines]
    return TrainWords(
        lines=lines,
        words=np.fromiter((h for some in hashes for h in some), dtype=np.uint32),
        row=np.repeat(np.arange(len(lines)), [len(some) for some in hashes]),
    )


def prompt_of_line(line: bytes) -> str:
    """The prompt of a curated row, read lightly: there are many of them."""
    return "\n".join(message["content"] for message in json.loads(line)["prompt"])


# --- item page ------------------------------------------------------------------------------------

SHOWN = 12  # comparisons, newest first
REFERENCE = "reference"


class ComparedScore(Record):
    metric: str
    champion: float
    challenger: float
    better: str


class ItemComparison(Record):
    """One comparison that the item was in."""

    version: int | None
    opponent: str
    scores: tuple[ComparedScore, ...]
    unread: tuple[str, ...]  # metrics that could not be measured on it
    flags: tuple[str, ...]


class VersionAnswer(Record):
    """What one version answered, when it was compared last."""

    key: str  # v3, base, last-run, or the beginning of an adapter's digest
    version: int | None
    text: str
    scores: dict[str, float]
    broken: tuple[str, ...]  # assertions


class ItemView(Record):
    item: str
    row: Row
    answers: tuple[VersionAnswer, ...]  # the newest version's first
    comparisons: tuple[ItemComparison, ...]  # newest first
    older: int | None  # ask for those before this version: there are more
    near: tuple[NearRow, ...]  # training rows


Met = tuple[DevComparison, DevItem]


def item_view(registry: RegistryReader, item: str, before: int | None = None) -> ItemView | None:
    """None for what is no dev item of a comparison that is kept: sealed items never are."""
    numbers = [n for n in kept_versions(registry.family) if before is None or n < before]
    shown = numbers[:SHOWN]
    met = [*(left(registry, item) if before is None else ()), *kept_items(registry, shown, item)]
    if not met:
        return None
    row = met[0][1].row
    answers: dict[str, VersionAnswer] = {}
    for comparison, one in met:
        for answer in answers_in(comparison, one):
            answers.setdefault(answer.key, answer)
    return ItemView(
        item=item,
        row=row,
        answers=tuple(answers.values()),
        comparisons=tuple(item_comparison(comparison, one) for comparison, one in met),
        older=shown[-1] if len(numbers) > SHOWN else None,
        near=tuple(near_rows(row.prompt_text)),
    )


def left(registry: RegistryReader, item: str) -> Iterator[Met]:
    """What the last run measured of it, where it is not kept with a version."""
    number = left_by_stages(registry)
    if number is not None and number not in kept_versions(registry.family):
        dev = items_of(registry, number)
        yield from ((dev.comparison, one) for one in dev.items if one.row.id == item)


def kept_items(registry: RegistryReader, numbers: list[int], item: str) -> Iterator[Met]:
    for number in numbers:
        path = kept_path(registry.family, number)
        try:
            one = kept_item(path, item)
            if one:
                yield kept_comparison(path), one
        except InputError:
            if path.exists():  # else it was erased just now
                raise


def answers_in(comparison: DevComparison, item: DevItem) -> Iterator[VersionAnswer]:
    number, opponent = comparison.version, comparison.opponent
    yield VersionAnswer(
        key=f"v{number}" if number else "last-run",
        version=number,
        text=item.challenger,
        scores=item.scores.challenger,
        broken=broken(item, "challenger"),
    )
    yield VersionAnswer(
        key=key_of(opponent),
        version=opponent.version,
        text=item.champion,
        scores=item.scores.champion,
        broken=broken(item, "champion"),
    )


def key_of(opponent: Opponent) -> str:
    if opponent.version:
        return f"v{opponent.version}"
    return short(opponent.adapter) if opponent.adapter else "base"


def item_comparison(comparison: DevComparison, item: DevItem) -> ItemComparison:
    found = {name: both_scores(item, name) for name in metrics_of(item)}
    return ItemComparison(
        version=comparison.version,
        opponent=key_of(comparison.opponent),
        scores=tuple(
            ComparedScore(
                metric=name,
                champion=scores[0],
                challenger=scores[1],
                better=comparison.better.get(name, "more"),
            )
            for name, scores in found.items()
            if scores
        ),
        unread=item.scores.unread or (),
        flags=item.flags or (),
    )


def marked_answers(view: ItemView, against: str) -> dict[str, list[MarkedSentence]]:
    """Each answer's sentences, by its key, with the words marked that the one which it is held
    against does not have; that one as it is. `against` is REFERENCE or the key of an answer.
    """
    texts = {one.key: one.text for one in view.answers}
    marker = SentenceMarker(load(ScoringParams).abstentions if view.row.evidence else ())
    base = view.row.completion_text if against == REFERENCE else texts[against]
    return {
        key: marker.marked(view.row, text, () if key == against else marked(base, text)[1])
        for key, text in texts.items()
    }


# --- two versions ---------------------------------------------------------------------------------

# Any two versions on the same dev items, each with what it answered when it was compared.


def held_against(registry: RegistryReader, number: int, other: int | None) -> DevItems:
    """The dev items of a version beside the opponent that it was compared with, or beside another
    version, whose dev items are kept too. Raises InputError where they are not.
    """
    own = items_of(registry, number)
    if other is None or other == own.comparison.opponent.version:
        return own
    if other == number:
        raise InputError("choose two versions that are not the same", field="against")
    return together(own, items_of(registry, other), other)


def together(own: DevItems, others: DevItems, other: int) -> DevItems:
    """On the items that both answered, by the metrics of both, without a preference."""
    by_id = {one.row.id: one for one in others.items}
    asked_both = [
        (one, beside)
        for one in own.items
        if (beside := by_id.get(one.row.id)) and beside.row.texts == one.row.texts
    ]
    return DevItems(
        comparison=DevComparison(
            version=own.comparison.version,
            opponent=Opponent(version=other),
            better=others.comparison.better | own.comparison.better,
            gating=own.comparison.gating,
        ),
        items=tuple(both(one, beside) for one, beside in asked_both),
    )


def both(one: DevItem, beside: DevItem) -> DevItem:
    then, now = beside.scores, one.scores
    shared = [metric for metric in now.challenger if metric in then.challenger]
    unread = {*(now.unread or ()), *(then.unread or ())}.intersection(shared)
    return DevItem(
        row=one.row,
        champion=beside.challenger,
        challenger=one.challenger,
        scores=ItemScore(
            item=now.item,
            cluster=now.cluster,
            slices=now.slices,
            champion={metric: then.challenger[metric] for metric in shared},
            challenger={metric: now.challenger[metric] for metric in shared},
            unread=tuple(sorted(unread)) or None,
        ),
    )
