"""What a model's reply says: models add labels, quotes and talk to what they were asked for."""

import re
from itertools import pairwise
from typing import NamedTuple

# In front of a text that stands alone.
LABEL = re.compile(
    r"\A\**(?:the )?(?:new |rewritten |rephrased |paraphrased )?"
    r"(?:text|question|paraphrase|version|request)\**\s*:\**\s*",
    re.IGNORECASE,
)
FENCE = re.compile(r"\A(?:```\w*|<<<)\s*|\s*(?:```|>>>)\Z")
QUOTES = {'"': '"', "“": "”", "'": "'", "«": "»"}
# In front of a part of a pair: "Question:", "**Answer 2:**".
PART = re.compile(r"\W{0,4}(question|answer)\W{0,3}\d{0,3}\W{0,2}:[\s*]{0,3}", re.IGNORECASE)


class Pair(NamedTuple):
    question: str
    answer: str


def text_in(reply: str) -> str | None:
    """The text that a reply consists of; None where it is empty."""
    text = FENCE.sub("", reply.strip())
    text = unquoted(LABEL.sub("", text).strip())
    return text or None


def pair_in(reply: str) -> Pair | None:
    """The first question with its answer; None where there is none.

    What follows is another pair, of which nobody asked.
    """
    parts: list[tuple[str, list[str]]] = []
    for line in FENCE.sub("", reply.strip()).splitlines():
        if label := PART.match(line):
            parts.append((label[1].lower(), [line[label.end() :]]))
        elif parts:
            parts[-1][1].append(line)
    texts = [(name, unquoted("\n".join(lines).strip())) for name, lines in parts]
    for (first, question), (second, answer) in pairwise(texts):
        if (first, second) == ("question", "answer") and question and answer:
            return Pair(question, answer)
    return None


def unquoted(text: str) -> str:
    closing = QUOTES.get(text[:1])
    inner = text[1:-1]
    whole = closing and len(text) > 1 and text.endswith(closing) and closing not in inner
    return inner.strip() if whole else text
