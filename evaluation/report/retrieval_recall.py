"""Whether the retriever or the model failed: of wrong answers, how many had the passage shown."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import sqrt

from evaluation.generation.answers import Answer
from project.records.data import EvidencePassage, Row
from project.records.record import Record
from project.records.scores import ItemScore
from project.shown_passages import cited

# What makes an answer wrong, with the value that says so, as far as a scorer measured it.
WRONG: Mapping[str, float] = {"wrong_abstention": 1.0, "invented": 1.0, "figures_right": 0.0}


class RetrievalRecall(Record):
    """Of questions whose passage is known and whose passages came from a retriever."""

    n: int
    most: int  # passages that one was shown, at most
    shown: int  # to which all passages were shown that the reference cites
    wrong: int  # answers
    wrong_shown: int

    @property
    def recall(self) -> float:
        return self.shown / self.n

    @property
    def se(self) -> float:
        """The standard error of the share, which is not 0 where all were shown: of two successes
        and two failures more (Agresti & Coull 1998).
        """
        share = (self.shown + 2) / (self.n + 4)
        return sqrt(share * (1 - share) / (self.n + 4))

    def __str__(self) -> str:
        share = f"{100 * self.recall:.0f} ± {100 * self.se:.0f} %"
        told = (
            f"retrieval: of {self.n} questions whose passage is known it was among at most "
            f"{self.most} that were shown in {share}"
        )
        if not self.wrong:
            return f"{told}; no answer to these is wrong"
        missed = self.wrong - self.wrong_shown
        return (
            f"{told}; of {self.wrong} wrong answers {self.wrong_shown} had it, so the model "
            f"failed, and {missed} did not, so the retriever did"
        )


def retrieval_recall(
    rows: Iterable[Row], answers: Iterable[Answer], scores: Sequence[ItemScore]
) -> RetrievalRecall | None:
    """By the challenger's first answers and its scores; None where no retriever was asked, or none
    for these rows: an index may leave them the passages that they bring.
    """
    given = {one.item: one for one in answers if one.sample == 0}
    scored = {one.item: one for one in scores}
    asked = [
        (row, shown)
        for row in rows
        if row.id in scored
        and named_passages(row)
        and (answer := given.get(row.id))
        and (shown := answer.evidence) is not None
    ]
    if all(shown == row.evidence for row, shown in asked):
        return None
    known = [(is_shown(row, shown), is_wrong(scored[row.id]), len(shown)) for row, shown in asked]
    return RetrievalRecall(
        n=len(known),
        most=max(count for *_, count in known),
        shown=sum(there for there, *_ in known),
        wrong=sum(wrong for _, wrong, _ in known),
        wrong_shown=sum(there and wrong for there, wrong, _ in known),
    )


def named_passages(row: Row) -> list[EvidencePassage]:
    """The row's own passages that its reference cites."""
    own = row.evidence or ()
    return [own[n - 1] for n in sorted({*cited(row.completion_text)}) if 1 <= n <= len(own)]


def is_shown(row: Row, shown: Iterable[EvidencePassage]) -> bool:
    """Whether all of them are there: by id, or by what they say."""
    known = {mark for one in shown for mark in passage_marks(one)}
    return all(known.intersection(passage_marks(one)) for one in named_passages(row))


def passage_marks(passage: EvidencePassage) -> Iterator[tuple[str, str]]:
    yield "id", passage.id
    yield "text", " ".join(passage.text.split())


def is_wrong(scores: ItemScore) -> bool:
    unread = {*(scores.unread or ())}
    return any(
        scores.challenger[metric] == value
        for metric, value in WRONG.items()
        if metric in scores.challenger and metric not in unread
    )
