"""Regular expressions of a user's, of which a bad one must not hang a run."""

from functools import partial

import regex

from project.errors import InputError
from project.records.assertions import Matches

SECONDS = 5.0  # for one answer


def matches(assertion: Matches, answer: str, seconds: float = SECONDS) -> bool:
    """Whether it is found. Raises InputError for an expression that takes very long."""
    return found(assertion.pattern, answer, whole=assertion.whole, seconds=seconds)


def found(pattern: str, text: str, *, whole: bool = False, seconds: float = SECONDS) -> bool:
    """Whether a pattern is found in a text, or is the whole of it.

    Raises InputError for what is no regular expression, and for one that takes very long.
    """
    try:
        made = regex.compile(pattern)
        find = partial(made.fullmatch if whole else made.search, timeout=seconds)
        return find(text) is not None
    except TimeoutError:
        problem = (
            f"the regular expression {pattern!r} takes longer than {seconds:g} s on an "
            "answer: avoid a repeat within a repeat, such as (a+)+"
        )
        raise InputError(problem) from None
    except (regex.error, RecursionError, OverflowError) as error:
        raise InputError(f"{pattern!r:.80} is no regular expression: {error}") from None
