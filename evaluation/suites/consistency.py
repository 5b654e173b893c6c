"""The consistency suite: does a model say the same however a question is put?

Of every question both sides answer all phrasings. What counts is how far the answers agree, two at
a time; an answer that says nothing agrees with none, else "I don't know" would be best.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from pathlib import Path
from statistics import fmean
from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field

from evaluation.generation.answers import Answer
from evaluation.metrics.facts.compare_facts import TextFacts, compare_facts
from evaluation.scoring.phrases import refuses, there
from evaluation.suites.suite import SuiteItem
from project.errors import InputError
from project.model_pins import pinned_folder
from project.paths import EMBEDDER
from project.records.adapters import ModelPin
from project.records.assertion_kinds import Phrases, Text
from project.records.data import Message, Row
from project.records.preferences import Item, read_items
from project.records.scores import Better
from project.unicode_words import words

# --- agreement ------------------------------------------------------------------------------------

# How far two answers say the same.

Vector = NDArray[np.floating]


@dataclass(frozen=True)
class ConsistencyAnswer:
    """An answer, and what is known of it."""

    text: str
    vector: Vector
    right: bool  # it has one of the expected texts
    counts: bool  # it says something

    @cached_property
    def facts(self) -> TextFacts:
        return TextFacts(self.text)


def answer_words(answer: str) -> tuple[str, ...]:
    return tuple(words(answer))


def agreement(one: ConsistencyAnswer, other: ConsistencyAnswer) -> float:
    """How far two answers say the same, in [0, 1]: the cosine of their embeddings, less as much of
    it as their facts contradict each other; 0 where one of them says nothing.
    """
    if not (one.counts and other.counts):
        return 0.0
    if answer_words(one.text) == answer_words(other.text):
        return 1.0
    near = min(1.0, max(0.0, float(np.dot(one.vector, other.vector))))
    return near * (1 - fmean(contradictions(one.facts, other.facts)))


def contradictions(one: TextFacts, other: TextFacts) -> Iterator[float]:
    """The share of each answer's facts that the other one contradicts."""
    for answer, reference in ((one, other), (other, one)):
        comparison = compare_facts(answer, reference)
        yield len(comparison.contradicted) / len(comparison.asked) if comparison.asked else 0.0


# --- consistency ----------------------------------------------------------------------------------

FOLDER = Path("datasets/consistency")
FEWEST = 2  # questions, so that an answer to all of them can be told
CONSISTENCY, ANSWERED, CORRECT = "consistency", "answered", "correct"
Embed = Callable[[Sequence[str]], Sequence[Vector]]  # texts to unit vectors


def different(phrasings: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse what asks the same in the same words."""
    seen: dict[tuple[str, ...], str] = {}
    for text in phrasings:
        if (first := seen.setdefault(tuple(words(text)), text)) is not text:
            raise ValueError(f"{first!r} and {text!r} are one phrasing")
    return phrasings


class PhrasedQuestion(Item):
    """One question in several phrasings."""

    phrasings: Annotated[tuple[Text, ...], Field(min_length=2), AfterValidator(different)]
    # Texts of which every right answer has one; null: only agreement is scored.
    expected: tuple[Text, ...] | None = Field(default=None, min_length=1)

    @property
    def rows(self) -> list[Row]:
        """A prompt each, with ids such as "q1#2"."""
        return [
            Row(
                id=f"{self.id}#{number}",
                prompt=(Message(role="user", content=phrasing),),
                completion=(Message(role="assistant", content=(self.expected or ("",))[0]),),
                group=self.id,
                source="consistency",
            )
            for number, phrasing in enumerate(self.phrasings, start=1)
        ]

    def is_right(self, answer: str) -> bool:
        return self.expected is not None and any(there(Phrases(texts=self.expected), answer))


class Consistency:
    name = "consistency"
    better: ClassVar[Mapping[str, Better]] = {
        CONSISTENCY: "more",
        ANSWERED: "more",
        CORRECT: "more",
    }

    def questions(self) -> list[PhrasedQuestion]:
        return read_questions(FOLDER)

    def rows(self) -> list[Row]:
        return [row for question in self.questions() for row in question.rows]

    def score(self, answers: Sequence[Answer], phrasings: Sequence[str] = ()) -> list[SuiteItem]:
        # Imported here: it brings torch, and the suite is listed where nothing is scored.
        from evaluation.metrics.semantic import SemanticSimilarity

        embedder = SemanticSimilarity(embedder=pinned_folder(ModelPin.read(EMBEDDER), "embedder"))
        by_row = {answer.item: answer.text for answer in answers}
        return [
            SuiteItem(item=item, cluster=item, values=values)
            for item, values in score(self.questions(), by_row, embedder.embed, phrasings).items()
        ]


def read_questions(folder: Path) -> list[PhrasedQuestion]:
    """The questions of a folder. Raises InputError naming file, line and field."""
    items = list(read_items(folder, PhrasedQuestion))
    if items and len(items) < FEWEST:
        place = items[0][1]
        problem = "one question is no suite: what a model answers to anything would pass"
        raise InputError(problem, file=place.path, line=place.line)
    return [question for question, _ in items]


def score(
    questions: Sequence[PhrasedQuestion],
    answers: Mapping[str, str],
    embed: Embed,
    refusals: Sequence[str] = (),
) -> dict[str, dict[str, float]]:
    """By question: `consistency`, the mean agreement of two of its answers; `answered`, the share
    of them that say something; of questions with expected answers, `correct`, the share of these.

    `answers` are texts by row; `refusals` are phrasings of the project's own.
    """
    stock = stock_answers(questions, answers)
    vectors = dict(zip(answers, embed(list(answers.values())), strict=True))
    scores = {}
    for question in questions:
        given = []
        for row in question.rows:
            text, right = answers[row.id], question.is_right(answers[row.id])
            counts = right or says_something(row.prompt_text, text, stock, refusals)
            given.append(ConsistencyAnswer(text, vectors[row.id], right, counts))
        values = {
            CONSISTENCY: fmean(agreement(*pair) for pair in combinations(given, 2)),
            ANSWERED: fmean(answer.counts for answer in given),
        }
        scores[question.id] = values | (
            {CORRECT: fmean(answer.right for answer in given)} if question.expected else {}
        )
    return scores


def stock_answers(
    questions: Sequence[PhrasedQuestion], answers: Mapping[str, str]
) -> set[tuple[str, ...]]:
    """What was said in the same words to several questions."""
    counts = Counter(
        text for item in questions for text in {answer_words(answers[row.id]) for row in item.rows}
    )
    return {text for text, count in counts.items() if count > 1}


def says_something(
    prompt: str, answer: str, stock: set[tuple[str, ...]], refusals: Sequence[str]
) -> bool:
    """Whether it has words, refuses nothing, and is neither the question again nor a stock answer.

    Where several questions have one right answer, `expected` says so.
    """
    tokens = answer_words(answer)
    if not tokens or tokens in stock or tokens == answer_words(prompt):
        return False
    return not refuses(answer, refusals)
