"""What a row holds of numbers that identify a person or an account, or reach one."""

import re
from collections.abc import Iterator
from functools import lru_cache

from curation.faults.looks import Look
from project.contacts import Contacts
from project.personal_data import Found, reaches_somebody, scan
from project.records.data import Row

DIGIT = re.compile(r"\d")
SHORTEST = 7  # digits of a phone number, a card or an account


def personal_data(row: Row, ours: Contacts) -> str | None:
    """The kind of personal data found first."""
    return next((str(one.kind) for one in private(row, ours)), None)


def private(row: Row, ours: Contacts) -> Iterator[Found]:
    """In the order of the text; contacts of `ours` are none."""
    texts = row.prompt_text, row.completion_text
    if any(map(ADDRESSES.at, texts)) or sum(map(digits, texts)) >= SHORTEST:
        every = scanned("\n".join(texts))
        yield from (one for one in every if reaches_somebody(one, ours))


def digits(text: str) -> int:
    return len(DIGIT.findall(text)) if NUMBERS.at(text) else 0


def of_address(word: str) -> bool:
    """Whether it may be an IP address, or of an e-mail address that is hidden from robots."""
    return word.count(".") > 2 or word.count(":") > 1 or word == "dot" or word[0] in "])"


ADDRESSES = Look("@", "at)", "at]", "at}", odd=of_address)
NUMBERS = Look(odd=DIGIT.search)


@lru_cache(1)  # several finders ask for the same row
def scanned(text: str) -> list[Found]:
    return scan(text)[1]
