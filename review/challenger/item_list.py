"""The list of dev items of one comparison, filtered, the worst change first."""

from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Literal

from pydantic import Field

from evaluation.report.dev_items import DevComparison, DevItem, DevItems
from evaluation.report.kept_report import items_of, opponent_label
from project.errors import InputError
from project.records.adapters import Opponent
from project.records.record import Record
from project.records.scores import ItemScore
from project.untrusted_input import shortened
from registry.reader import RegistryReader
from review.frame.form_fields import (
    LARGEST,
    AddressQuery,
    NumberedPage,
    PageNumber,
    nth_page,
    page_numbers,
)

# --- item query -----------------------------------------------------------------------------------

# What a reader asks the item explorer for.

FURTHEST = 1e9  # of a score
Flips = Literal["all", "lost", "gained", "same", "broke", "fixed"]
Text = Annotated[str | None, Field(max_length=500)]
Score = Annotated[float | None, Field(ge=-FURTHEST, le=FURTHEST, allow_inf_nan=False)]


class ItemQuery(AddressQuery):
    """The filters of the list of items; all that are given have to hold."""

    version: Annotated[int | None, Field(ge=0, le=LARGEST)] = Field(
        default=None, description="The challenger; 0: what was not submitted yet."
    )
    against: Annotated[int | None, Field(ge=1, le=LARGEST)] = Field(
        default=None, description="Another version; else whom the challenger was compared with."
    )
    flips: Flips | None = Field(
        default=None,
        description="lost, gained, same: how the score moved; broke: the champion was right and "
        "the challenger is wrong; fixed: the other way round.",
    )
    moved: Score = Field(
        default=None, description="Only a difference of more than this is lost, gained."
    )
    score: Text = Field(default=None, description="The metric; the first gating one if left out.")
    low: Score = Field(default=None, description="The challenger's score is at least this.")
    high: Score = Field(default=None, description="The challenger's score is at most this.")
    slice: Text = Field(default=None, description="As key=value.")
    assertion: Text = Field(default=None, description="One that the challenger's answer breaks.")
    q: Text = Field(default=None, description="Words in the prompt, the reference or an answer.")
    page: PageNumber = 1


# --- item list ------------------------------------------------------------------------------------

SHOWN = 50  # items of a page
CHARS = 160  # of a prompt's beginning
PREFERENCE = "preference"
ASSERTIONS = "assertions"
NAMED = "assert_"  # before an assertion's name, in a metric of its own

Flip = Literal["lost", "gained", "same"]
Holds = Callable[["ItemLine", DevItem], bool]


class ItemLine(Record):
    """One item by one metric; a difference is above 0 where the challenger is better."""

    item: str
    prompt: str  # its beginning
    slices: tuple[str, ...]
    champion: float | None  # None: that metric could not be measured on it
    challenger: float | None
    difference: float | None
    flip: Flip | None
    broken: tuple[str, ...]  # assertions that the challenger's answer breaks
    flags: tuple[str, ...]  # what is odd about it


class ItemList(NumberedPage):
    """One page of the items that were asked for."""

    version: int | None  # of the challenger; None: nobody submitted it
    opponent: str
    chosen: int | None  # the version that a person chose as the other one; None: its opponent then
    metric: str
    better: str
    metrics: tuple[str, ...]
    slices: tuple[str, ...]
    assertions: tuple[str, ...]
    all_items: int  # of the comparison
    items: tuple[ItemLine, ...]


def item_list(dev: DevItems, query: ItemQuery) -> ItemList:
    """Raises InputError for a metric, slice or assertion that the items do not have."""
    names = metrics(dev)
    known_name(None if query.against else query.score, names, "score")
    metric = query.score if query.score in names else first_metric(dev.comparison, names)
    slices = tuple(sorted({name for item in dev.items for name in item.scores.slices}))
    asserted = tuple(name for name in names if is_assertion(name))
    known_name(query.slice, slices, "slice")
    known_name(query.assertion, asserted, "assertion")
    lines = lines_found(dev, query, metric)
    return ItemList(
        version=dev.comparison.version,
        opponent=f"v{query.against}" if query.against else opponent_label(dev.comparison.opponent),
        chosen=query.against,
        metric=metric,
        better="more" if metric == PREFERENCE else dev.comparison.better.get(metric, "more"),
        metrics=names,
        slices=slices,
        assertions=asserted,
        all_items=len(dev.items),
        **page_numbers(len(lines), query.page, SHOWN),
        items=tuple(nth_page(lines, query.page, SHOWN)),
    )


def lines_found(dev: DevItems, query: ItemQuery, metric: str) -> list[ItemLine]:
    """The items that were asked for, in the order in which they are read."""
    wanted = list(conditions(dev, query, metric))
    lines = [(line_of(item, dev.comparison, metric, query.moved or 0), item) for item in dev.items]
    kept = (line for line, item in lines if all(holds(line, item) for holds in wanted))
    return sorted(kept, key=lambda line: order(line, best_first=query.flips == "gained"))


def metrics(dev: DevItems) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for item in dev.items for name in metrics_of(item)))


def metrics_of(item: DevItem) -> tuple[str, ...]:
    judged = () if item.scores.preference is None else (PREFERENCE,)
    return (*judged, *item.scores.champion)


def first_metric(comparison: DevComparison, names: Sequence[str]) -> str:
    gating = [name for name in comparison.gating if name in names and name != PREFERENCE]
    return (gating or list(names) or [PREFERENCE])[0]


def known_name(name: str | None, names: Sequence[str], field: str) -> str | None:
    if name is not None and name not in names:
        there = ", ".join(names[:20]) or "none"
        raise InputError(f"no item has {shortened(name)!r}; there are {there}", field=field)
    return name


