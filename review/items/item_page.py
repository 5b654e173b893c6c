"""One dev item with all that versions answered to it."""

from collections.abc import Iterator

from evaluation.report.comparisons import items_of, left_by_stages
from evaluation.report.dev_items import (
    Comparison,
    DevItem,
    kept_comparison,
    kept_item,
    kept_path,
    kept_versions,
)
from evaluation.report.marked_words import marked
from evaluation.report.report_data import Words
from project.errors import InputError
from project.records.adapters import Opponent
from project.records.data import Row
from project.records.record import Record, short
from registry.reader import RegistryReader
from review.items.item_list import both_scores, broken, metrics_of
from review.items.near_rows import NearRow, near_rows

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


Met = tuple[Comparison, DevItem]


def item_view(registry: RegistryReader, item: str, before: int | None = None) -> ItemView | None:
    """None for what is no dev item of a comparison that is kept: sealed items never are."""
    numbers = [n for n in kept_versions(registry.family) if before is None or n < before]
    shown = numbers[:SHOWN]
    met = [*(left(registry, item) if before is None else ()), *kept(registry, shown, item)]
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
        comparisons=tuple(compared(comparison, one) for comparison, one in met),
        older=shown[-1] if len(numbers) > SHOWN else None,
        near=tuple(near_rows(row.prompt_text)),
    )


def left(registry: RegistryReader, item: str) -> Iterator[Met]:
    """What the last run measured of it, where it is not kept with a version."""
    number = left_by_stages(registry)
    if number is not None and number not in kept_versions(registry.family):
        dev = items_of(registry, number)
        yield from ((dev.comparison, one) for one in dev.items if one.row.id == item)


def kept(registry: RegistryReader, numbers: list[int], item: str) -> Iterator[Met]:
    for number in numbers:
        path = kept_path(registry.family, number)
        try:
            one = kept_item(path, item)
            if one:
                yield kept_comparison(path), one
        except InputError:
            if path.exists():  # else it was erased just now
                raise


def answers_in(comparison: Comparison, item: DevItem) -> Iterator[VersionAnswer]:
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


def compared(comparison: Comparison, item: DevItem) -> ItemComparison:
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


def marked_answers(view: ItemView, against: str) -> dict[str, Words]:
    """Each answer's words, by its key, marked where the one that it is held against has no such
    words; that one as it is. `against` is REFERENCE or the key of an answer.
    """
    texts = {one.key: one.text for one in view.answers}
    base = view.row.completion_text if against == REFERENCE else texts[against]
    return {
        key: ((text, False),) if key == against else marked(base, text)[1]
        for key, text in texts.items()
    }
