"""What is to be erased: rows by their ids or texts, and whatever names somebody."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from project.erasures import Erasable, texts_of
from project.errors import InputError
from project.unicode_words import plain

LEAST = 3  # letters or digits: less would stand in nearly every row


@dataclass(frozen=True)
class Wanted:
    """Ids, and texts that are found as whole words, whatever their letter case and blanks."""

    ids: frozenset[str]
    texts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.ids and not self.texts:
            raise InputError("say which rows: --id ID, or --match TEXT")
        for text in self.texts:
            if sum(map(str.isalnum, text)) < LEAST:
                raise InputError(f"--match {text!r} is too short to name somebody")

    @cached_property
    def patterns(self) -> list[re.Pattern[str]]:
        words = [map(re.escape, seen(text).split(" ")) for text in self.texts]
        return [re.compile(rf"(?<!\w){' '.join(own)}(?!\w)") for own in words]

    def named_in(self, text: str) -> bool:
        """Whether a text holds one of the texts."""
        known = seen(text) if self.texts else ""
        return any(pattern.search(known) for pattern in self.patterns)

    def meant(self, record: Any) -> bool:
        """Whether a record, as JSON has it, is one of them, or a part of it names somebody."""
        if isinstance(record, dict) and str(record.get("id", "")) in self.ids:
            return True
        return any(self.named_in(text) for text in strings(record))


@dataclass(frozen=True)
class Rows:
    """Rows, found again in records that hold what they say, by an answer and what was asked."""

    made: Sequence[Erasable]
    _by_answer: dict[str, list[Erasable]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        for one in self.made:
            self._by_answer.setdefault(seen(texts_of(one)[-1]), []).append(one)

    def told_in(self, record: Any) -> list[Erasable]:
        """Those whose answer a record has, and of whose question a part at least."""
        texts = {seen(text) for text in strings(record)} - {""}
        return [
            one
            for text in texts
            for one in self._by_answer.get(text, ())
            if all(is_told(said, texts - {text}) for said in texts_of(one)[:-1])
        ]


def is_told(said: str, texts: Iterable[str]) -> bool:
    """Whether one of the texts is what was said, or a part of it: an instruction stands before."""
    known = seen(said)
    return any(text in known for text in texts)


def seen(text: str) -> str:
    """As the eye has it, in lower case, with one blank between words."""
    return " ".join(plain(text).casefold().split())


def strings(value: Any) -> Iterator[str]:
    """Every text of a value of JSON, the names of fields aside."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from strings(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from strings(part)
