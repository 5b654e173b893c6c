"""A suite: questions beside the eval sets, which every system answers once and a program scores."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from evaluation.generation.answers import Answer
from project.errors import IncumbentError
from project.records.data import Row
from project.records.record import Record
from project.records.scores import Better, ItemScore


class SuiteItem(Record):
    """What one system scored on one item: a question, or several that are scored together."""

    item: str
    cluster: str | None = None
    slices: tuple[str, ...] = ()  # "key=value"
    values: dict[str, float]  # by metric


class Suite(Protocol):
    """Items may differ in their metrics: what a harmless question is scored by need not fit others.

    But items, slices and names of metrics hang on the questions alone, so that two systems are
    compared on the same ones.
    """

    @property
    def name(self) -> str:
        """The name of its folder below datasets/, of its answers and of its scores."""

    @property
    def better(self) -> Mapping[str, Better]:
        """Which way each of its metrics is better."""

    def rows(self) -> Sequence[Row]:
        """What is asked; nothing where the suite is off. Raises InputError for a bad file."""

    def score(self, answers: Sequence[Answer], phrasings: Sequence[str]) -> Sequence[SuiteItem]:
        """Score one system's answers, which are in the order of the rows. `phrasings` are the
        project's own refusals, in any language.
        """


def score_sides(
    suite: Suite,
    champion: Sequence[Answer],
    challenger: Sequence[Answer],
    phrasings: Sequence[str] = (),
) -> list[ItemScore]:
    """The scores of two systems, side by side."""
    return [
        ItemScore(
            item=ours.item,
            cluster=ours.cluster,
            slices=ours.slices,
            champion=ours.values,
            challenger=theirs.values,
        )
        for ours, theirs in zip(
            *(scored(suite, answers, phrasings) for answers in (champion, challenger)), strict=True
        )
    ]


def scored(
    suite: Suite, answers: Sequence[Answer], phrasings: Sequence[str]
) -> Sequence[SuiteItem]:
    """The scores of one system. Raises IncumbentError for answers to other questions."""
    if [row.id for row in suite.rows()] != [answer.item for answer in answers]:
        raise IncumbentError(f"the answers are not to suite {suite.name!r}: run `dvc repro`")
    return suite.score(answers, phrasings)
