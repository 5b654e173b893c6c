"""Made-up questions and answers with the lengths of a bank's FAQ, and near-duplicates of them.

Words follow each other as they do in the documentation of Python's own library, so that common
words are common, rare ones rare, and a text has no sense. The same number gives the same text.
"""

import math
import random
import re
import sysconfig
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

ANSWER_WORDS, ANSWER_SPREAD = 38, 0.5  # median, and the standard deviation of the logarithm
QUESTION_WORDS, QUESTION_SPREAD = 13, 0.25
LEAST_QUESTION, LEAST_ANSWER = 8, 12
NEAR_SHARE = 0.1  # of the rows: near-duplicates of a row before
SIBLING_SHARE = 0.05  # that share a half of their words with a row before, and are none
DOCSTRING = re.compile(r'"""(.*?)"""', re.DOTALL)
WORD = re.compile(r"\b(?:a|[a-z]{2,14})\b")
OTHERS = {"site-packages", "test", "tests"}  # folders without documentation of the library


class Triplet(NamedTuple):
    """An instruction, its input and the answer; `of` is the row that it is nearly the same as."""

    instruction: str
    input: str
    output: str
    kind: str = "new"
    of: int | None = None


def triplets(count: int) -> Iterator[Triplet]:
    """So many, one after the other; 15 % are made of an earlier one."""
    for number in range(count):
        rng = random.Random(number)
        share = rng.random()
        if number and share < NEAR_SHARE + SIBLING_SHARE:
            of = original(rng.randrange(number))
            kind = rng.choice(list(EDITS)) if share < NEAR_SHARE else "sibling"
            yield edited(written(of), kind, of, rng)
        else:
            yield written(number)


def original(number: int) -> int:
    """The newest row up to a number that is made of no other."""
    while number and random.Random(number).random() < NEAR_SHARE + SIBLING_SHARE:
        number -= 1
    return number


def written(number: int) -> Triplet:
    rng = random.Random(f"text {number}")
    asked = sentence(rng, QUESTION_WORDS, QUESTION_SPREAD, LEAST_QUESTION)
    answer = sentence(rng, ANSWER_WORDS, ANSWER_SPREAD, LEAST_ANSWER)
    return Triplet("Answer the customer's question.", f"{asked}?", f"{answer}.")


def sentence(rng: random.Random, median: float, spread: float, least: int) -> str:
    after = followers()
    wanted = max(least, round(rng.lognormvariate(math.log(median), spread)))
    found = [rng.choice(starts())]
    while len(found) < wanted:
        found.append(rng.choice(after.get(found[-1]) or starts()))
    return " ".join(found).capitalize()


@cache
def followers() -> dict[str, list[str]]:
    """The words that follow each word, as often as they do."""
    found = defaultdict(list)
    told = starts()
    for first, second in pairwise(told):
        found[first].append(second)
    return dict(found)


@cache
def starts() -> list[str]:
    """All words of the library's documentation, in their order."""
    folder = Path(sysconfig.get_path("stdlib"))
    files = [
        path for path in folder.rglob("*.py") if not OTHERS & {*path.relative_to(folder).parts}
    ]
    texts = (path.read_text(encoding="utf-8", errors="replace") for path in sorted(files))
    docs = (doc.lower() for text in texts for doc in DOCSTRING.findall(text))
    return [word for doc in docs for word in WORD.findall(doc)]


# --- near-duplicates ------------------------------------------------------------------------------


def edited(row: Triplet, kind: str, of: int, rng: random.Random) -> Triplet:
    edit = EDITS.get(kind, sibling)
    return Triplet(row.instruction, edit(row.input, rng), edit(row.output, rng), kind, of)


def typo(text: str, rng: random.Random) -> str:
    """Two letters of one word change places, or one is lost."""
    words = text.split()
    at = rng.choice([i for i, word in enumerate(words) if len(word) > 3] or [0])
    word, place = words[at], rng.randrange(max(1, len(words[at]) - 2))
    swapped = word[:place] + word[place + 1 : place + 2] + word[place : place + 1]
    words[at] = (
        swapped + word[place + 2 :] if rng.random() < 0.5 else word[:place] + word[place + 1 :]
    )
    return " ".join(words)


def another_word(text: str, rng: random.Random) -> str:
    words = text.split()
    words[rng.randrange(1, len(words) - 1)] = rng.choice(starts())
    return " ".join(words)


def reordered(text: str, rng: random.Random) -> str:
    """The end stands before the beginning."""
    words = text.split()
    cut = rng.randrange(1, len(words))
    return " ".join([*words[cut:], *words[:cut]])


def added(text: str, rng: random.Random) -> str:
    words = text.split()
    for _ in range(max(1, len(words) // 20)):
        words.insert(rng.randrange(len(words)), rng.choice(starts()))
    return " ".join(words)


def punctuated(text: str, rng: random.Random) -> str:
    words = text.rstrip("?.").split()
    words[rng.randrange(len(words))] += rng.choice([",", ";", " -"])
    return " ".join(words) + rng.choice(["!", "...", " ?"])


def recased(text: str, rng: random.Random) -> str:
    return rng.choice([text.upper(), text.lower(), text.title()])


def sibling(text: str, rng: random.Random) -> str:
    """A half of the words are others: the texts speak of alike things, and say others."""
    words = text.split()
    for at in rng.sample(range(len(words)), k=max(1, len(words) // 2)):
        words[at] = rng.choice(starts())
    return " ".join(words)


EDITS: dict[str, Callable[[str, random.Random], str]] = {
    "typo": typo,
    "one word changed": another_word,
    "words reordered": reordered,
    "words added": added,
    "punctuation": punctuated,
    "case": recased,
}
