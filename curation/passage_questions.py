"""Rows on passages of documents: questions with their answers and citations, among distractors,
and questions that the passages shown do not answer.

What a model wrote is checked by the passage that it was shown. Nothing enters a dataset here: what
passes waits for a person.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from curation.account import UNGROUNDED
from curation.curation_settings import ABSTENTION, lot
from curation.extracted_questions import extracted
from curation.faults.private_data import Finder
from curation.faults.ungrounded import known_numbers, numbers, says_unknown_numbers
from curation.proposals import (
    COPIED,
    FAULTY,
    NEAR_ITEM,
    PERSONAL,
    near_items,
    pairs_in,
    rendered,
    synthetic_row,
)
from project.item_prompts import asking_an_item
from project.near_duplicates import near_duplicates, word_sets
from project.personal_data import Contacts
from project.personal_data import find_personal_data as personal_data
from project.progress import progress
from project.records.data import EvidencePassage, Message, Row
from project.unicode_words import stem_of, words

TEMPLATES = "templates"  # who wrote a row that no model did
# Why a question is left out; each reads well behind a number.
REPEATED = "in the words of another question"
UNFOUND = "whose passage the retriever does not find by them"
ON_THE_TEXT = "that speak of the passage, which a user does not see"
SAID_HERE = ("passage", "this text", "the text", "this document", "above", "this section")

FOUND = 5  # places at which the retriever has to have the passage
DEEP = 30  # places in which distractors are sought
BORNE_OUT = 0.6  # of an answer's words that no question has: so many stand in its passage
LIKELY = 0.5  # with so many another passage may hold the answer
CLAUSE = re.compile(r"[;,:.]\s")
FEWEST_LETTERS = 4  # of a word that tells something

Kind = Literal["table", "list", "definition", "model"]


class Finds(Protocol):
    def find(
        self, question: str, k: int, exclude: Sequence[str] = ()
    ) -> Sequence[EvidencePassage]: ...


@dataclass(frozen=True)
class PassageQuestion:
    """A question, and the answer that its passage gives to it, without a citation."""

    passage: EvidencePassage
    question: str
    answer: str
    kind: Kind
    writer: str  # the model's name, or TEMPLATES


@dataclass(frozen=True)
class PassageRow:
    """A row that waits for a person, and what it was made of."""

    row: Row
    asked: PassageQuestion


@dataclass(frozen=True)
class Forms:
    """How the questions that passed become rows."""

    unanswerable: float  # the share of rows whose passages hold no answer
    distractors: int  # passages beside the one that answers
    seed: int
    source: str  # of the rows


# --- asked ----------------------------------------------------------------------------------------


def by_templates(
    passages: Sequence[EvidencePassage], most: int, seed: int
) -> list[PassageQuestion]:
    """At most so many questions of each passage, those of the lowest lots."""
    questions: list[PassageQuestion] = []
    before = EvidencePassage(id="none", text="-")
    for passage in passages:
        same = before.text if before.source == passage.source else ""
        pairs = sorted(extracted(passage.text, same), key=lambda pair: lot(seed, pair.question))
        questions += [PassageQuestion(passage, *pair, TEMPLATES) for pair in pairs[:most]]
        before = passage
    return questions


def request(passage: EvidencePassage, count: int) -> str:
    """What a model is asked to write of a passage."""
    return rendered("questions.txt", passage=passage.text, count=count)


def by_model(
    passages: Sequence[EvidencePassage], replies: Sequence[str], most: int, model: str
) -> tuple[list[PassageQuestion], int]:
    """The questions of its replies, at most so many of each, and how many replies hold none."""
    questions, empty = [], 0
    for passage, reply in zip(passages, replies, strict=True):
        pairs = list(pairs_in(reply))[:most]
        empty += not pairs
        questions += [PassageQuestion(passage, *pair, "model", model) for pair in pairs]
    return questions, empty


# --- checked --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class QuestionChecks:
    """What a question and its answer have to pass."""

    retriever: Finds
    faults: Mapping[str, Finder]
    ours: Contacts
    train: Sequence[Row] = ()  # rows that nobody asks for again
    items: Sequence[Row] = ()  # of dev and sealed: nothing may be learnt that is like them

    def passed(
        self, asked: Sequence[PassageQuestion]
    ) -> tuple[list[PassageQuestion], Counter[str]]:
        """Those that a person may be asked about, and how many are not, by the first check that
        each fails.
        """
        rows = [answered(question, (), Forms(0, 0, 0, "")) for question in asked]
        near_item = near_items(rows, self.items)
        copied = asking_an_item([row.prompt_text for row in rows], self.train)
        whys = [
            NEAR_ITEM if i in near_item else COPIED if i in copied else self.wrong(q, rows[i])
            for i, q in enumerate(asked)
        ]
        good = [i for i, why in enumerate(whys) if why is None]
        for i in repeated([asked[i].question for i in good]):
            whys[good[i]] = REPEATED
        with progress("find", len(asked), "questions", leave=False) as bar:
            for i, question in enumerate(asked):
                if whys[i] is None and not self.finds(question):
                    whys[i] = UNFOUND
                bar.advance()
        kept = [q for q, why in zip(asked, whys, strict=True) if why is None]
        return kept, Counter(why for why in whys if why)

    def wrong(self, question: PassageQuestion, row: Row) -> str | None:
        if any(word in question.question.casefold() for word in SAID_HERE):
            return ON_THE_TEXT
        if self.faults["ungrounded"](row) or share_said(question, question.passage) < BORNE_OUT:
            return UNGROUNDED
        if personal_data(f"{row.prompt_text}\n{row.completion_text}", self.ours):
            return PERSONAL
        return next(
            (f"{FAULTY}{name}" for name, finder in self.faults.items() if finder(row)), None
        )

    def finds(self, question: PassageQuestion) -> bool:
        passages = self.retriever.find(question.question, FOUND)
        return any(passage.id == question.passage.id for passage in passages)


def repeated(questions: Sequence[str]) -> set[int]:
    """The places of questions in nearly the words of one that stands before them and stays."""
    prints = word_sets(questions)
    rows, columns = near_duplicates(prints, prints).coords
    before: dict[int, set[int]] = {}
    for i, j in zip(rows.tolist(), columns.tolist(), strict=True):
        if j < i:
            before.setdefault(i, set()).add(j)
    gone = set[int]()
    for i in sorted(before):
        if before[i] - gone:
            gone.add(i)
    return gone


def share_said(question: PassageQuestion, passage: EvidencePassage) -> float:
    """The share of what an answer adds to its question that stands in a passage: its words that
    tell something. 1 where it adds none, such as a mere yes.
    """
    added = telling(question.answer) - asked_for(question)
    return len(added & telling(passage.text)) / len(added) if added else 1.0


def asked_for(question: PassageQuestion) -> set[str]:
    """The words of a question, without the heading that a template adds to it."""
    return telling(question.question.partition(" (")[0])


def telling(text: str) -> set[str]:
    return {stem_of(word) for word in words(text) if len(word) >= FEWEST_LETTERS or word.isdigit()}


def may_answer(question: PassageQuestion, passage: EvidencePassage) -> bool:
    """Whether another passage may hold the answer, which is the first clause of it that adds
    something to the question: all figures there, or where it gives none, half of its words.
    """
    known = known_numbers(question.question)
    for clause in CLAUSE.split(question.answer):
        if any(not known.intersection(values) for values in numbers(clause)):
            return not says_unknown_numbers(clause, known | known_numbers(passage.text))
        if added := telling(clause) - asked_for(question):
            return len(added & telling(passage.text)) >= LIKELY * len(added)
    return True  # for what is added by no word, such as a mere yes, nothing is known of it


# --- rows -----------------------------------------------------------------------------------------


def rows_on_passages(
    kept: Sequence[PassageQuestion], retriever: Finds, forms: Forms
) -> list[PassageRow]:
    """A row of each question. Some, by their lots, are put to passages that do not answer them,
    where the retriever has such: near ones, as it would give them to a user.
    """
    order = sorted(range(len(kept)), key=lambda i: lot(forms.seed, kept[i].question))
    left = round(forms.unanswerable * len(kept))
    rows: dict[int, Row] = {}
    with progress("find", len(kept), "distractors", leave=False) as bar:
        for i in order:
            others = list(beside(kept[i], retriever))[: forms.distractors + 1]
            if left > 0 and others:
                row = on_passages(kept[i], ABSTENTION, others, forms)
                rows[i] = row.model_copy(update={"answerable": False})
                left -= 1
            else:
                rows[i] = answered(kept[i], others[: forms.distractors], forms)
            bar.advance()
    return [PassageRow(rows[i], question) for i, question in enumerate(kept)]


def beside(question: PassageQuestion, retriever: Finds) -> Iterator[EvidencePassage]:
    """Passages that do not answer a question, the nearest to it first."""
    near = retriever.find(question.question, DEEP, exclude=[question.passage.id])
    return (passage for passage in near if not may_answer(question, passage))


def answered(one: PassageQuestion, others: Sequence[EvidencePassage], forms: Forms) -> Row:
    shown = sorted([one.passage, *others], key=lambda p: lot(forms.seed, f"{one.question} {p.id}"))
    return on_passages(one, cited_as(one.answer, shown.index(one.passage) + 1), shown, forms)


def on_passages(
    question: PassageQuestion, answer: str, shown: Sequence[EvidencePassage], forms: Forms
) -> Row:
    prompt = (Message(role="user", content=question.question),)
    completion = (Message(role="assistant", content=answer),)
    row = synthetic_row(prompt, completion, question.writer, forms.source)
    return row.model_copy(update={"evidence": tuple(shown), "answerable": True})


def cited_as(answer: str, number: int) -> str:
    """An answer with its citation, before the sign that ends it."""
    bare, sign = (answer[:-1], answer[-1]) if answer[-1:] in (".", "!", "?") else (answer, ".")
    return f"{bare.rstrip()} [{number}]{sign}"
