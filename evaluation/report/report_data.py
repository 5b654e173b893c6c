"""What a report shows beside the evidence: the opponent, item differences, and dev answers."""

import difflib
from collections.abc import Mapping, Sequence

from evaluation.generation.answers import Answer, answers_of
from evaluation.scoring.score_table import read_scores
from project.paths import CHAMPION, SCORES, rows_of
from project.records.adapters import Opponent
from project.records.data import Row, Split
from project.records.record import Record
from project.records.scores import Flags, ItemScore

Words = tuple[tuple[str, bool], ...]  # a word, and whether the other answer lacks it


class Example(Record):
    row: Row
    champion: str
    challenger: str
    scores: ItemScore

    @property
    def quality(self) -> float:
        """The challenger's mean over the metrics to sort by."""
        return mean_over(self.scores.challenger)

    @property
    def gain(self) -> float:
        """Mean gain over the metrics to sort by."""
        return self.quality - mean_over(self.scores.champion)

    @property
    def marked(self) -> tuple[Words, Words]:
        """Both answers by words, each marked where the other has no such words."""
        return differing(self.champion.split(), self.challenger.split())


def mean_over(scores: Mapping[str, float]) -> float:
    """The mean of ROUGE-L and similarity; of all metrics where these were not measured."""
    names = [name for name in ("rougeL", "semantic") if name in scores] or list(scores)
    return sum(scores[name] for name in names) / len(names)


class ReportData(Record):
    opponent: Opponent
    items: dict[str, tuple[ItemScore, ...]]  # of dev and sealed
    flags: dict[str, Flags]
    examples: tuple[Example, ...]  # the dev items, which everybody may look at


def read_report_data() -> ReportData:
    """Read what the stages before left."""
    parts = (Split.DEV, Split.SEALED)
    items: dict[str, tuple[ItemScore, ...]] = {part: read_scores(part).items for part in parts}
    return ReportData(
        opponent=Opponent.read(CHAMPION),
        items=items,
        flags={part: Flags.read(SCORES / f"{part}.flags.json") for part in parts},
        examples=examples(items[Split.DEV]),
    )


def examples(dev: Sequence[ItemScore]) -> tuple[Example, ...]:
    """The dev items with what both sides answered."""
    answers = {
        side: {a.item: a.text for a in Answer.read_lines(answers_of(side, Split.DEV))}
        for side in ("champion", "challenger")
    }
    scores = {item.item: item for item in dev}
    return tuple(
        Example(
            row=row,
            champion=answers["champion"][row.id],
            challenger=answers["challenger"][row.id],
            scores=scores[row.id],
        )
        for row in Row.read_lines(rows_of(Split.DEV))
    )


def differing(a: Sequence[str], b: Sequence[str]) -> tuple[Words, Words]:
    """Mark the words of each that stand in no common run of both."""
    common = difflib.SequenceMatcher(a=a, b=b, autojunk=False).get_matching_blocks()
    in_a = {i for block in common for i in range(block.a, block.a + block.size)}
    in_b = {i for block in common for i in range(block.b, block.b + block.size)}
    return (
        tuple((word, i not in in_a) for i, word in enumerate(a)),
        tuple((word, i not in in_b) for i, word in enumerate(b)),
    )
