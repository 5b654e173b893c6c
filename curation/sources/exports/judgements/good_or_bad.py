"""Which choices and ratings call an answer good, and which bad."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from curation.curation_settings import ExportFields
from curation.sources.exports.judgements.options_missing import OptionsMissingError
from curation.sources.tables.column_names import listed

# What people call an answer, where nobody says which words praise it. No number: of a rating
# nobody knows where good begins.
GOOD = """
    good yes correct right true acceptable accept accepted approve approved helpful like liked
    positive thumbs_up thumbsup up 👍
"""
BAD = """
    bad no incorrect wrong false unacceptable reject rejected unhelpful dislike disliked
    negative thumbs_down thumbsdown down 👎
"""
CHOICE = "CHOICE"  # stands in a command for a word that the file does not tell
GOOD_WORDS, BAD_WORDS = frozenset(GOOD.split()), frozenset(BAD.split())


@dataclass(frozen=True)
class Praise:
    """Which choices call an answer good, and which bad; the others do neither."""

    good: frozenset[str]
    bad: frozenset[str]

    def knows(self, choice: str) -> bool:
        return plain(choice) in self.good | self.bad

    def of(self, choices: Collection[str]) -> bool | None:
        good = any(plain(choice) in self.good for choice in choices)
        bad = any(plain(choice) in self.bad for choice in choices)
        return None if good == bad else good


def plain(word: str) -> str:
    """A word without case; thumbs-up and thumbs up are thumbs_up, and -1 stays what it is."""
    return re.sub(r"(?<=\w)[-\s]+(?=\w)", "_", word.strip().casefold())


def praise(fields: ExportFields, choices: Iterable[str], path: Path, *, scale: bool) -> Praise:
    """As praise_of. Raises InputError with the choices where it is to be named."""
    found = list(choices)
    words = praise_of(fields, found, scale=scale)
    if words is None:
        good, bad = suggested_praise(found)
        named = fields.model_copy(update={"good": good, "bad": bad})
        raise OptionsMissingError([praise_asked_for(found)], [named], path)
    return words


def praise_of(fields: ExportFields, choices: Iterable[str], *, scale: bool) -> Praise | None:
    """By the options, or by the words of the choices where all of them are plain praise or blame.

    None for others, and for numbers of a scale.
    """
    if fields.good or fields.bad:
        return Praise(frozenset(map(plain, fields.good)), frozenset(map(plain, fields.bad)))
    if scale or any(plain(choice) not in GOOD_WORDS | BAD_WORDS for choice in choices):
        return None
    return Praise(GOOD_WORDS, BAD_WORDS)


def praise_asked_for(choices: Iterable[str]) -> str:
    found = listed(sorted(set(choices)))
    return f"name --good and --bad: which of {found} praise an answer, which blame it"


def suggested_praise(choices: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What could be good and what bad: of numbers the upper and the lower ones, the middle neither;
    of words those that are known, and CHOICE where none is.
    """
    found = sorted(set(choices))
    if found and all(choice.lstrip("-").isdecimal() for choice in found):
        numbers = sorted(map(int, found))
        middle = (numbers[0] + numbers[-1]) / 2
        good = tuple(str(number) for number in numbers if number > middle)
        bad = tuple(str(number) for number in numbers if number < middle)
    else:
        good = tuple(choice for choice in found if plain(choice) in GOOD_WORDS)
        bad = tuple(choice for choice in found if plain(choice) in BAD_WORDS)
    return good or (CHOICE,), bad or (CHOICE,)
