"""The bank's documents cut into passages, and a retriever over them."""

import re
from collections.abc import Collection, Iterator, Sequence
from functools import cache

from examples.bank.behaviours import SENTENCE, rules, warned
from examples.bank.facts import documents
from project.records.data import EvidencePassage
from retrieval.retriever import Retriever

WORDS = 45  # of a passage, at most, unless a sentence has more


@cache
def passages() -> tuple[EvidencePassage, ...]:
    return tuple(found for name, text in documents().items() for found in cut(name, text))


@cache
def retriever() -> Retriever:
    return Retriever.over(passages())


def found_for(question: str, k: int, without: Collection[str] = ()) -> list[EvidencePassage]:
    """The k passages that are ranked first, of those that are not left out."""
    return retriever().find(question, k, without)


def cut(name: str, text: str) -> Iterator[EvidencePassage]:
    """Some sentences of a paragraph, a point of a list or a line of a table, behind its heading."""
    heading, count = "", 0
    for block in re.split(r"\n\s*\n", text.strip()):
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
        head, _, *lines = (
            [cell.strip() for cell in line.strip("|").split("|")] for line in block.splitlines()
        )
        for line in lines:
            yield "; ".join(f"{a} {b}" for a, b in zip(head, line, strict=True)) + "."
    else:
        yield from short_pieces(SENTENCE.split(" ".join(block.split())))


def short_pieces(sentences: Sequence[str]) -> Iterator[str]:
    """Whole sentences; a notice at the end belongs to all of them, so it ends every piece."""
    *others, last = sentences
    notice = [last] if any(warned(topic, last) for topic in rules()["warning"]) else []
    piece: list[str] = []
    for sentence in others if notice else sentences:
        if piece and len(" ".join([*piece, sentence]).split()) > WORDS:
            yield " ".join([*piece, *notice])
            piece = []
        piece.append(sentence)
    yield " ".join([*piece, *notice])
