"""The bank's rows: (instruction, input, output), made of facts and of patterns written by hand.

Pure: the same files and the same seed give the same rows. Each answer is a sentence or two about
one aspect of one product and, in some, a closing. Of several closings one is taken with which the
answer shares at most MOST of its five-word sequences with every earlier answer; where there is
none, the row is left out.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random

from examples.bank.calculations import CASES
from examples.bank.facts import (
    Aspect,
    Closings,
    Facts,
    aspects,
    closings,
    document_facts,
    products,
    slug,
)
from examples.bank.five_grams import Answers
from project.records.data import EvidencePassage, Row

SEED = 17
DOCUMENT_ONLY, TRAINED = "document-only", "trained"
MOST = 0.55  # below what a test asks for
ABSTENTION = "I do not know: the passages do not say that."
TRIES = 40  # of closings
# How answers without a warning end; the rest ends without a closing.
PROMOTED, WITH_STEP, COURTEOUS = 0.15, 0.35, 0.2


@dataclass(frozen=True)
class Triplet:
    """A row of the bank, and what it is about."""

    id: str
    instruction: str
    input: str
    output: str
    topic: str  # the kind of product
    about: str  # the product and the aspect: several rows ask for the same
    fact: str = TRAINED
    facts: tuple[str, ...] = ()  # what the answer was filled with
    warning: str = ""  # that the answer ends with
    evidence: tuple[EvidencePassage, ...] = ()  # what it stands on, in the grounded form
    answerable: bool | None = None  # whether the evidence holds an answer
    unseen: bool = False  # whether no training row is about its document

    @property
    def prompt(self) -> str:
        """As curation joins both."""
        return "\n\n".join(part for part in (self.instruction, self.input) if part)

    def as_row(self) -> Row:
        """As it is in the project, but for its group."""
        told = {"evidence": self.evidence or None, "answerable": self.answerable}
        named = {"row_id": self.id, "topic": self.topic}
        row = Row.of(self.prompt, self.output, group=self.id, source="bank", **named)
        return row.model_copy(update=told)


def rows(seed: int = SEED) -> list[Triplet]:
    """All rows whose facts training rows may state, in a drawn order."""
    cells = [
        (kind, product, aspect)
        for kind, own in products().items()
        for product in own
        for aspect in aspects(kind)
        if has_facts(product, aspect)
    ]
    random = Random(seed)
    random.shuffle(cells)
    made, taken = list[Triplet](), Answers(MOST)
    for kind, product, aspect in cells:
        for row in cell_rows(kind, product, aspect, closings(), taken, random):
            made.append(row)
            taken.add(row.output)
    random.shuffle(made)
    return made


def has_facts(product: Facts, aspect: Aspect) -> bool:
    """Whether a product has what the patterns name; what a case computes, it needs other facts."""
    if aspect.case:
        return bool(variants(product, aspect, Random(0)))
    return aspect.given() <= product.keys()


def variants(product: Facts, aspect: Aspect, random: Random) -> list[Facts]:
    """The product's facts, once, or with each of a case's."""
    if aspect.case is None:
        return [product]
    try:
        return [product | computed for computed in CASES[aspect.case](product, random)]
    except KeyError:
        return []  # the product lacks a fact that the case computes with


def cell_rows(
    kind: str, product: Facts, aspect: Aspect, ends: Closings, taken: Answers, random: Random
) -> Iterator[Triplet]:
    """The rows about one aspect of one product, each with another question and another pattern."""
    told = variants(product, aspect, random)
    count = max(len(told), min(len(aspect.ask), len(aspect.say)))
    asked = random.sample(aspect.ask, len(aspect.ask))
    said = random.sample(aspect.say, len(aspect.say))
    about = f"{slug(product['p'])}.{aspect.name}"
    for i in range(count):
        facts = told[i % len(told)]
        ask, say = asked[i % len(asked)], said[i % len(said)]
        if found := closed(filled(say, facts), kind, without(product, ends), taken, random):
            output, warning = found
            yield Triplet(
                id=f"{about}.{i + 1}",
                instruction=filled(ask.instruction, facts),
                input=filled(ask.input, facts),
                output=output,
                topic=kind,
                about=about,
                facts=tuple(facts[name] for name in sorted(facts)),
                warning=warning,
            )


def closed(
    text: str, kind: str, ends: Closings, taken: Answers, random: Random
) -> tuple[str, str] | None:
    """The text with a closing, and the warning if that is one; None where no closing will do."""
    for _ in range(TRIES):
        end = drawn_end(kind, ends, random)
        whole = f"{text} {end}".strip()
        if taken.takes(whole):
            return whole, end if kind in ends.warnings else ""
    return None


def without(product: Facts, ends: Closings) -> Closings:
    """The closings that do not promote what the answer is about anyway."""
    others = {
        kind: [text for text in texts if product["p"] not in text]
        for kind, texts in ends.promotions.items()
    }
    return replace(ends, promotions=others)


def drawn_end(kind: str, ends: Closings, random: Random) -> str:
    if kind in ends.warnings:
        return random.choice(ends.warnings[kind])
    lot = random.random()
    if lot < PROMOTED and kind in ends.promotions:
        return random.choice(ends.promotions[kind])
    if lot < PROMOTED + WITH_STEP:
        return random.choice(ends.steps.get(kind, ends.steps["any"]))
    return random.choice(ends.courtesies) if lot < PROMOTED + WITH_STEP + COURTEOUS else ""


def filled(pattern: str, facts: Facts) -> str:
    text = pattern.format_map(facts)
    return text[:1].upper() + text[1:]


def document_rows() -> list[Triplet]:
    """The questions about what stands in the documents alone."""
    return [
        Triplet(
            id=f"documents.{i}",
            instruction=one.ask,
            input="",
            output=one.say,
            topic="documents",
            about=f"documents.{i}",
            fact=DOCUMENT_ONLY,
        )
        for i, one in enumerate(document_facts(), start=1)
    ]
