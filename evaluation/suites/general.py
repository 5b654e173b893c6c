"""The general-ability suite, as one of the suites: has the model forgotten what it could do?"""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from evaluation.general_ability.suite import CORRECT, SUITE, correct, read_suite
from evaluation.generation.answers import Answer
from evaluation.suites.suite import SuiteItem
from project.records.data import Row
from project.records.scores import Better


class GeneralAbility:
    """It is always on, and its evidence has a field of its own: policies guarded it first."""

    name = "general"
    better: ClassVar[Mapping[str, Better]] = {CORRECT: "more"}

    def rows(self) -> list[Row]:
        return [item.row for item in read_suite(SUITE)]

    def score(self, answers: Sequence[Answer], phrasings: Sequence[str] = ()) -> list[SuiteItem]:
        return [
            SuiteItem(
                item=item.id,
                cluster=item.row.group,
                slices=(f"ability={item.ability}",),
                values={CORRECT: correct(item, answer.text)},
            )
            for item, answer in zip(read_suite(SUITE), answers, strict=True)
        ]
