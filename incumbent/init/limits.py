"""How long rows and answers may be, from the lengths that there are."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil

from project.records.data import TokenCount

MOST = 0.99  # of the rows are to fit
STEP = 8  # tokens; limits are multiples of it
SHORTEST = 128  # of max_length: less would leave out later rows, and saves nothing
ENDLESS = 1_000_000  # tokens: a window that nobody knows sets no limit
LONGEST_ANSWER = 1024  # tokens; a longer one costs every evaluation its time


@dataclass(frozen=True)
class Limits:
    """In tokens. Where the window is the smaller one, fewer rows fit than most."""

    max_length: int  # of a row
    max_new_tokens: int  # of an answer
    rows: int  # that most rows have at most
    answers: int  # that most answers have at most
    window: int | None  # of the base, if it says so
    memory: int | None  # the longest row that this machine can train, where that is the limit
    too_long: int  # rows beyond max_length
    cut: int  # answers beyond max_new_tokens, of the other rows


def limits_of(
    counts: Sequence[TokenCount],
    window: int | None,
    longest_trained: Callable[[int], int] = lambda length: length,
) -> Limits:
    """The limits that fit 99 % of the rows, as far as the window does, and the memory: of a length
    `longest_trained` says how much of it this machine can train.

    Whatever prompt a row of max_length has, an answer of max_new_tokens fits behind it; or where
    that would leave rows out, whatever prompt these rows have.
    """
    rows = percentile([c.prompt + c.completion for c in counts])
    answers = percentile([c.completion for c in counts])
    most = window or ENDLESS
    new = min(rounded(answers), LONGEST_ANSWER, max(most // 2, 1))
    length = min(max(rounded(rows), SHORTEST), most)
    if length > most - new:
        length = max(most - new, longest_with_room(counts, length, most - new))
    trained = longest_trained(length)
    memory = trained if trained < length else None
    length = min(length, trained)
    return Limits(
        max_length=length,
        max_new_tokens=new,
        rows=rows,
        answers=answers,
        window=window,
        memory=memory,
        too_long=sum(c.prompt + c.completion > length for c in counts),
        cut=sum(c.completion > new for c in counts if c.prompt + c.completion <= length),
    )


def longest_with_room(counts: Sequence[TokenCount], length: int, prompt: int) -> int:
    """The most tokens, up to a length, of which no row that has at most as many has a longer
    prompt.
    """
    found = 0
    for row in sorted(counts, key=lambda count: count.prompt + count.completion):
        if row.prompt > prompt or row.prompt + row.completion > length:
            break
        found = row.prompt + row.completion
    return found


def percentile(values: Sequence[int]) -> int:
    """The least value that most of the values do not exceed."""
    return sorted(values)[ceil(MOST * len(values)) - 1]


def rounded(tokens: int) -> int:
    return ceil(tokens / STEP) * STEP
