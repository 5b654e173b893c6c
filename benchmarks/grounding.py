"""How well `supported` tells answers that a passage bears out from answers that were spoilt.

    python -m benchmarks.grounding

Passages are sections of examples/bank/documents: of a product, and those of its document that are
about all products. Answers are the example's hand-written ones about the product, in other words.
Each is spoilt in three ways: one number is another one, "not" stands in it, and the section is
another product's. The bank's answers end with what no passage says, such as how to ask for more, so
not all of those that were written are borne out.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import NamedTuple

from evaluation.metrics.grounding import Grounding
from examples.bank.facts import DOCUMENTS, Aspect, Facts, aspects, products
from examples.bank.rows import filled, has_facts

NUMBER = re.compile(r"(?<![\d.,])\d+(?:[.,]\d+)*")
VERB = re.compile(r"\b(is|are|can|costs?|needs?|has|have|must|may|bears?|pays?)\b")


class Told(NamedTuple):
    question: str
    answer: str
    passage: str
    other: str  # the section of another product of the kind
    shared: tuple[str, ...]


def main() -> None:
    told, random = list(answers(Random(3))), Random(4)
    print("| an answer | pairs | told right |\n| --- | --- | --- |")
    print(line("as it was written", [supported(one, one.answer) for one in told], wanted=True))
    spoilt = {
        "with another number": [(one, renumbered(one.answer, random)) for one in told],
        "denied": [(one, denied(one.answer)) for one in told],
    }
    for name, pairs in spoilt.items():
        found = [supported(one, text) for one, text in pairs if text]
        print(line(name, found, wanted=False))
    exchanged = [supported(one._replace(passage=one.other), one.answer) for one in told]
    print(line("about another product", exchanged, wanted=False))


def line(name: str, found: list[bool], *, wanted: bool) -> str:
    right = sum(one == wanted for one in found)
    return f"| {name} | {len(found)} | {right} ({right / len(found):.0%}) |".replace("%", " %")


def supported(told: Told, answer: str) -> bool:
    evidence = {"answerable": True, "calculation": None, "passages": [told.passage, *told.shared]}
    found = Grounding().compute(
        answers=[answer],
        references=[told.answer],
        prompts=[told.question],
        evidence=[json.dumps(evidence)],
    )
    return bool(found["supported"][0] == 1.0)


def answers(random: Random) -> Iterator[Told]:
    found = list(sections_of_documents())
    sections = {title: text for _, title, text in found}
    named = {product["p"] for own in products().values() for product in own}
    file_of = {title: file for file, title, _ in found}
    shared = {f: tuple(x for g, t, x in found if g == f and t not in named) for f, *_ in found}
    for kind, own in products().items():
        known = [one for one in own if one["p"] in sections]
        for product in known:
            others = [one for one in known if one is not product]
            for aspect in aspects(kind):
                if others and aspect.case is None and has_facts(product, aspect):
                    other = sections[random.choice(others)["p"]]
                    yield from patterns(
                        product,
                        aspect,
                        sections[product["p"]],
                        other,
                        shared[file_of[product["p"]]],
                    )


def patterns(
    product: Facts, aspect: Aspect, passage: str, other: str, shared: tuple[str, ...]
) -> Iterator[Told]:
    ask = aspect.ask[0]
    question = f"{filled(ask.instruction, product)} {filled(ask.input, product)}".strip()
    for say in aspect.say:
        answer = filled(say, product)
        if answer.rstrip(".") not in passage:
            yield Told(question, answer, passage, other, shared)


def sections_of_documents() -> Iterator[tuple[str, str, str]]:
    """File, title and text of each."""
    for file in sorted(Path(DOCUMENTS).glob("*.md")):
        for part in re.split(r"^## ", file.read_text(), flags=re.MULTILINE)[1:]:
            title, _, body = part.partition("\n")
            yield file.name, title.strip(), " ".join(body.split())


def renumbered(answer: str, random: Random) -> str | None:
    """The answer with its last number changed in one digit."""
    numbers = list(NUMBER.finditer(answer))
    if not numbers:
        return None
    last = numbers[-1]
    first = str((int(last[0][0]) + random.randint(1, 8)) % 9 + 1)
    changed = first + last[0][1:]
    return None if changed == last[0] else answer[: last.start()] + changed + answer[last.end() :]


def denied(answer: str) -> str | None:
    changed = VERB.sub(r"\1 not", answer, count=1)
    return None if changed == answer else changed


if __name__ == "__main__":
    main()
