"""The bank's rows with passages: each answer stands on what it cites, or says that it does not know.

Pure, but for the documents: the same files and the same seed give the same rows. What a customer's
case comes to is left to a calculator: a model that reads passages is asked for what they say.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random

from curation.faults.ungrounded import ungrounded
from evaluation.metrics.grounding import Asked, sentences_of
from examples.bank.behaviours import numbers
from examples.bank.facts import Aspect, Facts, aspects, document_facts, products, slug
from examples.bank.passages import found_for, holding, notice, passages
from examples.bank.rows import DOCUMENT_ONLY, SEED, Triplet, document_rows, filled, has_facts
from project.records.data import EvidencePassage, Row

SHOWN = 3  # passages of a row
UNANSWERABLE = 0.22  # of the rows: what FinRAG-12B has (arXiv 2605.05482)
# What nobody trains on: no row for training asks about a product of theirs.
UNSEEN = ("4-cards.md", "6-insurance-and-investments.md")
ABSTENTIONS = (
    "I do not know: the passages do not say that.",
    "The passages do not say that, so I do not know.",
    "I do not know, for none of the passages says that.",
)


@dataclass(frozen=True)
class Grounded:
    """A row with its passages; `said` has no citations, as their numbers hang on the order."""

    row: Triplet
    shown: tuple[EvidencePassage, ...]
    gold: EvidencePassage
    answerable: bool

    @property
    def unseen(self) -> bool:
        return self.gold.source in UNSEEN


def grounded_rows(seed: int = SEED) -> list[Grounded]:
    """All, in a drawn order."""
    random = Random(seed)
    plain = [*product_rows(random), *of_documents()]
    random.shuffle(plain)
    forms = [form for row, gold in plain for form in both_forms(row, gold, random)]
    random.shuffle(forms)
    return forms


def both_forms(row: Triplet, gold: EvidencePassage, random: Random) -> Iterator[Grounded]:
    yield answered(row, gold, random)
    if random.random() < UNANSWERABLE / (1 - UNANSWERABLE):
        yield unanswered(row, gold, random)


def product_rows(random: Random) -> Iterator[tuple[Triplet, EvidencePassage]]:
    for kind, own in products().items():
        for product in own:
            for aspect in aspects(kind):
                if not aspect.case and has_facts(product, aspect):
                    yield from told(kind, product, aspect, random)


def told(
    kind: str, product: Facts, aspect: Aspect, random: Random
) -> Iterator[tuple[Triplet, EvidencePassage]]:
    """The questions about one aspect of one product, each with another pattern of an answer."""
    about = f"{slug(product['p'])}.{aspect.name}"
    name = product["p"].removeprefix("the ")
    said = [filled(pattern, product) for pattern in random.sample(aspect.say, len(aspect.say))]
    for i, ask in enumerate(random.sample(aspect.ask, len(aspect.ask))):
        row = Triplet(
            id=f"{about}.{i + 1}",
            instruction=filled(ask.instruction, product),
            input=filled(ask.input, product),
            output="",
            topic=kind,
            about=about,
        )
        pairs = [(text, gold) for text in said for gold in holding(numbers(text) - numbers(name), name)]
        kept = [(text, gold) for text, gold in pairs if borne_out(row.prompt, text, gold)]
        if kept:
            text, gold = kept[i % len(kept)]
            yield replace(row, output=text, warning=notice(kind, gold)), gold


def borne_out(question: str, answer: str, gold: EvidencePassage) -> bool:
    """Whether the passage bears out each sentence: to sound well is not enough."""
    asked = Asked(question, answer, (gold.text,))
    row = Row.of(question, answer, group="", source="").model_copy(update={"evidence": (gold,)})
    return all(map(asked.bears_out, sentences_of(answer))) and not ungrounded(row)


def of_documents() -> Iterator[tuple[Triplet, EvidencePassage]]:
    for row, fact in zip(document_rows(), document_facts(), strict=True):
        gold = next(one for one in passages() if fact.stands in one.text)
        if borne_out(row.prompt, row.output, gold):
            yield row, gold


def answered(row: Triplet, gold: EvidencePassage, random: Random) -> Grounded:
    others = found_for(row.prompt, SHOWN - 1, frozenset({gold.id}))
    shown = tuple(random.sample([gold, *others], 1 + len(others)))
    return Grounded(row, shown, gold, answerable=True)


def unanswered(row: Triplet, gold: EvidencePassage, random: Random) -> Grounded:
    """The same question on what the retriever finds beside the passage that answers it."""
    figures = numbers(row.output)
    holders = {one.id for one in holding(figures, "") if figures} | {gold.id}
    shown = tuple(found_for(row.prompt, SHOWN, frozenset(holders)))
    return Grounded(abstaining(row, random), shown, gold, answerable=False)


def abstaining(row: Triplet, random: Random) -> Triplet:
    return replace(row, id=f"{row.id}.none", output=random.choice(ABSTENTIONS), warning="")


def cited_answer(one: Grounded) -> str:
    """The answer with the number of its passage behind each sentence, and the passage's notice."""
    if not one.answerable:
        return one.row.output
    mark = f"[{[p.id for p in one.shown].index(one.gold.id) + 1}]"
    said = re.split(r"(?<=[.!?])\s+", f"{one.row.output} {one.row.warning}".strip())
    return " ".join(f"{text[:-1]} {mark}{text[-1]}" for text in said)
