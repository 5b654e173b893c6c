"""How long rows and answers may be, from the lengths that there are."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from project.records.data import TokenCount

MOST = 0.99  # of the rows are to fit
STEP = 8  # tokens; limits are multiples of it
SHORTEST = 128  # of max_length: less would leave out later rows, and saves nothing
LONGEST_ANSWER = 1024  # tokens; a longer one costs every evaluation its time


@dataclass(frozen=True)
class Limits:
    """In tokens. Where the window is the smaller one, fewer rows fit than most."""

    max_length: int  # of a row
    max_new_tokens: int  # of an answer
    rows: int  # that most rows have at most
    answers: int  # that most answers have at most
    window: int | None  # of the base, if it says so
    too_long: int  # rows beyond max_length
    cut: int  # answers beyond max_new_tokens


def limits_of(counts: Sequence[TokenCount], window: int | None) -> Limits:
    """The limits that fit 99 % of the rows, as far as the window does.

    Whatever prompt a row of max_length has, an answer of max_new_tokens fits behind it.
    """
    rows = percentile([c.prompt + c.completion for c in counts])
    answers = percentile([c.completion for c in counts])
    most = window or rows + answers + 2 * STEP
    new = min(rounded(answers), LONGEST_ANSWER, max(most // 2, 1))
    length = min(max(rounded(rows), SHORTEST), most - new)
    return Limits(
        max_length=length,
        max_new_tokens=new,
        rows=rows,
        answers=answers,
        window=window,
        too_long=sum(c.prompt + c.completion > length for c in counts),
        cut=sum(c.completion > new for c in counts),
    )


def percentile(values: Sequence[int]) -> int:
    """The least value that most of the values do not exceed."""
    return sorted(values)[ceil(MOST * len(values)) - 1]


def rounded(tokens: int) -> int:
    return ceil(tokens / STEP) * STEP
