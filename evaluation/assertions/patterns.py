"""Regular expressions of a user's, of which a bad one must not hang a run."""

import regex

from project.errors import InputError
from project.records.assertions import Matches

SECONDS = 5.0  # for one answer


def matches(assertion: Matches, answer: str, seconds: float = SECONDS) -> bool:
    """Whether it is found. Raises InputError for an expression that takes very long."""
    pattern = regex.compile(assertion.pattern)
    find = pattern.fullmatch if assertion.whole else pattern.search
    try:
        return find(answer, timeout=seconds) is not None
    except TimeoutError:
        problem = (
            f"the regular expression {assertion.pattern!r} takes longer than {seconds:g} s on an "
            "answer: avoid a repeat within a repeat, such as (a+)+"
        )
        raise InputError(problem) from None
