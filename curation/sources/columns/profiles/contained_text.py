"""Columns that were made of others: templates that other columns' texts were put into, and copies.

A template is neither prompt nor answer: it has the answer in the question, or all of it twice. An
article from which short answers were copied is none: without the answer, it is still an article.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from statistics import median

from curation.sources.chats.chat_shapes import conversation
from curation.sources.columns.profiles.column_profile import MOSTLY, ColumnProfile

ROWS = 300  # that are compared
LEAST = 20  # rows that hold both; of a small table, half of them
SENTENCE = 25  # characters; nothing that long stands in another text by chance
# These are copied out of texts. Whatever else stands in a text was put there.
COPIED = ("answer", "assistant", "aside", "title", "label", "kind", None)


def made_of_others(columns: Sequence[ColumnProfile]) -> dict[str, str]:
    """Columns that are templates or copies, with what they are in words."""
    texts = {c.name: whole_texts(c) for c in columns if c.kind in ("texts", "conversations")}
    parts = [c for c in columns if c.is_text and c.distinct > 1]
    found: dict[str, str] = {}
    for column in filter(lambda c: c.name in texts, columns):
        others = [part for part in parts if part is not column and part.name not in found]
        if why := why_made(column, others, texts):
            found[column.name] = why
    return found


def why_made(
    column: ColumnProfile, others: Iterable[ColumnProfile], texts: dict[str, tuple[str, ...]]
) -> str | None:
    own = texts[column.name]
    inside = [part for part in others if holds(own, texts[part.name])]
    for part in inside:
        if holds(texts[part.name], own):
            return f"the same as `{part.name}`" if known(part) >= known(column) else None
    if not is_template(own, inside, texts):
        return None
    return "a template that contains " + " and ".join(f"`{part.name}`" for part in inside[:3])


def known(column: ColumnProfile) -> bool:
    """Whether its name says more than that it is a text."""
    return column.role not in (None, "body")


def holds(own: Sequence[str], others: Sequence[str]) -> bool:
    """Whether nearly all of our texts contain the others, where both say something."""
    both = [(a, b) for a, b in zip(own, others, strict=True) if a and len(b) > 1]
    return len(both) >= min(LEAST, len(own) / 2) and sum(b in a for a, b in both) >= MOSTLY * len(
        both
    )


def is_template(
    own: Sequence[str], inside: Sequence[ColumnProfile], texts: dict[str, tuple[str, ...]]
) -> bool:
    """Whether the texts inside make up half of it, or leave the same words in every row, or were
    not copied out of it.
    """
    rows = [row for row in zip(own, *(texts[part.name] for part in inside), strict=True) if row[0]]
    if not inside or not rows:
        return False
    left = [without(whole, parts) for whole, *parts in rows]
    share = median(len(rest) / len(whole) for rest, (whole, *_) in zip(left, rows, strict=True))
    same = Counter(" ".join(rest.split()) for rest in left).most_common(1)[0][1] / len(rows)
    put_in = any(part.characters >= SENTENCE and part.role not in COPIED for part in inside)
    return share <= 0.5 or same >= 0.5 or put_in


def without(text: str, parts: Iterable[str]) -> str:
    for part in sorted(parts, key=len, reverse=True):
        text = text.replace(part, "", 1) if part else text
    return text


def whole_texts(column: ColumnProfile) -> tuple[str, ...]:
    """Some rows' texts, the same rows for every column."""
    step = max(1, len(column.sample) // ROWS)
    return column.texts[::step] if column.is_text else tuple(map(all_said, column.sample[::step]))


def all_said(value: object) -> str:
    """What is said in a conversation; empty where it cannot be read."""
    try:
        return "\n".join(message.content for message in conversation(value))
    except ValueError:
        return ""
