"""The exported form's answers are scored as the judged ones were, on the same items."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from evaluation.generation.answers import Answer
from evaluation.scoring.scorers import Scorer
from project.errors import InputError
from serving.exporting.judged_answers import JudgedAnswers, score_again
from tests.serving.exporting.judged_project import row_of

ROWS = (row_of("one?"), row_of("two?"))


@dataclass
class Length:
    """A scorer: how many letters an answer has."""

    name: str = "letters"
    unread: dict[str, tuple[int, ...]] = field(default_factory=dict)

    def compute(self, predictions: Sequence[str]) -> Mapping[str, Any]:
        return {self.name: [float(len(text)) for text in predictions]}


def scorer(metric: Length | None = None) -> list[Scorer]:
    return [Scorer("length", 0, metric or Length(), ("predictions",))]


def judged(
    *scores: float | None, gating: tuple[str, ...] = ("letters", "preference")
) -> JudgedAnswers:
    return JudgedAnswers(ROWS, ("ab", "abcd"), {"letters": scores}, gating, ("letters",))


def answers(*texts: str, sample: int = 0) -> list[Answer]:
    return [
        Answer(item=row.id, text=text, tokens=1, prompt_tokens=1, sample=sample)
        for row, text in zip(ROWS, texts, strict=True)
    ]


def test_means_are_compared_metric_by_metric() -> None:
    (found,) = score_again(judged(2, 4), answers("a", "abc"), scorer())
    assert (found.metric, found.judged, found.exported) == ("letters", 3, 2)


def test_an_item_that_could_not_be_measured_counts_on_neither_side() -> None:
    (found,) = score_again(judged(2, None), answers("a", "abc"), scorer())
    assert (found.judged, found.exported) == (2, 1)
    unread = Length(unread={"letters": (0,)})
    (found,) = score_again(judged(2, 4), answers("a", "abc"), scorer(unread))
    assert (found.judged, found.exported) == (4, 3)


def test_of_several_answers_an_item_counts_by_their_mean() -> None:
    drawn = answers("a", "abc") + answers("abc", "abc", sample=1)
    (found,) = score_again(judged(2, 4), drawn, scorer())
    assert found.exported == 2.5


def test_where_no_gating_metric_reads_texts_the_others_stand_for_them() -> None:
    (found,) = score_again(judged(2, 4, gating=("preference",)), answers("a", "abc"), scorer())
    assert found.metric == "letters"


def test_scorers_that_changed_since_are_refused() -> None:
    with pytest.raises(InputError, match=r"score 3\.0000 in letters today, and scored 7\.0"):
        score_again(judged(7, 7), answers("a", "abc"), scorer())


def test_without_a_metric_that_reads_texts_nothing_can_be_compared() -> None:
    with pytest.raises(InputError, match="such as rouge or semantic"):
        score_again(judged(2, 4), answers("a", "abc"), scorer(Length("another")))
