"""What the second round learns from: rows about the topics that failed, and negative examples.

The items themselves are not trained on, though `incumbent data import corrections.jsonl` would do
so: they would leave dev, and nothing could be said of them any more. Of the rows about the same
fact that were kept aside, the first is learnt; a second one is a *sister*: both rounds answer it,
neither has learnt it, and no bad answer of its own chose it.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from examples.bank.rows import Triplet

ROWS = 200  # of the second round


@dataclass(frozen=True)
class SecondRound:
    bad: list[str]  # ids of the dev items
    rows: list[Triplet]  # to be learnt
    sisters: list[Triplet]  # to be asked


def second_round(
    corrections: Path, dealt: Iterable[Triplet], reserve: Sequence[Triplet], most: int = ROWS
) -> SecondRound:
    """From the corrections that `incumbent data export` wrote. Pure but for reading them.

    Rows about the same facts come first, then rows about the same aspect of other products, then
    others of the same topic, each in the order of the reserve; facts that stand in the documents
    alone stay there.
    """
    asked = {row.prompt: row for row in dealt}
    lines = corrections.read_text().splitlines()
    failed = [asked[json.loads(line)["prompt"][-1]["content"]] for line in lines]
    same = {row.id: [r for r in reserve if r.about == row.about] for row in failed}
    learnt = dict.fromkeys(own[0] for own in same.values() if own)
    sisters = dict.fromkeys(own[1] for own in same.values() if len(own) > 1)
    aspects = {(row.topic, aspect_of(row)) for row in failed}
    topics = {row.topic for row in failed}
    others = [r for r in reserve if r.topic in topics and r not in sisters]
    kindred = [r for r in others if (r.topic, aspect_of(r)) in aspects]
    rows = list(dict.fromkeys([*learnt, *kindred, *others]))[:most]
    return SecondRound([row.id for row in failed], rows, [s for s in sisters if s not in learnt])


def aspect_of(row: Triplet) -> str:
    return row.about.rpartition(".")[2]
