"""Which prompts an eval item has, or nearly so: nobody may learn from an answer to them. And how
the record of the eval sets notes a prompt.
"""

import re
from collections.abc import Iterable, Sequence

from project.canonical import digest_json
from project.near_duplicates import MIN_WORDS, WordPrints, near_duplicates_among
from project.records.data import Row
from project.records.record import Digest
from project.unicode_words import plain, words

SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")


def asking_an_item(prompts: Sequence[str], items: Iterable[Row]) -> set[int]:
    """The positions of the prompts that are near-duplicates of an item's, or the same text but for
    letter case and white space.
    """
    asked = [row.prompt_text for row in items]
    known = {bare(text) for text in asked}
    same = {i for i, prompt in enumerate(prompts) if bare(prompt) in known}
    return same.union(near_duplicates_among(WordPrints.of(prompts), WordPrints.of(asked)))


def sentences(document: str) -> list[str]:
    """Those of a text that are long enough to be an item of which nobody may learn."""
    return [one for one in SENTENCE.split(document) if len(words(one)) >= MIN_WORDS]


def asking_in_a_sentence(documents: Sequence[str], items: Iterable[Row]) -> set[int]:
    """The positions of the documents of which a sentence asks what an item asks."""
    told = [(i, one) for i, document in enumerate(documents) for one in sentences(document)]
    return {told[place][0] for place in asking_an_item([one for _, one in told], items)}


def prompt_digest(prompt: str) -> Digest:
    """A digest of the words of a prompt, in their order; where it has none, of its text."""
    return digest_json(words(plain(prompt)) or prompt)


def bare(prompt: str) -> str:
    return " ".join(prompt.casefold().split())
