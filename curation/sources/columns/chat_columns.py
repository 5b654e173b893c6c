"""Which column holds conversations, and what its owner should know about them."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from curation.sources.chats.chat_shapes import conversation
from curation.sources.chats.turns import ROLES, Pairs, Turns, pairs
from curation.sources.columns.choices import Choice, Found
from curation.sources.columns.profiles.column_profile import ColumnProfile
from project.records.data import counted
from project.untrusted_input import one_line

SAME = 0.05  # of the conversations; when more end in the same words, these teach nothing


def find_chat(columns: Sequence[ColumnProfile]) -> Found:
    """The columns that hold conversations; the one that is called so goes before others."""
    chats = [
        c for c in columns if c.kind == "conversations" and c.role not in ("chosen", "rejected")
    ]
    named = [c for c in chats if c.role == "chat"]
    return Found(tuple(Choice(messages=c.name) for c in (named if len(named) == 1 else chats)))


def one_turn_a_row(columns: Sequence[ColumnProfile]) -> str | None:
    """Why a table whose rows are single turns is not read; None for any other."""
    for column in columns:
        roles = {ROLES.get(value.strip().casefold()) for value in column.counts}
        if {"user", "assistant"} <= roles and None not in roles:
            return (
                f"each row is one turn (`{column.name}`: {', '.join(sorted(column.counts))}):"
                " write the turns of a conversation into one row, as a list `messages`"
            )
    return None


def chat_notes(name: str, values: Sequence[Any], turns: Turns) -> tuple[str, ...]:
    """What is left out of the conversations, and what their answers are worth."""
    read, reasons = read_all(values)
    last = [pairs(turn, "last") for turn in read]
    every = [pairs(turn, "every") for turn in read]
    notes = [unread_note(name, len(values), reasons), trimmed_note(last), greeting_note(last)]
    notes += [same_note(last), every_note(last, every, turns)]
    return tuple(note for note in notes if note)


def read_all(values: Sequence[Any]) -> tuple[list[list[Any]], list[str]]:
    read, reasons = [], []
    for value in values:
        try:
            read.append(conversation(value))
        except ValueError as error:
            reasons.append(str(error))
    return read, reasons


def unread_note(name: str, rows: int, reasons: Sequence[str]) -> str | None:
    if not reasons:
        return None
    reason, count = Counter(reasons).most_common(1)[0]
    times = f", {count:,} of them" if count < len(reasons) else ""
    return f"{len(reasons):,} of {rows:,} conversations cannot be read{times}: {reason}"


def trimmed_note(found: Sequence[Pairs]) -> str | None:
    count = sum(bool(one.trimmed) for one in found)
    return said(count, "with a last turn that nobody answers: the turn is left out")


def greeting_note(found: Sequence[Pairs]) -> str | None:
    count = sum(bool(one.greetings) for one in found)
    return said(count, "with an answer before the first question: the answer is left out")


def said(count: int, what: str) -> str | None:
    return f"{counted(count, 'conversation')} {what}" if count else None


def same_note(found: Sequence[Pairs]) -> str | None:
    """That many conversations end in the same words."""
    answers = [answer.content.strip() for one in found for _, answer in one.pairs]
    if not answers:
        return None
    text, count = Counter(answers).most_common(1)[0]
    if count <= max(1, SAME * len(answers)):
        return None
    shown = one_line(text)[:40]
    return f'{count:,} of {len(answers):,} conversations end with "{shown}", which teaches nothing'


def every_note(last: Sequence[Pairs], every: Sequence[Pairs], turns: Turns) -> str | None:
    few, many = (sum(len(one.pairs) for one in found) for found in (last, every))
    if many <= few or turns == "every":
        return None
    return (
        f"only the last answer of each is learnt, {counted(few, 'row')}: --turns every takes every"
        f" answer, {counted(many, 'row')}"
    )
