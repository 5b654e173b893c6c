"""The texts of all rows as they are compared with each other, each thing computed once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from curation.kin.text_forms import key
from project.near_duplicates import SIMILARITY, cores_of, linked, near_links, word_sets
from project.records.data import Row
from project.unicode_words import folded, words


def spoken(text: str) -> str:
    """A text as it is read aloud: its words, or its signs where it has no words."""
    return " ".join(words(folded(text))) or key(text)


def numbers(values: Iterable[object]) -> list[int]:
    """The same number for the same value, in the order in which they come up."""
    seen: dict[object, int] = {}
    return [seen.setdefault(value, len(seen)) for value in values]


@dataclass(frozen=True)
class RowTexts:
    """The rows of all parts in their order, and the part that each is in."""

    rows: Sequence[Row]
    splits: Sequence[str]

    @cached_property
    def prompts(self) -> list[str]:
        return [row.prompt_text for row in self.rows]

    @cached_property
    def completions(self) -> list[str]:
        return [row.completion_text for row in self.rows]

    @cached_property
    def prompt_keys(self) -> list[str]:
        return list(map(key, self.prompts))

    @cached_property
    def answer_keys(self) -> list[str]:
        return list(map(key, self.completions))

    @cached_property
    def prompt_families(self) -> list[int]:
        """A number for each row, the same where prompts are near-duplicates."""
        return families(self.prompt_keys, few_words=True)

    @cached_property
    def answer_families(self) -> list[int]:
        """The same for answers; those of few words are alike only where they are the same."""
        return families(self.answer_keys, few_words=False)

    @cached_property
    def spoken_pairs(self) -> list[tuple[str, str]]:
        return list(zip(map(spoken, self.prompts), map(spoken, self.completions), strict=True))


def families(keys: Sequence[str], *, few_words: bool) -> list[int]:
    """Each text once, for what repeats costs nothing then."""
    places = numbers(keys)
    cores = cores_of(word_sets(dict.fromkeys(keys)))
    label = linked(len(cores), near_links(cores, SIMILARITY, few_words=few_words))
    return [label[place] for place in places]
