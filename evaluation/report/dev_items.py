"""Dev items with what both sides answered, kept for every version beside its report.

A stage's outputs hold the last pair alone. The first line of the file says who was compared; every
other one is an item. Sealed items are never in it.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Self

from evaluation.decision.metric_evidence import item_means
from evaluation.decision.policy import Policy
from evaluation.decision.score_evidence import better_of
from evaluation.generation.answers import SIDES, Answer, answers_of, as_shown
from evaluation.scoring.score_table import read_scores
from project.files import home, write_lines
from project.paths import CHAMPION, SCORES, rows_of
from project.records.adapters import AdapterVersion, Opponent
from project.records.data import Message, Row, Split
from project.records.record import LATER, Record, read_input
from project.records.scores import Better, Flags, ItemScore
from project.settings import load


class DevComparison(Record):
    """Who was compared on dev, and which way each metric is better."""

    version: int | None  # of the challenger; None: nobody submitted it yet
    opponent: Opponent
    better: dict[str, Better]
    gating: tuple[str, ...]


class DevItem(Record):
    """One dev item: what was asked, what both sides answered first, and their mean scores."""

    row: Row
    champion: str
    challenger: str
    scores: ItemScore
    # Of whole conversations.
    champion_turns: Annotated[tuple[Message, ...] | None, LATER] = None
    challenger_turns: Annotated[tuple[Message, ...] | None, LATER] = None
    flags: Annotated[tuple[str, ...] | None, LATER] = None  # what is odd about it


class DevItems(Record):
    comparison: DevComparison
    items: tuple[DevItem, ...]

    @classmethod
    def kept(cls, path: Path) -> Self:
        """Raises InputError naming file, line and field."""
        first, *lines = read_input(path).split(b"\n")
        items = [(number, line) for number, line in enumerate(lines, start=2) if line]
        return cls(
            comparison=DevComparison.parse(first, path, 1),
            items=tuple(DevItem.parse(line, path, number) for number, line in items),
        )


def kept_path(family: str, number: int) -> Path:
    return home() / "reports" / f"{family}-v{number}.dev.jsonl"


def kept_versions(family: str) -> list[int]:
    """The versions whose dev items are kept, newest first."""
    name = re.compile(rf"{re.escape(family)}-v([1-9]\d{{0,8}})\.dev\.jsonl")
    found = (name.fullmatch(path.name) for path in (home() / "reports").glob("*.dev.jsonl"))
    return sorted((int(match[1]) for match in found if match), reverse=True)


def keep_dev_items(version: AdapterVersion) -> None:
    """Keep what the stages left about a version, in place of what was kept about it before."""
    found = measured(version.number)
    lines = [found.comparison.canonical(), *(item.canonical() for item in found.items)]
    write_lines(kept_path(version.family, version.number), lines)


def measured(version: int | None) -> DevItems:
    """What the stages left, which may be under way: items that not all of them have are left out.

    Raises InputError where something is not there.
    """
    scores, policy = read_scores(Split.DEV), load(Policy)
    # The first answer to each item.
    given = [
        {a.item: a for a in reversed(Answer.read_lines(answers_of(side, Split.DEV)))}
        for side in SIDES
    ]
    rows = [r for r in Row.read_lines(rows_of(Split.DEV)) if all(r.id in known for known in given)]
    shown = as_shown(rows, [given[1][row.id] for row in rows])  # what the challenger was
    of_item = {one.item: one for one in item_means(scores.items)}
    odd: dict[str, tuple[str, ...]] = {}
    for what, items in Flags.read(SCORES / f"{Split.DEV}.flags.json").items.items():
        for item in items:
            odd[item] = (*odd.get(item, ()), what)
    return DevItems(
        comparison=DevComparison(
            version=version,
            opponent=Opponent.read(CHAMPION),
            better={m: w for m, w in better_of(scores, policy).items() if m in scores.metrics},
            gating=policy.gating,
        ),
        items=tuple(
            DevItem(
                row=row,
                champion=given[0][row.id].text,
                challenger=given[1][row.id].text,
                champion_turns=given[0][row.id].turns,
                challenger_turns=given[1][row.id].turns,
                scores=of_item[row.id],
                flags=odd.get(row.id),
            )
            for row in shown
            if row.id in of_item
        ),
    )


def kept_comparison(path: Path) -> DevComparison:
    """Raises InputError for a file that is gone or says something else."""
    return DevComparison.parse(next(lines_of(path), b""), path, 1)


def kept_item(path: Path, item: str) -> DevItem | None:
    """One item of a file, without reading what the others say: a file may hold thousands."""
    named = b'"id":' + json.dumps(item, ensure_ascii=False).encode("utf-8", "replace")
    for number, line in enumerate(lines_of(path), start=1):
        if number > 1 and named in line:
            found = DevItem.parse(line, path, number)
            if found.row.id == item:
                return found
    return None


def lines_of(path: Path) -> Iterator[bytes]:
    yield from filter(None, read_input(path).split(b"\n"))
