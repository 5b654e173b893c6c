"""The bank's rows on passages: an answer cites what it stands on, or says that it does not know.

Pure, but for the documents: the same files and the same seed give the same rows. Of the patterns
of an answer those are taken of which a passage bears out every sentence: what merely sounds right,
such as "at any time", would teach to invent. What a customer's case comes to is left to a
calculator: a small model that reads passages is asked for what they say.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from random import Random

from curation.faults.ungrounded import ungrounded
from evaluation.metrics.answer_sentences import AskedOnPassages, sentences_of
from examples.bank.behaviours import needs_warning, numbers, warned
from examples.bank.facts import Aspect, Facts, aspects, document_facts, products, slug
from examples.bank.passages import found_for, passages
from examples.bank.rows import ABSTENTION, SEED, Triplet, document_rows, filled, has_facts
from project.records.data import EvidencePassage, Row
from project.unicode_words import words

SHOWN = 3  # passages of a row
UNANSWERABLE = 0.22  # of the rows, the share that FinRAG-12B has (arXiv 2605.05482)
UNSEEN = ("4-cards.md", "6-insurance-and-investments.md")  # no training row is about these

NONE = "-none"  # behind the id of a question's form that has no answer

Told = tuple[Triplet, EvidencePassage]  # an answer without citations, and its passage


def grounded_rows(seed: int = SEED) -> list[Triplet]:
    """All, in a drawn order; of some questions there is a second form that has no answer."""
    random = Random(seed)
    told = all_told().values()
    made = [answered(row, gold) for row, gold in told]
    also = UNANSWERABLE / (1 - UNANSWERABLE)
    second = [pair for pair, one in zip(told, made, strict=True) if one.answerable]
    made += [unanswered(row, gold) for row, gold in second if random.random() < also]
    return random.sample(made, len(made))


# --- what is asked --------------------------------------------------------------------------------


@cache
def all_told() -> dict[str, Told]:
    """By the id of the question."""
    return {row.id: (row, gold) for row, gold in [*of_products(Random(SEED)), *of_documents()]}


def of_products(random: Random) -> Iterator[Told]:
    for kind, own in products().items():
        for product in own:
            for aspect in aspects(kind):
                if not aspect.case and has_facts(product, aspect):
                    yield from of_aspect(kind, product, aspect, random)


def of_aspect(kind: str, product: Facts, aspect: Aspect, random: Random) -> Iterator[Told]:
    """Every question about it, with one of the two answers that are nearest to the words of a
    passage that bears them out: a bank's own text is quoted rather than told anew.
    """
    about, name = f"{slug(product['p'])}.{aspect.name}", product["p"].removeprefix("the ")
    patterns = random.sample(aspect.say, len(aspect.say))
    answers = [filled(pattern, product) for pattern in patterns]
    said = [(answer, gold) for answer in answers for gold in holding(answer, name)]
    said.sort(key=lambda pair: words_of(*pair), reverse=True)
    for i, ask in enumerate(random.sample(aspect.ask, len(aspect.ask))):
        row = Triplet(
            id=f"{about}.{i + 1}",
            instruction=filled(ask.instruction, product),
            input=filled(ask.input, product),
            output="",
            topic=kind,
            about=about,
        )
        if held := [pair for pair in said if borne_out(row.prompt, *pair)][:2]:
            answer, gold = held[i % len(held)]
            yield replace(row, output=answer, warning=notice_of(kind, gold)), gold


def words_of(answer: str, gold: EvidencePassage) -> float:
    """The share of an answer's words that its passage has."""
    said = words(answer.casefold())
    return len(set(said) & set(words(gold.text.casefold()))) / len(set(said))


def of_documents() -> Iterator[Told]:
    """Of what stands in the documents alone."""
    for row, fact in zip(document_rows(), document_facts(), strict=True):
        gold = next(one for one in passages() if fact.stands in one.text)
        if borne_out(row.prompt, row.output, gold):
            yield row, gold


def holding(answer: str, name: str) -> list[EvidencePassage]:
    """The passages that name the product and have all figures of an answer."""
    figures = numbers(answer) - numbers(name)
    called = (one for one in passages() if name.casefold() in one.text.casefold())
    return [one for one in called if figures <= numbers(one.text)]


def borne_out(question: str, answer: str, gold: EvidencePassage) -> bool:
    row = Row.of(question, answer, group="", source="").model_copy(update={"evidence": (gold,)})
    asked = AskedOnPassages.of_row(row)
    return all(asked.judged(text).borne_out for text in sentences_of(answer)) and not ungrounded(
        row
    )


def notice_of(topic: str, gold: EvidencePassage) -> str:
    """The warning that its passage ends with, where the topic needs one."""
    last = sentences_of(gold.text)[-1]
    return last if needs_warning(topic) and warned(topic, last) else ""


# --- what it stands on ----------------------------------------------------------------------------


def answered(row: Triplet, gold: EvidencePassage) -> Triplet:
    """On the passages that the retriever finds, in its order, the right one cited behind each
    sentence; where it does not find that one, the right answer is that they do not say.
    """
    shown = found_for(row.prompt, SHOWN)
    return standing_on(row, gold, shown) if gold in shown else unanswered(row, gold)


def standing_on(row: Triplet, gold: EvidencePassage, shown: Sequence[EvidencePassage]) -> Triplet:
    number = shown.index(gold) + 1
    warning = with_citation(row.warning, number)
    said = [with_citation(text, number) for text in sentences_of(row.output)]
    return replace(
        row,
        output=" ".join([*said, warning]).strip(),
        warning=warning,
        evidence=tuple(shown),
        answerable=True,
        unseen=gold.source in UNSEEN,
    )


def with_citation(sentence: str, number: int) -> str:
    return f"{sentence[:-1]} [{number}]{sentence[-1]}" if sentence else ""


def unanswered(row: Triplet, gold: EvidencePassage) -> Triplet:
    """The same question on what the retriever finds beside the passages that answer it."""
    return replace(
        row,
        id=f"{row.id}{NONE}",
        output=ABSTENTION,
        warning="",
        evidence=tuple(beside(row, gold, SHOWN)),
        answerable=False,
        unseen=gold.source in UNSEEN,
    )


def beside(row: Triplet, gold: EvidencePassage, k: int) -> list[EvidencePassage]:
    """The k passages that are ranked first of those that do not have the answer's figures."""
    figures = numbers(row.output)
    holders = {one.id for one in passages() if figures and figures <= numbers(one.text)}
    return found_for(row.prompt, k, {gold.id, *holders})
