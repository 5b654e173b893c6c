"""Which prompts an eval item has, or nearly so: nobody may learn from an answer to them."""

from collections.abc import Iterable, Sequence

from project.near_duplicates import WordPrints, near_duplicates_among
from project.records.data import Row


def asking_an_item(prompts: Sequence[str], items: Iterable[Row]) -> set[int]:
    """The positions of the prompts that are near-duplicates of an item's, or the same text but for
    letter case and white space.
    """
    asked = [row.prompt_text for row in items]
    known = {bare(text) for text in asked}
    same = {i for i, prompt in enumerate(prompts) if bare(prompt) in known}
    return same.union(near_duplicates_among(WordPrints.of(prompts), WordPrints.of(asked)))


def bare(prompt: str) -> str:
    return " ".join(prompt.casefold().split())
