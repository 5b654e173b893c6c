"""Answers that do not stand on what they should: passages, or a source that is given."""

import ast
import re
from collections.abc import Collection, Iterator
from itertools import combinations, islice

import regex

from project.records.data import Row
from project.shown_passages import (
    cited,
    evidence_text,
    parsed,
    reckoned,
    value_of,
    without_citations,
)
from project.unicode_words import figures_apart, language_of


def ungrounded(row: Row) -> str | None:
    """Only of a row with passages: what its answer cites, and each number and name of it, has to
    stand in them, in the question, or in the calculation that the row records.
    """
    if not row.evidence:
        return None
    answer = row.completion_text[:LONGEST]
    marks = cited(answer)
    if marks and not set(marks) <= set(range(1, len(row.evidence) + 1)):
        return "cites a passage that is not there"
    if marks and row.answerable is False:
        return "cites a passage, where none holds an answer"
    source = f"{evidence_text(row.evidence)}\n{row.prompt_text[:LONGEST]}"
    if row.calculation and (wrong := wrong_calculation(row.calculation, source)):
        return wrong
    uncited = without_citations(answer)
    if says_unknown_numbers(uncited, known_numbers(source) | reckoned(row.calculation)):
        return "a number that no passage holds"
    if row.answerable is False or language_of(source) != "en":
        return None  # where other words have capitals too, such as German nouns
    return "a name that no passage holds" if says_other_names(uncited, source) else None


def known_numbers(source: str) -> set[float]:
    return {value for values in numbers(source) for value in values} | numbers_in_words(source)


def says_unknown_numbers(answer: str, known: set[float]) -> bool:
    """Unlike with a source that a row merely names, no arithmetic is guessed at."""
    stated = islice(numbers(answer), MOST_NUMBERS)
    return any(not any(value in known for value in values) for values in stated)


# --- calculation ----------------------------------------------------------------------------------


def wrong_calculation(calculation: str, source: str) -> str | None:
    """A per cent of the source may stand as a fraction: 4.5 % as 0.045."""
    if not reckoned(calculation):
        return "a calculation that cannot be computed"
    tree = parsed(calculation)
    known = known_numbers(source)
    known |= {round(value / 100, 9) for value in known} if "%" in source else set()
    used = [value_of(node) for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    if not any(value in known for value in used):
        return "a calculation with no number of a passage"
    if all(value in known or value in FACTORS for value in used):
        return None
    return "a calculation with a number that no passage holds"


# --- source ---------------------------------------------------------------------------------------

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
    known = known_numbers(source)
    stated = islice(numbers(answer), MOST_NUMBERS)
    if any(not any(explained(value, known) for value in values) for values in stated):
        return "a number that the source does not hold"
    if says_other_names(answer, source):
        return "a name that the source does not hold"
    return None


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


# --- source numbers -------------------------------------------------------------------------------

# Numbers in a text by their value, however they are written, and whether others explain them.

# 1,000 and 1 000 and 1'000; 2.7 and 2,7; a K, M or B behind it.
NUMBER = re.compile(
    r"(?<![\w.,])(?P<whole>\d{1,3}(?:[,.'’ \u00a0\u202f]\d{3})+|\d+)"
    r"(?P<part>(?:[.,]\d+)*)(?P<scale>(?: ?(?:thousand|million|billion|trillion)|[kKMB])\b)?",
)
LIST_MARK = re.compile(r"(?m:^)[ \t*>-]{0,8}\d{1,3}[.)](?=\s)")
SCALES = {"k": 1e3, "thousand": 1e3, "m": 1e6, "million": 1e6, "b": 1e9, "billion": 1e9}
SCALES |= {"trillion": 1e12}
LETTERS = re.compile(r"[a-z]+")
UNITS = LETTERS.findall(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
)
TENS = LETTERS.findall("twenty thirty forty fifty sixty seventy eighty ninety")
ORDINALS = LETTERS.findall(
    "zeroth first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth"
)
SPOKEN = {word: float(value) for value, word in enumerate(UNITS)}
SPOKEN |= {word: 10.0 * value for value, word in enumerate(TENS, start=2)}
SPOKEN |= {word: float(value) for value, word in enumerate(ORDINALS)}
SPOKEN |= {"dozen": 12.0, "half": 0.5, "once": 1.0, "twice": 2.0, "double": 2.0, "single": 1.0}
MULTIPLES = {"hundred": 1e2, "thousand": 1e3, "million": 1e6, "billion": 1e9}
MONTHS = LETTERS.findall(
    "january february march april may june july august september october november december"
)
# What turns one unit into another: percent, time, bytes.
FACTORS = (2, 4, 7, 10, 12, 24, 30, 52, 60, 100, 365, 1000, 1024, 3600, 1e6, 1e9)
MOST = 40  # numbers of a source that are reckoned with


def numbers(text: str) -> Iterator[tuple[float, ...]]:
    """The values of each number in digits: one, or two where a dot may part thousands."""
    for match in NUMBER.finditer(figures_apart(LIST_MARK.sub(" ", text))):
        scale = SCALES.get((match["scale"] or "").strip().lower(), 1.0)
        yield tuple(value * scale for value in readings(match["whole"], match["part"]))


def readings(whole: str, part: str) -> tuple[float, ...]:
    digits = re.sub(r"\D", "", whole)
    parts = re.findall(r"\d+", part)
    if len(parts) > 1:  # a version or a date: each of its numbers counts
        return tuple(map(float, (digits, *parts)))
    value = float(f"{digits}.{parts[0]}") if parts else float(digits)
    pieces = re.split(r"[.,]", whole)
    if not parts and len(pieces) == 2:
        return value, float(".".join(pieces))
    return (value,)


def numbers_in_words(text: str) -> set[float]:
    """The values of numbers in words, and of months."""
    values, total, last = set[float](), 0.0, 0.0
    for word in LETTERS.findall(text.lower()):
        value = SPOKEN.get(word)
        if word in MULTIPLES:
            last = max(last, 1.0) * MULTIPLES[word]
            total = last
        elif value is not None:
            last = total = last + value if last >= 20 and value < last else value
        else:
            last = total = 0.0
            if word in MONTHS:
                values.add(float(MONTHS.index(word) + 1))
            continue
        values |= {total, value} if value is not None else {total}
    return values


def explained(value: float, source: Collection[float]) -> bool:
    """Whether a source says a number, rounds to it, or gives it by one step of arithmetic."""
    if value in source or value in (0.0, 1.0):
        return True
    some = list(islice(source, MOST))
    for number in some:
        ratio = value / number if number else 0.0
        if any(close(ratio, by) or close(ratio, 1 / by) for by in FACTORS):
            return True
        # It has fewer digits, and is what the other one rounds to.
        if value in (float(f"{number:.1g}"), float(f"{number:.2g}"), round(number)):
            return True
    total = sum(some)
    if some and (close(value, total) or close(value, total / len(some))):
        return True
    return any(close(value, result) for a, b in combinations(some, 2) for result in results(a, b))


def results(a: float, b: float) -> Iterator[float]:
    yield from (a + b, abs(a - b), a * b)
    if a and b:
        yield from (a / b, b / a, 100 * a / b, 100 * b / a)
        yield from (100 * abs(a - b) / a, 100 * abs(a - b) / b)


def close(a: float, b: float) -> bool:
    return abs(a - b) <= 0.006 * max(abs(a), abs(b), 1e-9)
