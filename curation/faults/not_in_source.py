"""Numbers and names in an answer that its source does not hold."""

import re
from collections.abc import Iterator
from itertools import islice

import regex

from curation.faults.source_numbers import MONTHS, explained, numbers, spoken
from project.records.data import Row

LONGEST = 50_000  # characters of a source, or an answer
NAME = regex.compile(r"\p{Lu}[\p{Ll}\p{M}]{2,}(?:['’-]\p{L}+)*")
WORD = regex.compile(r"[\p{L}\p{M}\p{N}]+")
BEGINS = regex.compile(r"(?:^|[.!?:;\n•*\"“”„«(\[]|[-–—]\s)\s*$")  # what stands before a sentence
# Capitalised in the middle of a sentence too, and nobody's claim.
USUAL_WORDS = """
    english german french spanish italian chinese japanese monday tuesday wednesday thursday friday
    saturday sunday mister doctor professor note yes please thank thanks sorry dear hello question
    answer internet the and but for
"""
USUAL = frozenset(USUAL_WORDS.split())
MOST_NUMBERS = 100  # of an answer
STEM = 5  # letters: Berlin and Berliner are one
TITLE_CASE = 0.35  # of the words with capitals: headlines, and languages that begin nouns with them


def not_in_source(row: Row) -> str | None:
    """Only where a source is given; the prompt counts as one too."""
    if not row.context:
        return None
    source = f"{row.context[:LONGEST]}\n{row.prompt_text[:LONGEST]}"
    answer = row.completion_text[:LONGEST]
    if says_other_numbers(answer, source):
        return "a number that the source does not hold"
    if says_other_names(answer, source):
        return "a name that the source does not hold"
    return None


def says_other_numbers(answer: str, source: str) -> bool:
    known = {value for values in numbers(source) for value in values} | spoken(source)
    said = islice(numbers(answer), MOST_NUMBERS)
    return any(not any(explained(value, known) for value in values) for values in said)


def says_other_names(answer: str, source: str) -> bool:
    words = WORD.findall(answer)
    capitals = sum(word[:1].isupper() for word in words)
    if capitals > max(4, TITLE_CASE * len(words)):
        return False
    known = {word.casefold() for word in WORD.findall(source)}
    stems = {word[:STEM] for word in known}
    return any(is_new(name, known, stems, source) for name in names(answer))


def names(text: str) -> Iterator[str]:
    """Words with a capital inside a sentence, or at its begin if another one follows."""
    for match in NAME.finditer(text):
        before = text[max(0, match.start() - 4) : match.start()]
        followed = NAME.match(text, match.end() + 1) if text.startswith(" ", match.end()) else None
        if followed or (match.start() and not BEGINS.search(before)):
            yield match[0]


def is_new(name: str, known: set[str], stems: set[str], source: str) -> bool:
    parts = [part.casefold() for part in re.split(r"['’-]", name)]
    return any(
        len(part) > 2
        and part not in known
        and part not in USUAL
        and part[:STEM] not in stems
        and not (part in MONTHS and any(map(str.isdigit, source)))
        for part in parts
    )