def is_assertion(metric: str) -> bool:
    return metric == ASSERTIONS or metric.startswith(NAMED)


def measured(item: DevItem, side: Literal["champion", "challenger"]) -> dict[str, float]:
    """A side's scores, without what stands for those that could not be measured."""
    scores = item.scores.champion if side == "champion" else item.scores.challenger
    return {name: score for name, score in scores.items() if name not in (item.scores.unread or ())}


def broken(item: DevItem, side: Literal["champion", "challenger"]) -> tuple[str, ...]:
    """The assertions that a side's answer breaks, as metrics are called."""
    scores = measured(item, side)
    return tuple(name for name, value in scores.items() if is_assertion(name) and value < 1)


def both_scores(item: DevItem, metric: str) -> tuple[float, float] | None:
    """The scores of champion and challenger, where they could be measured."""
    scores = item.scores
    if metric == PREFERENCE:
        return None if scores.preference is None else (1 - scores.preference, scores.preference)
    if metric in (scores.unread or ()) or metric not in scores.champion:
        return None
    return scores.champion[metric], scores.challenger[metric]


def line_of(item: DevItem, comparison: DevComparison, metric: str, moved: float) -> ItemLine:
    scores = both_scores(item, metric)
    sign = -1 if comparison.better.get(metric) == "less" else 1
    change = sign * (scores[1] - scores[0]) if scores else None
    return ItemLine(
        item=item.row.id,
        prompt=shortened(item.row.prompt_text, CHARS),
        slices=item.scores.slices,
        champion=scores[0] if scores else None,
        challenger=scores[1] if scores else None,
        difference=change,
        flip=None if change is None else flip_of(change, moved),
        broken=broken(item, "challenger"),
        flags=item.flags or (),
    )


def flip_of(change: float, moved: float) -> Flip:
    return "lost" if change < -moved else "gained" if change > moved else "same"


def order(line: ItemLine, *, best_first: bool) -> tuple[bool, float, str]:
    """Items that could not be measured come last."""
    change = line.difference or 0
    return line.difference is None, -change if best_first else change, line.item


def conditions(dev: DevItems, query: ItemQuery, metric: str) -> Iterator[Holds]:
    if query.flips in ("lost", "gained", "same"):
        yield lambda line, _: line.flip == query.flips
    if query.flips in ("broke", "fixed"):
        scores = (score for item in dev.items for score in both_scores(item, metric) or ())
        if any(not 0 <= score <= 1 for score in scores):
            problem = f"{metric} is not from 0 to 1, so no answer is right or wrong by it"
            raise InputError(f"{problem}: choose lost or gained", field="flips")
        before = query.flips == "broke"
        better = dev.comparison.better.get(metric, "more")
        yield lambda line, _: turned(line, better, before=before)
    if query.low is not None or query.high is not None:
        low = float("-inf") if query.low is None else query.low
        high = float("inf") if query.high is None else query.high
        yield lambda line, _: line.challenger is not None and low <= line.challenger <= high
    if query.slice:
        yield lambda line, _: query.slice in line.slices
    if query.assertion:
        yield lambda line, _: query.assertion in line.broken
    if query.q:
        words = query.q.casefold()
        yield lambda _, item: words in searchable_text(item).casefold()


def turned(line: ItemLine, better: str, *, before: bool) -> bool:
    """Whether the champion was right and the challenger is not, or, not `before`, the reverse."""
    if line.champion is None or line.challenger is None:
        return False
    right = [(score >= 0.5) != (better == "less") for score in (line.champion, line.challenger)]
    return right == [before, not before]


def searchable_text(item: DevItem) -> str:
    row = item.row
    return "\n".join([row.id, row.prompt_text, row.completion_text, item.champion, item.challenger])


# --- two versions ---------------------------------------------------------------------------------

# Any two versions on the same dev items, each with what it answered when it was compared.


def held_against(registry: RegistryReader, number: int, other: int | None) -> DevItems:
    """The dev items of a version beside the opponent that it was compared with, or beside another
    version, whose dev items are kept too. Raises InputError where they are not.
    """
    dev = items_of(registry, number)
    if other is None or other == dev.comparison.opponent.version:
        return dev
    if other == number:
        raise InputError("choose two versions that are not the same", field="against")
    return together(dev, items_of(registry, other), other)


def together(own: DevItems, others: DevItems, other: int) -> DevItems:
    """On the items that both answered, by the metrics of both, without a preference."""
    by_id = {item.row.id: item for item in others.items}
    asked_both = [
        (item, beside)
        for item in own.items
        if (beside := by_id.get(item.row.id)) and beside.row.texts == item.row.texts
    ]
    return DevItems(
        comparison=DevComparison(
            version=own.comparison.version,
            opponent=Opponent(version=other),
            better=others.comparison.better | own.comparison.better,
            gating=own.comparison.gating,
        ),
        items=tuple(both(item, beside) for item, beside in asked_both),
    )


def both(one: DevItem, beside: DevItem) -> DevItem:
    then, now = beside.scores, one.scores
    shared = [metric for metric in now.challenger if metric in then.challenger]
    unread = {*(now.unread or ()), *(then.unread or ())}.intersection(shared)
    return DevItem(
        row=one.row,
        champion=beside.challenger,
        challenger=one.challenger,
        champion_turns=beside.challenger_turns,
        challenger_turns=one.challenger_turns,
        champion_runs=beside.challenger_runs,
        challenger_runs=one.challenger_runs,
        scores=ItemScore(
            item=now.item,
            cluster=now.cluster,
            slices=now.slices,
            champion={metric: then.challenger[metric] for metric in shared},
            challenger={metric: now.challenger[metric] for metric in shared},
            unread=tuple(sorted(unread)) or None,
        ),
    )
