"""Who is asked to vote, as people type it: a name and a number of items a line."""

import re
from collections.abc import Iterator, Mapping

from project.errors import InputError
from project.untrusted_input import shortened
from review.access.people import is_name

LINE = re.compile(r"(?P<name>\S.*?)[\s,:]+(?P<items>\d{1,6})")
LONGEST = 20_000  # characters of all lines


def who_votes(text: str) -> dict[str, int] | None:
    """By name on how many items; None where nobody is named. Raises InputError naming the line."""
    named = dict[str, int]()
    for number, line in written_lines(text):
        found = LINE.fullmatch(line)
        if found is None or not is_name(found["name"]):
            problem = f"{shortened(line)!r} is not a name and a number of items, as 'ann 20'"
            raise InputError(f"line {number}: {problem}", field="reviewers")
        if found["name"] in named:
            raise InputError(f"line {number}: {found['name']} is named twice", field="reviewers")
        named[found["name"]] = int(found["items"])
    return named or None


def written_lines(text: str) -> Iterator[tuple[int, str]]:
    lines = enumerate(text.splitlines(), start=1)
    yield from ((number, line.strip()) for number, line in lines if line.strip())


def as_typed(reviewers: Mapping[str, int] | None) -> str:
    return "\n".join(f"{name} {items}" for name, items in (reviewers or {}).items())
