"""Who is asked to vote, as people type it: a name and a number of items a line."""

from collections.abc import Iterator, Mapping
from string import digits

from project.errors import InputError
from project.untrusted_input import shortened
from review.access.people import is_name

BETWEEN = " \t,:"  # a name and its number
LONGEST = 20_000  # characters of all lines
MOST_DIGITS = 6


def who_votes(text: str) -> dict[str, int] | None:
    """By name on how many items; None where nobody is named. Raises InputError naming the line."""
    named = dict[str, int]()
    for number, line in written_lines(text):
        name, items = name_and_items(line)
        if not is_name(name) or not items:
            problem = f"{shortened(line)!r} is not a name and a number of items, as 'ann 20'"
            raise InputError(f"line {number}: {problem}", field="reviewers")
        if name in named:
            raise InputError(f"line {number}: {name} is named twice", field="reviewers")
        named[name] = int(items)
    return named or None


def name_and_items(line: str) -> tuple[str, str]:
    """The digits at a line's end, and what stands before them; "" for each that is not there."""
    before = line.rstrip(digits)
    name, items = before.rstrip(BETWEEN), line[len(before) :]
    return ("" if name == before else name), (items if len(items) <= MOST_DIGITS else "")


def written_lines(text: str) -> Iterator[tuple[int, str]]:
    lines = enumerate(text.splitlines(), start=1)
    yield from ((number, line.strip()) for number, line in lines if line.strip())


def as_typed(reviewers: Mapping[str, int] | None) -> str:
    return "\n".join(f"{name} {items}" for name, items in (reviewers or {}).items())
