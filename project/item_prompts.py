"""Which prompts an eval item has, or nearly so: nobody may learn from an answer to them. And how
the record of the eval sets notes a prompt.
"""

import re
from collections.abc import Iterable, Sequence

from project.canonical import digest_json
from project.errors import InputError
from project.near_duplicates import (
    ALIKE_LETTERS,
    MIN_SEQUENCES,
    MIN_WORDS,
    WordPrints,
    cores_of,
    letter_hashes,
    near_duplicates_among,
)
from project.records.data import Row
from project.records.record import Digest
from project.unicode_words import plain, words

FEW_TOLD = 0.02  # of the items
TELLING = 2 * MIN_SEQUENCES  # of an answer: about forty letters
SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")


def asking_an_item(prompts: Sequence[str], items: Iterable[Row]) -> set[int]:
    """The positions of the prompts that are near-duplicates of an item's, or the same text but for
    letter case and white space; of an item under a system prompt, of its question alone too.
    """
    every = list(items)
    asked = [row.prompt_text for row in every] + list(filter(None, map(lone_question, every)))
    known = {bare(text) for text in asked}
    same = {i for i, prompt in enumerate(prompts) if bare(prompt) in known}
    return same.union(near_duplicates_among(WordPrints.of(prompts), WordPrints.of(asked)))


def lone_question(row: Row) -> str | None:
    """What a row asks under a system prompt of its own, where that is one question."""
    first, *others = row.prompt
    alone = first.role == "system" and [turn.role for turn in others] == ["user"]
    return others[0].content if alone else None


def sentences(document: str) -> list[str]:
    """Those of a text that are long enough to be an item of which nobody may learn."""
    return [sentence for sentence in SENTENCE.split(document) if len(words(sentence)) >= MIN_WORDS]


def asking_in_a_sentence(documents: Sequence[str], items: Iterable[Row]) -> set[int]:
    """The positions of the documents of which a sentence asks what an item asks."""
    told = [
        (i, sentence) for i, document in enumerate(documents) for sentence in sentences(document)
    ]
    return {told[place][0] for place in asking_an_item([sentence for _, sentence in told], items)}


def refuse_told_answers(system_prompt: str | None, items: Sequence[Row]) -> None:
    """Raise InputError for a system prompt that holds answers of items, however their letters are
    spaced or replaced: whoever reads it answers the items well and nothing else. A few may be what
    every answer says.
    """
    told = answers_in(system_prompt or "", items)
    if len(told) > FEW_TOLD * len(items):
        raise InputError(
            f"what stands beside each question holds the answers of {len(told)} of the "
            f"{len(items)} sealed items, and would be compared on what it was told: take them out "
            "of base.system_prompt and base.chat_template, or of the adapter's system_prompt.txt"
        )


def answers_in(text: str, items: Sequence[Row]) -> list[str]:
    """The ids of the items whose answers stand in a text, with what tells them from other items'.
    Short ones may stand anywhere.
    """
    (held,) = map(set, letter_hashes([text]))
    answers = letter_hashes([item.completion_text for item in items])

    def holds(part: tuple[int, ...]) -> bool:
        return len(held.intersection(part)) >= ALIKE_LETTERS * len(part)

    triples = zip(items, answers, cores_of(answers), strict=True)
    return [
        item.id
        for item, answer, core in triples
        if len(answer) >= TELLING and holds(answer) and holds(core)
    ]


def prompt_digest(prompt: str) -> Digest:
    """A digest of the words of a prompt, in their order; where it has none, of its text."""
    return digest_json(words(plain(prompt)) or prompt)


def bare(prompt: str) -> str:
    return " ".join(prompt.casefold().split())
