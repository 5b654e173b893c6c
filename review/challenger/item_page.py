"""Dev items as pages, and one with all that versions answered to it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import HTMLResponse

from evaluation.evaluation_settings import ScoringParams
from evaluation.report.dev_items import (
    DevComparison,
    DevItem,
    kept_comparison,
    kept_item,
    kept_path,
    kept_versions,
)
from evaluation.report.kept_report import ComparisonChoice, choices, items_of, left_by_stages
from evaluation.report.shown_answers import (
    ConversationRun,
    GivenAnswer,
    MarkedSentence,
    SentenceMarker,
    ShownConversation,
    conversation_of,
    marked,
)
from project.errors import InputError
from project.files import FileState, state_of
from project.near_duplicates import word_hashes
from project.paths import rows_of
from project.records.adapters import Opponent
from project.records.data import Message, Row, Split
from project.records.record import LATER, Record, short
from project.settings import load
from registry.reader import RegistryReader
from review.challenger.item_list import (
    ItemList,
    ItemQuery,
    both_scores,
    broken,
    held_against,
    item_list,
    measured,
    metrics_of,
)
from review.frame.form_fields import Number
from review.frame.pages import page
from review.site import Site, ThePerson, TheSite

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
        hashes = np.array(word_hashes(text), dtype=np.uint32)
        weight = rarity[which]
        shared = np.bincount(
            self.row, weight * np.isin(kinds, hashes)[which], minlength=len(self.lines)
        )
        known = np.isin(hashes, kinds)
        size = rarity[np.searchsorted(kinds, hashes[known])].sum()
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
    nearest = train_words(path, state_of(path)).nearest(prompt, count)
    return [NearRow(row=Row.parse(line, path), likeness=near) for line, near in nearest]


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
    # Of a whole conversation: the first, and all that a scenario was had as.
    turns: Annotated[tuple[Message, ...] | None, LATER] = None
    runs: Annotated[tuple[ConversationRun, ...] | None, LATER] = None
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
    for comparison, dev_item in met:
        for answer in answers_in(comparison, dev_item):
            answers.setdefault(answer.key, answer)
    return ItemView(
        item=item,
        row=row,
        answers=tuple(answers.values()),
        comparisons=tuple(item_comparison(comparison, dev_item) for comparison, dev_item in met),
        older=shown[-1] if len(numbers) > SHOWN else None,
        near=tuple(near_rows(row.prompt_text)),
    )


def left(registry: RegistryReader, item: str) -> Iterator[Met]:
    """What the last run measured of it, where it is not kept with a version."""
    number = left_by_stages(registry)
    if number is not None and number not in kept_versions(registry.family):
        dev = items_of(registry, number)
        yield from ((dev.comparison, dev_item) for dev_item in dev.items if dev_item.row.id == item)


def kept_items(registry: RegistryReader, numbers: list[int], item: str) -> Iterator[Met]:
    for number in numbers:
        path = kept_path(registry.family, number)
        try:
            dev_item = kept_item(path, item)
            if dev_item:
                yield kept_comparison(path), dev_item
        except InputError:
            if path.exists():  # else it was erased just now
                raise


def answers_in(comparison: DevComparison, item: DevItem) -> Iterator[VersionAnswer]:
    number, opponent = comparison.version, comparison.opponent
    yield VersionAnswer(
        key=f"v{number}" if number else "last-run",
        version=number,
        text=item.challenger,
        turns=item.challenger_turns,
        runs=item.challenger_runs,
        scores=measured(item, "challenger"),
        broken=broken(item, "challenger"),
    )
    yield VersionAnswer(
        key=key_of(opponent),
        version=opponent.version,
        text=item.champion,
        turns=item.champion_turns,
        runs=item.champion_runs,
        scores=measured(item, "champion"),
        broken=broken(item, "champion"),
    )


def key_of(opponent: Opponent) -> str:
    if opponent.version:
        return f"v{opponent.version}"
    return short(opponent.adapter) if opponent.adapter else "base"


def item_comparison(comparison: DevComparison, item: DevItem) -> ItemComparison:
    by_metric = {name: both_scores(item, name) for name in metrics_of(item)}
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
            for name, scores in by_metric.items()
            if scores
        ),
        unread=item.scores.unread or (),
        flags=item.flags or (),
    )


def marked_answers(view: ItemView, against: str) -> dict[str, list[MarkedSentence]]:
    """Each answer's sentences, by its key, with the words marked that the one which it is held
    against does not have; that one as it is. `against` is REFERENCE or the key of an answer.
    """
    texts = {answer.key: answer.text for answer in view.answers}
    marker = SentenceMarker(load(ScoringParams).abstentions if view.row.evidence else ())
    base = view.row.completion_text if against == REFERENCE else texts[against]
    return {
        key: marker.marked(view.row, text, () if key == against else marked(base, text)[1])
        for key, text in texts.items()
    }


def talk_of(view: ItemView, against: str) -> ShownConversation | None:
    """The item as a conversation, where it is one; answers are marked as in `marked_answers`."""
    answers = {a.key: GivenAnswer(a.text, a.turns, a.runs or ()) for a in view.answers}
    return conversation_of(view.row, answers, against)


# --- item routes ----------------------------------------------------------------------------------

router = APIRouter(tags=["items"])
CHOICES = 200  # versions that the page offers, newest first

Filters = Annotated[ItemQuery, Query()]
Before = Annotated[Number | None, Query(description="Only versions before this.")]
NOTHING = "no dev items are kept yet: `incumbent submit` keeps those of each version"


@router.get("/items", response_class=HTMLResponse)
def show_items(request: Request, site: TheSite, person: ThePerson, query: Filters) -> HTMLResponse:
    """Dev items of one comparison, or of any two versions, filtered."""
    there = choices(site.registry(person.name))
    number = chosen(there, query) if there else None
    is_kept = number in {choice.number for choice in there}
    if number and not is_kept:
        site.registry(person.name).version(number)  # raises InputError for what is no version
    items = listed_items(site, person.name, there, query) if is_kept else None
    return page(
        request,
        "items.html",
        found=items,
        query=query,
        choices=there[:CHOICES],
        chosen=number,
    )


@router.get("/api/items")
def read_items(site: TheSite, person: ThePerson, query: Filters) -> ItemList:
    """Dev items of one comparison, or of any two versions, filtered, 50 on a page."""
    there = choices(site.registry(person.name))
    if not there:
        raise HTTPException(404, NOTHING)
    return listed_items(site, person.name, there, query)


@router.get("/api/items/{item:path}")
def read_item(site: TheSite, person: ThePerson, item: str, before: Before = None) -> ItemView:
    """One dev item with the answers of every version. Sealed items are not there."""
    return found_item(site, person.name, item, before)


@router.get("/items/{item:path}", response_class=HTMLResponse)
def show_item(
    request: Request,
    site: TheSite,
    person: ThePerson,
    item: str,
    before: Before = None,
    against: Annotated[str, Query(max_length=100)] = "",
) -> HTMLResponse:
    """One dev item, at an address of its own."""
    view = found_item(site, person.name, item, before)
    held = against if against in {REFERENCE, *(a.key for a in view.answers)} else usual(view)
    return page(
        request,
        "item.html",
        view=view,
        before=before,
        against=held,
        reference=REFERENCE,
        marked=marked_answers(view, held),
        talk=talk_of(view, held),
        conversation_of=conversation_of,
    )


def listed_items(
    site: Site, actor: str, there: list[ComparisonChoice], query: ItemQuery
) -> ItemList:
    dev = held_against(site.registry(actor), chosen(there, query), query.against)
    return item_list(dev, query)


def chosen(there: list[ComparisonChoice], query: ItemQuery) -> int:
    return there[0].number if query.version is None else query.version


def found_item(site: Site, actor: str, item: str, before: int | None) -> ItemView:
    view = item_view(site.registry(actor), item, before)
    if view is None:
        raise HTTPException(404, "no dev item of that id is kept; sealed items are not shown")
    return view


def usual(view: ItemView) -> str:
    """What answers are held against: the one that the newest comparison's champion gave."""
    return view.comparisons[0].opponent
