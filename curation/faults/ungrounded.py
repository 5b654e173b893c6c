"""Answers to a question on passages that do not stand on them."""

import ast
from itertools import islice

from curation.faults.not_in_source import (
    FACTORS,
    LONGEST,
    MOST_NUMBERS,
    numbers,
    numbers_in_words,
    says_other_names,
)
from project.records.data import Row
from project.shown_passages import (
    cited,
    evidence_text,
    parsed,
    reckoned,
    value_of,
    without_citations,
)
from project.unicode_words import language_of


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
    said = without_citations(answer)
    if says_unknown_numbers(said, known_numbers(source) | reckoned(row.calculation)):
        return "a number that no passage holds"
    if row.answerable is False or language_of(source) != "en":
        return None  # where other words have capitals too, such as German nouns
    return "a name that no passage holds" if says_other_names(said, source) else None


def known_numbers(source: str) -> set[float]:
    return {value for values in numbers(source) for value in values} | numbers_in_words(source)


def says_unknown_numbers(answer: str, known: set[float]) -> bool:
    """Unlike with a source that a row merely names, no arithmetic is guessed at."""
    said = islice(numbers(answer), MOST_NUMBERS)
    return any(not any(value in known for value in values) for values in said)


# --- calculation ----------------------------------------------------------------------------------


def wrong_calculation(calculation: str, source: str) -> str | None:
    """A per cent of the source may stand as a fraction: 4.5 % as 0.045."""
    if not reckoned(calculation):
        return "a calculation that cannot be computed"
    tree = parsed(calculation)
    said = known_numbers(source)
    said |= {round(value / 100, 9) for value in said} if "%" in source else set()
    used = [value_of(node) for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    if not any(value in said for value in used):
        return "a calculation with no number of a passage"
    if all(value in said or value in FACTORS for value in used):
        return None
    return "a calculation with a number that no passage holds"
