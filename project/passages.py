"""How the passages of a row are put into its prompt, by a template of the project's.

A row keeps its question and its passages apart: what is compared with other rows is the question
alone. A model is asked with both, in training as in evaluation.
"""

import re
from collections.abc import Iterable, Sequence

from project.records.data import Message, Passage, Row

EVIDENCE_TEMPLATE = "evidence_template.txt"  # in an adapter's folder, where it has one
PASSAGES, QUESTION = "{passages}", "{question}"
USUAL = f"""{PASSAGES}

Question: {QUESTION}
Answer by these passages alone, and cite each that you use by its number, as [1]. \
Say that you do not know where they do not say."""
# Marks by which chat templates and tokenizers tell who speaks, and where a text ends.
CONTROL = re.compile(r"<(?=[|｜/]?[\w ▁/.:-]{1,40}[|｜]?>)|\[(?=/?(?:INST|BOS|EOS|PAD)\])")
CITED = re.compile(r"\[(\d{1,3}(?:\s*[,;]\s*\d{1,3})*)\]")


def with_passages(row: Row, template: str | None) -> Row:
    """The row as a contestant is asked it: its last question among its passages. The row itself
    where it has none, or where the contestant shows none.
    """
    if template is None or not row.evidence:
        return row
    *before, asked = row.prompt
    shown = Message(role=asked.role, content=filled(template, row.evidence, asked.content))
    return row.model_copy(update={"prompt": (*before, shown)})


def all_with_passages(rows: Sequence[Row], template: str | None) -> Sequence[Row]:
    return rows if template is None else [with_passages(row, template) for row in rows]


def filled(template: str, passages: Sequence[Passage], question: str) -> str:
    """Each passage on a line of its own behind its number; neither may hold a placeholder."""
    numbered = "\n".join(f"[{i}] {harmless(one.text)}" for i, one in enumerate(passages, 1))
    parts = {PASSAGES: numbered, QUESTION: question}
    pieces = re.split(f"({re.escape(PASSAGES)}|{re.escape(QUESTION)})", template)
    return "".join(parts.get(piece, piece) for piece in pieces)


def harmless(text: str) -> str:
    """A passage on one line, with its control tokens broken up: it cannot end its turn."""
    return CONTROL.sub(lambda mark: f"{mark[0]} ", " ".join(text.split()))


def cited(answer: str) -> list[int]:
    """The numbers of the passages that an answer cites, in its order: of "[1, 3]" both."""
    marks = (mark for found in CITED.findall(answer) for mark in re.split(r"\s*[,;]\s*", found))
    return list(map(int, marks))


def without_citations(answer: str) -> str:
    """An answer's own words: the marks are no numbers of its own."""
    return re.sub(rf"\s*{CITED.pattern}", "", answer)


def evidence_text(passages: Iterable[Passage]) -> str:
    return "\n".join(one.text for one in passages)


def usable_template(template: str) -> str:
    """The template that a setting means. Raises ValueError where it lacks a place."""
    text = USUAL if template == "default" else template
    for place in (PASSAGES, QUESTION):
        if text.count(place) != 1:
            raise ValueError(
                f"has {place} {text.count(place)} times: it is a text with {PASSAGES} and "
                f"{QUESTION} once each, or `default`"
            )
    return text
