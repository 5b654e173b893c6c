"""Which texts hold the words of an eval item: who learns from them knows its answer before."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from project.near_duplicates import MIN_WORDS, SHARED_LEAST
from project.records.data import Row
from project.unicode_words import folded, words

ANSWER_WORDS = 8  # of an answer: fewer, such as a name or a price, stand in many a text

Run = tuple[str, ...]


def holding_an_item(texts: Sequence[str], items: Iterable[Row]) -> set[int]:
    """The positions of the texts in which a paragraph of an item's prompt, or the whole of its
    answer, stands word for word. Letter case and punctuation make no difference.
    """
    begins: dict[Run, set[Run]] = {}
    for run in telling_runs(items):
        begins.setdefault(run[:MIN_WORDS], set()).add(run)
    return {i for i, text in enumerate(texts) if holds(words(folded(text)), begins)}


def holds(text: Sequence[str], begins: dict[Run, set[Run]]) -> bool:
    return any(
        tuple(text[at : at + len(run)]) == run
        for at in range(len(text) - MIN_WORDS + 1)
        for run in begins.get(tuple(text[at : at + MIN_WORDS]), ())
    )


def telling_runs(items: Iterable[Row]) -> set[Run]:
    """Paragraphs of prompts, and answers, but for those that so many items share that they tell
    none of them.
    """
    counts = Counter(chain.from_iterable(set(runs_of(item)) for item in items))
    return {run for run, count in counts.items() if count <= SHARED_LEAST}


def runs_of(item: Row) -> Iterator[Run]:
    asked = (message for message in item.prompt if message.role != "system")
    for paragraph in chain.from_iterable(message.content.split("\n\n") for message in asked):
        if len(run := tuple(words(folded(paragraph)))) >= MIN_WORDS:
            yield run
    if len(run := tuple(words(folded(item.completion_text)))) >= ANSWER_WORDS:
        yield run
