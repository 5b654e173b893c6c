"""The bank's documents cut into passages, and which passage holds what an answer says."""

import re
from collections.abc import Iterator, Sequence
from functools import cache

import bm25s
from nltk.stem.porter import PorterStemmer

from examples.bank.behaviours import needs_warning, numbers, warned
from examples.bank.facts import documents
from project.records.data import EvidencePassage
from project.unicode_words import words

STEMMER = PorterStemmer()


@cache
def passages() -> tuple[EvidencePassage, ...]:
    return tuple(found for name, text in documents().items() for found in cut(name, text))


def cut(name: str, text: str) -> Iterator[EvidencePassage]:
    """Each paragraph, each point of a list and each line of a table, behind its heading."""
    heading, count = "", 0
    for block in re.split(r"\n\s*\n", text):
        block = block.strip()
        if block.startswith("#"):
            heading = block.lstrip("# ").strip()
            continue
        for piece in pieces(block):
            count += 1
            yield EvidencePassage(id=f"{name}#{count}", text=f"{heading}: {piece}", source=name)


def pieces(block: str) -> Iterator[str]:
    if block.startswith("- "):
        yield from (line[2:].replace("**", "") for line in block.splitlines())
    elif block.startswith("|"):
        head, _, *lines = [
            [cell.strip() for cell in line.strip("|").split("|")] for line in block.splitlines()
        ]
        for line in lines:
            yield "; ".join(f"{a} {b}" for a, b in zip(head, line, strict=True)) + "."
    else:
        yield " ".join(block.split())


def stems(text: str) -> list[str]:
    return [STEMMER.stem(word) for word in words(text.casefold())]


@cache
def index() -> bm25s.BM25:
    found = bm25s.BM25()
    found.index([stems(one.text) for one in passages()], show_progress=False)
    return found


def found_for(question: str, k: int, without: frozenset[str] = frozenset()) -> list[EvidencePassage]:
    """The k passages that BM25 ranks first, of those that are not left out."""
    places, _ = index().retrieve(
        [stems(question)], k=min(k + len(without), len(passages())), show_progress=False
    )
    ranked = (passages()[i] for i in places[0])
    return [one for one in ranked if one.id not in without][:k]


def holding(figures: set[str], name: str) -> list[EvidencePassage]:
    """The passages that have all figures, and the name first."""
    having = [one for one in passages() if figures <= numbers(one.text)]
    return [one for one in having if name.casefold() in one.text.casefold()]


def notice(topic: str, passage: EvidencePassage) -> str:
    """The last sentence of a passage, where it warns."""
    last = re.split(r"(?<=[.!?])\s+", passage.text)[-1]
    return last if needs_warning(topic) and warned(topic, last) else ""


def sources(found: Sequence[EvidencePassage]) -> set[str]:
    return {one.source or "" for one in found}
