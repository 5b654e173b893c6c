"""Which rows are in another language than the others."""

import re
from collections import Counter
from collections.abc import Sequence

from project.records.data import Row
from project.text_language import language_of

NEARLY_ALL = 0.9  # of the rows whose language can be told
FEWEST_ROWS = 20  # of these
# Prompts that ask for another language.
TRANSLATION = re.compile(
    r"(?i:translat|übersetz|tradu|vertaal|przetłumacz|перевед|перевод|översätt|oversæt|oversett"
    r"|翻译|翻訳|번역)|\b(?:in|into|to|from) (?:[A-Z]\w+(?:ese|ish|ian|an|ch|ic|di|ek)|Thai)\b",
)


def prompt_language(row: Row) -> str | None:
    """The language of what a user wrote: the system prompt is the same in all rows."""
    asked = "\n".join([message.content for message in row.prompt if message.role == "user"])
    return language_of(asked)


def answer_language(row: Row) -> str | None:
    return language_of(row.completion_text)


def other_language(
    rows: Sequence[Row], prompts: Sequence[str | None], answers: Sequence[str | None]
) -> list[str | None]:
    """For each row, which side of it is not in the language that nearly all have on that side.

    So where all answers are translations, none is odd; and nor is one that its prompt asks for.
    """
    odd = zip(odd_ones(prompts), odd_ones(answers), strict=True)
    return [
        side(*both) if any(both) and not TRANSLATION.search(row.prompt_text) else None
        for row, both in zip(rows, odd, strict=True)
    ]


def side(prompt: bool, answer: bool) -> str:
    odd = "the prompt" if prompt else "the answer"
    return f"{odd} is in another language than the others"


def odd_ones(found: Sequence[str | None]) -> list[bool]:
    """Which languages are other than nearly all; none, if there is no such language."""
    told = Counter(language for language in found if language)
    if told.total() < FEWEST_ROWS:
        return [False] * len(found)
    ((usual, count),) = told.most_common(1)
    if count < NEARLY_ALL * told.total():
        return [False] * len(found)
    return [language is not None and language != usual for language in found]
