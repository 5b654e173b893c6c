"""Whether answers stand on the passages that they were given, cite them, and abstain where these
hold no answer.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from evaluation.metrics.answer_sentences import AskedOnPassages, abstains, judged_sentences
from evaluation.metrics.per_item import PerItem, Values

NO_PASSAGES = "without passages"


class Grounding(PerItem):
    """What an answer makes of its passages.

    compute -> {"supported": [n], "cited_right": [n], "cited_all": [n], "invented": [n],
    "wrong_abstention": [n], "missed_abstention": [n]}. `supported` is the share of the answer's
    sentences that the passages, the question or the recorded calculation bear out: each fact of it
    stands there, so do 60 % of its other words in one passage, or 20 % beside a fact of it, and it
    denies what the passage denies.
    `cited_right` is the share of its citations that name a passage which is there and shares a fact
    or most words with the sentence; `cited_all` is the share of its sentences with a citation.
    `invented` is 1 where it has a figure that neither question, passages nor reference have. Both
    abstentions are 1 or 0: of items whose passages hold an answer, and of the others. To say
    nothing is to abstain, and nothing wrong is in it: whoever gates on `supported` guards
    `wrong_abstention` too. An item without passages says nothing. `phrasings` are further ways to
    abstain, literal but for case.
    """

    more_is_better = ("supported", "cited_right", "cited_all")
    less_is_better = ("invented", "wrong_abstention", "missed_abstention")
    ranges = (
        ("supported", 0, 1),
        ("cited_right", 0, 1),
        ("cited_all", 0, 1),
        ("invented", 0, 1),
        ("wrong_abstention", 0, 1),
        ("missed_abstention", 0, 1),
    )
    description = "Answers that stand on the passages they were given."
    citation = "Gao et al. (2023). Enabling Large Language Models to Generate Text with Citations."
    columns = ("answers", "references", "prompts", "evidence")

    def __init__(self, phrasings: Sequence[str] = (), **options: Any) -> None:
        self.phrasings = tuple(phrasings)
        super().__init__(**options)

    def _compute(
        self,
        answers: list[str],
        references: list[str],
        prompts: list[str],
        evidence: list[str],
    ) -> Values:
        asked = [
            AskedOnPassages.of_columns(*columns)
            for columns in zip(prompts, references, evidence, strict=True)
        ]
        silent = [i for i, question in enumerate(asked) if not question.passages]
        unanswerable = [i for i, question in enumerate(asked) if question.answerable is False]
        answerable = [i for i, question in enumerate(asked) if question.answerable is not False]
        self.flags = {NO_PASSAGES: silent}
        self.unread = {name: silent for name, *_ in self.ranges}
        self.unread["wrong_abstention"] = sorted({*silent, *unanswerable})
        self.unread["missed_abstention"] = sorted({*silent, *answerable})
        self.inapplicable = self.unread
        by_item = [self.one(*pair) for pair in zip(asked, answers, strict=True)]
        return {name: [scores[name] for scores in by_item] for name, *_ in self.ranges}

    def one(self, asked: AskedOnPassages, answer: str) -> dict[str, float]:
        silent = abstains(asked, answer, self.phrasings)
        judged = judged_sentences(asked, answer, self.phrasings)
        stated = [sentence for sentence in judged if sentence.borne_out is not None]
        right = [number not in sentence.wrongly for sentence in stated for number in sentence.cites]
        return {
            "supported": share(bool(sentence.borne_out) for sentence in stated),
            "cited_right": share(right),
            "cited_all": share(bool(sentence.cites) for sentence in stated),
            "invented": float(asked.invents(answer)),
            "wrong_abstention": float(silent),
            "missed_abstention": float(not silent),
        }


def share(ones: Iterable[bool]) -> float:
    """The share that is true; 1 of none, for what says nothing says nothing wrong."""
    every = list(ones)
    return sum(every) / len(every) if every else 1.0
