"""Which choices and ratings call an answer good, and which bad."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from curation.curation_settings import ExportFields
from curation.sources.tables.column_names import listed
from project.errors import InputError

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
GOOD_WORDS, BAD_WORDS = frozenset(GOOD.split()), frozenset(BAD.split())


@dataclass(frozen=True)
class Praise:
    """Which choices call an answer good, and which bad; the others do neither."""

    good: frozenset[str]
    bad: frozenset[str]

    def of(self, choices: Collection[str]) -> bool | None:
        good = any(plain(choice) in self.good for choice in choices)
        bad = any(plain(choice) in self.bad for choice in choices)
        return None if good == bad else good


def plain(word: str) -> str:
    """A word without case; thumbs-up and thumbs up are thumbs_up, and -1 stays what it is."""
    return re.sub(r"(?<=\w)[-\s]+(?=\w)", "_", word.strip().casefold())


def praise(fields: ExportFields, choices: Iterable[str], path: Path, *, scale: bool) -> Praise:
    """By the options, or by the words of the choices where all of them are plain praise or blame.

    Raises InputError with the choices for others, and for numbers of a scale.
    """
    if fields.good or fields.bad:
        return Praise(frozenset(map(plain, fields.good)), frozenset(map(plain, fields.bad)))
    found = sorted(set(choices))
    if scale or any(plain(choice) not in GOOD_WORDS | BAD_WORDS for choice in found):
        problem = (
            f"name --good and --bad: which of {listed(found)} praise an answer, which blame it"
        )
        raise InputError(problem, file=path)
    return Praise(GOOD_WORDS, BAD_WORDS)
