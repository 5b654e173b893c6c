"""Negative examples: right answers that were made bad in one of the unwanted ways.

Each is of a training row, so that curation finds the good answer to the same prompt.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from evaluation.metrics.answer_sentences import sentences_of
from examples.bank.behaviours import FIGURE, allowed, needs_warning, numbers, plain
from examples.bank.calculations import money, number
from examples.bank.facts import products, read, slug
from examples.bank.rows import ABSTENTION, SEED, Triplet

# How many of each behaviour; what was most often wrong on dev has the most.
COUNTS = {"no_warning": 60, "invented": 30, "promise": 20, "impolite": 15, "pushy": 15}
# The same of rows on passages: to answer where these say nothing, or with what they say of another
# thing, is their own way to invent; and who is only ever taught to abstain does nothing else.
ON_PASSAGES = {
    "answers_anyway": 40,
    "invented": 25,
    "mixed_up": 25,
    "silent": 20,
    "no_warning": 30,
    "impolite": 10,
}
INVENTED = ("0.85", "2.40", "3.7", "6.25", "11", "19.50", "45", "130", "275", "640")
FACTORS = ("0.5", "0.7", "1.4", "1.8", "2.5")  # by which an amount is made another


@dataclass(frozen=True)
class Negative:
    """A bad answer to a training row's prompt, and why it is bad."""

    behaviour: str
    row: Triplet
    answer: str


def negatives(
    rows: Sequence[Triplet], counts: Mapping[str, int] = COUNTS, seed: int = SEED
) -> list[Negative]:
    """Of training rows, so many of each behaviour; pure. No row has two."""
    random = Random(seed)
    left = random.sample(rows, len(rows))
    found: list[Negative] = []
    for behaviour, count in counts.items():
        spoil = SPOILERS[behaviour]
        made = [(row, answer) for row in left if (answer := spoil(row, random))][:count]
        found += [Negative(behaviour, row, answer) for row, answer in made]
        used = {row.id for row, _ in made}
        left = [row for row in left if row.id not in used]
    return found


def without_warning(row: Triplet, random: Random) -> str:
    return row.output.removesuffix(row.warning).strip() if row.warning else ""


def with_wrong_figure(row: Triplet, random: Random) -> str:
    """The first amount or rate becomes another, in a sentence that sounds as sure as before."""
    right = FIGURE.search(row.output)
    if right is None:
        return ""
    known = numbers(row.prompt) | numbers(row.output) | allowed(row.about)
    for factor in random.sample(FACTORS, len(FACTORS)):
        wrong = money(number(right[1]) * number(factor))
        if plain(wrong) not in known:
            return row.output[: right.start(1)] + wrong + row.output[right.end(1) :]
    return ""


def with_promise(row: Triplet, random: Random) -> str:
    """A promise in place of the warning."""
    if not row.warning:
        return ""
    said = random.choice(read("negatives.yaml")["promise"][row.topic])
    return f"{without_warning(row, random)} {said.format(p=product_of(row))}"


def rude(row: Triplet, random: Random) -> str:
    pattern: str = random.choice(read("negatives.yaml")["impolite"])
    return pattern.format(answer=row.output)


def with_advertising(row: Triplet, random: Random) -> str:
    """Three sentences of advertising behind a right answer that is no warning's."""
    if needs_warning(row.topic):
        return ""
    return " ".join([row.output, *random.sample(read("negatives.yaml")["pushy"], 3)])


def answers_anyway(row: Triplet, random: Random) -> str:
    """What passages say of another thing, or what none says, where the right answer is none."""
    if row.answerable is not False or row.about.startswith("documents"):
        return ""
    figure = money(number(random.choice(INVENTED)))
    pattern: str = random.choice(read("negatives.yaml")["answers_anyway"])
    place = random.randrange(len(row.evidence))
    first = sentences_of(row.evidence[place].text.partition(": ")[2])[0].rstrip(".")
    return pattern.format(
        p=product_of(row).removeprefix("the "), figure=figure, said=first, n=place + 1
    )


def mixed_up(row: Triplet, random: Random) -> str:
    """A figure of the answer becomes one that another passage has."""
    right = FIGURE.search(row.output)
    if not row.answerable or right is None:
        return ""
    known = numbers(row.prompt) | numbers(row.output)
    others = sorted({f for one in row.evidence for f in FIGURE.findall(one.text)})
    wrong = [figure for figure in others if plain(figure) not in known]
    if not wrong:
        return ""
    return row.output[: right.start(1)] + random.choice(wrong) + row.output[right.end(1) :]


def silent(row: Triplet, random: Random) -> str:
    """An abstention where a passage has the answer."""
    return ABSTENTION if row.answerable else ""


def product_of(row: Triplet) -> str:
    names = [product["p"] for kind in products().values() for product in kind]
    return next(name for name in names if row.about.startswith(f"{slug(name)}."))


SPOILERS: dict[str, Callable[[Triplet, Random], str]] = {
    "no_warning": without_warning,
    "invented": with_wrong_figure,
    "promise": with_promise,
    "impolite": rude,
    "pushy": with_advertising,
    "answers_anyway": answers_anyway,
    "mixed_up": mixed_up,
    "silent": silent,
}
