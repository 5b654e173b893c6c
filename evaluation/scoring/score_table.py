"""Score tables as files: JSON Lines, one item a line, whoever made them."""

from collections.abc import Sequence
from math import gcd
from pathlib import Path

from evaluation.scoring.built_in import ranges_by_ours
from project.canonical import canonical_json
from project.errors import InputError
from project.paths import DIRECTIONS, SCORES
from project.records.record import read_input
from project.records.scores import Directions, ItemScore, ScorePins, ScoreTable, out_of_range
from project.untrusted_input import refuse_doubled_keys

TELLING = 20  # different scores: fewer may well be there equally often


def read_score_table(path: Path, pins: ScorePins | None = None) -> ScoreTable:
    """Read a score table. Raises InputError naming file, line and field.

    Every item, or each sample of it, must be there once and have the metrics that the first one
    has, on both sides. All samples of an item are in its cluster and its slices.
    """
    items: list[ItemScore] = []
    seen: dict[tuple[str, int], int] = {}
    drawn: dict[str, ItemScore] = {}  # the first sample of each item
    for number, line in enumerate(read_input(path).splitlines(), start=1):
        if not line.strip():
            continue
        item = ItemScore.parse(line, path, number)
        refuse_doubled_keys(line, path, number)
        if (first := seen.setdefault((item.item, item.sample), number)) != number:
            problem = f"{item.item!r} is on line {first} already"
            raise InputError(problem, file=path, line=number, field="item")
        refuse_moved(item, drawn.setdefault(item.item, item), path, number)
        if items and (odd := sorted(item.champion.keys() ^ items[0].champion.keys())):
            whose = "this item" if odd[0] in items[0].champion else "the first item"
            problem = f"{whose} lacks it: all items must have the same metrics"
            raise InputError(problem, file=path, line=number, field=odd[0])
        # A score that a metric with the name of one of ours cannot have.
        for side, scores in (("champion", item.champion), ("challenger", item.challenger)):
            for metric, value in scores.items():
                ends = ranges_by_ours().get(metric)
                if ends and out_of_range(value, ends):
                    problem = (
                        f"{value:g} is outside of {ends[0]:g} to {ends[1]:g}: scale it, or give a "
                        "metric that is none of ours another name"
                    )
                    raise InputError(problem, file=path, line=number, field=f"{side}.{metric}")
        items.append(item)
    if not items:
        raise InputError("the score table is empty", file=path)
    refuse_copies(items, path)
    return ScoreTable(pins=pins, items=tuple(items))


def refuse_copies(items: Sequence[ItemScore], path: Path) -> None:
    """Raise InputError where all that was measured is there several times in clusters of its own.

    By chance every one of TELLING scores is there an even number of times once in a million tables.
    """
    fields = {"item", "sample", "cluster", "slices"}
    clusters: dict[bytes, set[str]] = {}
    for item in items:
        scores = canonical_json(item.model_dump(mode="json", exclude=fields))
        clusters.setdefault(scores, set()).add(item.cluster or item.item)
    copies = gcd(*map(len, clusters.values()))
    if copies > 1 and len(clusters) >= TELLING:
        problem = f"each item is there {copies} times under other ids, and counts once: leave the "
        raise InputError(problem + "copies out, or give an item's copies one `cluster`", file=path)


def refuse_moved(item: ItemScore, first: ItemScore, path: Path, number: int) -> None:
    """Raise InputError for a sample that is in another cluster or slice than the item's first."""
    problem = f"the samples of {item.item!r} are in different clusters or slices"
    if item.cluster != first.cluster:
        raise InputError(problem, file=path, line=number, field="cluster")
    if set(item.slices) != set(first.slices):
        raise InputError(problem, file=path, line=number, field="slices")


def read_scores(comparison: str) -> ScoreTable:
    """A score table that stage `score` left: dev, general, few-shot or base."""
    if not DIRECTIONS.exists():
        raise InputError("is not there: run `dvc repro`", file=DIRECTIONS)
    pins = SCORES / f"{comparison}.pins.json"
    table = read_score_table(
        SCORES / f"{comparison}.jsonl", ScorePins.read(pins) if pins.exists() else None
    )
    directions = Directions.read(DIRECTIONS)
    return table.model_copy(update={"better": directions.better, "ranges": directions.ranges})


def scored(comparison: str) -> bool:
    """Whether stage `score` made this comparison."""
    return (SCORES / f"{comparison}.jsonl").exists()
