"""What a report shows beside the evidence: the opponent, item differences, and dev answers."""

import difflib
from collections.abc import Mapping, Sequence
from statistics import fmean

from evaluation.decision.metric_evidence import item_means
from evaluation.decision.policy import Policy
from evaluation.decision.score_evidence import better_of
from evaluation.generation.answers import SIDES, Answer, Role, answers_of
from evaluation.scoring.score_table import read_scores
from project.paths import CHAMPION, SCORES, rows_of
from project.records.adapters import Opponent
from project.records.data import Row, Split
from project.records.record import Record
from project.records.scores import Better, Flags, ItemScore, ScoreTable
from project.settings import load

Words = tuple[tuple[str, bool], ...]  # a word, and whether the other answer lacks it


class AnswerExample(Record):
    row: Row
    champion: str
    challenger: str
    scores: ItemScore
    better: dict[str, Better]  # the metrics to sort by

    @property
    def quality(self) -> float:
        """The challenger's mean over the metrics to sort by; more is better."""
        return mean_over(self.better, self.scores.challenger)

    @property
    def gain(self) -> float:
        """Over the champion, in the mean over the metrics to sort by."""
        return self.quality - mean_over(self.better, self.scores.champion)

    @property
    def marked(self) -> tuple[Words, Words]:
        """Both answers by words, each marked where the other has no such words."""
        return differing(self.champion.split(), self.challenger.split())


class ReportData(Record):
    """Dev items, which everybody may look at, and no others."""

    opponent: Opponent
    dev: tuple[ItemScore, ...]
    flags: Flags
    examples: tuple[AnswerExample, ...]


def read_report_data() -> ReportData:
    """Read what the stages before left."""
    dev = read_scores(Split.DEV)
    return ReportData(
        opponent=Opponent.read(CHAMPION),
        dev=item_means(dev.items),
        flags=Flags.read(SCORES / f"{Split.DEV}.flags.json"),
        examples=read_examples(dev, load(Policy)),
    )


def read_examples(dev: ScoreTable, policy: Policy) -> tuple[AnswerExample, ...]:
    """The dev items with what both sides answered, to be sorted by the gating metrics."""
    answers = {
        side: {a.item: a.text for a in reversed(Answer.read_lines(answers_of(side, Split.DEV)))}
        for side in SIDES  # of several answers the first one
    }
    scores = {item.item: item for item in item_means(dev.items)}
    scored = {name: way for name, way in better_of(dev, policy).items() if name in dev.metrics}
    better = {name: scored[name] for name in policy.gating if name in scored} or scored
    return tuple(
        AnswerExample(
            row=row,
            champion=answers[Role.CHAMPION][row.id],
            challenger=answers[Role.CHALLENGER][row.id],
            scores=scores[row.id],
            better=better,
        )
        for row in Row.read_lines(rows_of(Split.DEV))
    )


def mean_over(better: Mapping[str, Better], scores: Mapping[str, float]) -> float:
    """The mean of some metrics, those in which less is better counted downward."""
    signs = {"more": 1, "less": -1, "neither": 0}
    return fmean([signs[way] * scores[name] for name, way in better.items()] or [0])


def differing(a: Sequence[str], b: Sequence[str]) -> tuple[Words, Words]:
    """Mark the words of each that stand in no common run of both."""
    common = difflib.SequenceMatcher(a=a, b=b, autojunk=False).get_matching_blocks()
    in_a = {i for block in common for i in range(block.a, block.a + block.size)}
    in_b = {i for block in common for i in range(block.b, block.b + block.size)}
    return (
        tuple((word, i not in in_a) for i, word in enumerate(a)),
        tuple((word, i not in in_b) for i, word in enumerate(b)),
    )
