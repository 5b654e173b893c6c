"""More forms of rows to learn: a question on other passages, with another name and other figures.

A few hundred answers are learnt by heart in one epoch, and reading is not learnt with them. So a
question is trained on in several forms: among other passages and in another order; with a name and
figures that change in question, passages and answer alike, so that only reading gives the right
ones (Longpre et al. 2021, arXiv 2109.05052; Neeman et al. 2022, arXiv 2211.05655); and once without
an answer. What is learnt is to quote: a small model copies a sentence better than it words one.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from random import Random

from curation.faults.ungrounded import ungrounded
from evaluation.metrics.answer_sentences import sentences_of
from examples.bank.dealing import Dealt, DealtRow, apart
from examples.bank.grounded_rows import NONE, SHOWN, all_told, beside, standing_on, unanswered
from examples.bank.negatives import product_of
from examples.bank.passages import found_for
from examples.bank.rows import SEED, Triplet
from project.records.data import EvidencePassage, Split
from project.shown_passages import without_citations

ANSWERS = 3  # forms of a question that have an answer; one more has none
DEEP = 6  # ranks of the retriever that passages are drawn from
NAMES = (
    "Falcon Meadow Granite Copper Juniper Saffron Orchard Thistle Comet Linden Marble Raven Willow "
    "Ember Topaz Clover Summit Velvet Harvest Cobalt Aspen Maple Onyx Prairie Lotus Quartz Sable "
    "Tundra Violet Zephyr Amber Birch Cedar Delta Fable Garnet Hazel Indigo Jasper"
)
FIGURE = re.compile(r"(?<![\w\[])\d+(?:[.,:]\d+)*(?![\w\]])")


def with_forms(dealt: Dealt) -> Dealt:
    """The project with all forms of its training rows; items stay as they are."""
    items = [one for one in dealt.project if one.part is not Split.TRAIN]
    groups = {question_of(one.row): one.group for one in dealt.project}
    made = forms(dealt.taught, [one.row for one in items])
    learnt = [DealtRow(row, groups[question_of(row)], Split.TRAIN) for row in made]
    return Dealt([*learnt, *items], dealt.reserve)


def forms(rows: Sequence[Triplet], items: Sequence[Triplet], seed: int = SEED) -> list[Triplet]:
    """The rows, and more of their questions; none by another name asks what an item asks."""
    random = Random(seed)
    by_question: dict[str, list[Triplet]] = {}
    for row in rows:
        by_question.setdefault(question_of(row), []).append(row)
    made = [row for own in by_question.values() for row in all_forms(own, random)]
    return apart(random.sample(made, len(made)), items)


def question_of(row: Triplet) -> str:
    return row.id.partition("+")[0].removesuffix(NONE)


def all_forms(own: Sequence[Triplet], random: Random) -> Iterator[Triplet]:
    row, gold = all_told()[question_of(own[0])]
    told = replace(row, output=quoted(row, gold))
    for one in own:
        yield replace(standing_on(told, gold, one.evidence), id=one.id) if one.answerable else one
    for number in range(sum(bool(one.answerable) for one in own), ANSWERS):
        shown = [gold, *drawn(found_for(row.prompt, DEEP, {gold.id}), SHOWN - 1, random)]
        form = standing_on(told, gold, random.sample(shown, len(shown)))
        changed = with_another_name(with_other_figures(form, random), random)
        yield replace(changed, id=f"{row.id}+{number}")
    if all(one.answerable for one in own):
        shown = drawn(beside(row, gold, DEEP), SHOWN, random)
        yield with_another_name(replace(unanswered(row, gold), evidence=tuple(shown)), random)


def quoted(row: Triplet, gold: EvidencePassage) -> str:
    """What the passage says of it, word for word, and of which thing; the expert's own words where
    no figure of them stands there.
    """
    heading, _, text = gold.text.partition(": ")
    figures = set(FIGURE.findall(row.output)) - set(FIGURE.findall(heading))
    cells = text.rstrip(".").split("; ")
    of_table = len(cells) > 4
    parts = cells if of_table else sentences_of(text)
    kept = [one for one in parts if figures & set(FIGURE.findall(one))]
    if not kept or figures - set(FIGURE.findall(" ".join(kept))):
        return row.output
    if of_table:  # the first cell names what the line is about
        answer = "; ".join(dict.fromkeys([parts[0], *kept])) + "."
    else:
        answer = " ".join(one for one in kept if one != row.warning)
    named = heading in answer or heading not in row.prompt
    return answer if named else f"{heading}: {answer}"


def drawn(found: Sequence[EvidencePassage], k: int, random: Random) -> list[EvidencePassage]:
    return random.sample(found, min(k, len(found)))


# --- names and figures ----------------------------------------------------------------------------


def with_another_name(row: Triplet, random: Random) -> Triplet:
    """A product or a branch that nobody knows, of the same kind."""
    if row.about.startswith("documents."):
        return row
    name = product_of(row).removeprefix("the ")
    if name.islower():  # a service, such as the safe deposit box
        return row
    kind = name.split()[1:][-1:]
    other = " ".join([random.choice(NAMES.split()), *kind])
    return changed(row, lambda text: text.replace(name, other))


def with_other_figures(row: Triplet, random: Random) -> Triplet:
    """Each figure that answer and passages share, and the question does not, becomes another."""
    shown = {figure for one in row.evidence for figure in FIGURE.findall(one.text)}
    told = FIGURE.findall(without_citations(row.output))
    asked = FIGURE.findall(row.prompt)
    others = {one: another(one, random) for one in told if one in shown and one not in asked}
    return changed(row, lambda text: FIGURE.sub(lambda found: others.get(found[0], found[0]), text))


def another(figure: str, random: Random) -> str:
    """Another one of the same form: a time of day stays one, an amount has as many digits."""
    if ":" in figure:
        return f"{random.randrange(7, 21)}:{random.randrange(0, 60, 5):02}"
    return re.sub("[1-9]", lambda _: random.choice("123456789"), figure)


def changed(row: Triplet, change: Callable[[str], str]) -> Triplet:
    """All texts of the row changed in one way; the row as it was where its answer would not be
    borne out any more.
    """
    new = replace(
        row,
        instruction=change(row.instruction),
        input=change(row.input),
        output=change(row.output),
        warning=change(row.warning),
        evidence=tuple(one.model_copy(update={"text": change(one.text)}) for one in row.evidence),
    )
    return row if ungrounded(new.as_row()) else new
