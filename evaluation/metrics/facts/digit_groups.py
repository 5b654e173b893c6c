"""Numbers that count nothing: of telephones, accounts, cards, references."""

import re
from collections.abc import Iterator

from evaluation.metrics.facts.fact import Fact

GROUPS = re.compile(
    r"(?<![\w.,/])(?:\+?\d++|\(\d{1,6}\))(?:[ -]\(?\d{1,15}\)?){1,7}(?![\w/]|[.,-]\d)"
)
THOUSANDS = re.compile(r"\d{1,3}(?: \d{3})+")


def digit_groups(text: str) -> Iterator[Fact]:
    """1800-209-4455 and 98765 43210: however the digits are grouped, they are one number."""
    for match in GROUPS.finditer(text):
        digits = "".join(filter(str.isdigit, match[0]))
        groups = re.findall(r"\d+", match[0])
        long = len(digits) >= (6 if len(groups) > 2 else 9)
        if long and not is_range(match[0], groups) and not THOUSANDS.fullmatch(match[0]):
            yield Fact("number", match[0], *match.span(), digits)


def is_range(text: str, groups: list[str]) -> bool:
    """Whether it is rather two numbers, such as 10000-20000."""
    if len(groups) != 2 or "-" not in text or "+" in text or max(map(len, groups)) > 7:
        return False
    return int(groups[0]) < int(groups[1])
