"""Answers that have another form than nearly all the others."""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence

from curation.checks.columns.conflicts import class_names
from curation.checks.columns.repeats import NONE
from curation.checks.columns.row_texts import RowTexts
from project.records.data import Row

NEARLY_ALL = 0.9
LEAST = 20  # rows, for there to be a usual form
ITEM = re.compile(r"\s*(?:[-*•–]|\d{1,3}[.)])\s+\S")
JSON, CLASS, LIST, TEXT = "JSON", "one of a few classes", "a list", "text"


def odd_formats(texts: RowTexts) -> list[str]:
    """What the answers of a row's source or slice nearly all are, where the row's is not."""
    known = class_names(texts.answer_keys)
    forms = [
        form(text, short, known)
        for text, short in zip(texts.completions, texts.answer_keys, strict=True)
    ]
    usual = usual_forms(texts.rows, forms)
    return [odd(row, own, usual) for row, own in zip(texts.rows, forms, strict=True)]


def form(text: str, short: str, known: Collection[str]) -> str:
    if is_json(text):
        return JSON
    if short in known:
        return CLASS
    return LIST if is_list(text) else TEXT


def is_json(text: str) -> bool:
    """An object or a list; what is cut or broken is none."""
    text = text.strip()
    if text[:1] not in ("{", "["):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def is_list(text: str) -> bool:
    lines = [line for line in text.splitlines() if line.strip()]
    return len(lines) > 1 and all(map(ITEM.match, lines))


def usual_forms(rows: Sequence[Row], forms: Sequence[str]) -> dict[str, str]:
    """Of each source and each slice the form that nearly all its answers have, if it is no text."""
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for row, own in zip(rows, forms, strict=True):
        for group in groups(row):
            counts[group][own] += 1
    most = {group: count.most_common(1)[0] for group, count in counts.items()}
    return {
        group: name
        for group, (name, number) in most.items()
        if name != TEXT
        and counts[group].total() >= LEAST
        and number >= NEARLY_ALL * counts[group].total()
    }


def groups(row: Row) -> Iterator[str]:
    yield f"source {row.source}"
    for name, value in row.slices.items():
        yield f"{name}={value}"


def odd(row: Row, own: str, usual: dict[str, str]) -> str:
    wanted = (usual[group] for group in groups(row) if group in usual)
    return next((f"not {one}, as the others" for one in wanted if one != own), NONE)
