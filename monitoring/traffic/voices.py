"""Whose voice a row is: what many rows of one person, client or job have in common."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from math import ceil
from typing import Protocol

from project.records.traffic import Traffic

WORDS = 6  # with which rows of one template begin or end
LOOKED_AT = 400  # characters at either end of a text
# Rows that share a template are one voice from so many on, and from such a share of the rows
# without a user on. Of 450 questions of CLINC150 at most 5 begin or end alike.
FEWEST, LEAST_SHARE = 8, 0.01
MOST_SHARE = 0.5  # what more rows share is how the site asks, and no job of one client
ENOUGH = 100  # voices without a user that a day may have beside fewer users
CLOCK, LONG_NUMBER = re.compile(r"\d:\d\d"), 6  # digits
# Quoted strings, what has a digit in it, and names: a large first letter within a sentence.
MASKED = re.compile(
    r"""(?<!\w)["'“«`].{1,200}?["'”»`](?!\w)|\S*\d\S*|(?<=[^.!?:\s] )[^\W\d_a-z]\w*"""
)


def voice_of(row: Traffic) -> str:
    """A name that rows of one voice share, by the row alone.

    Rows without a user that one client sent in one minute are one voice. A row whose time is
    midnight to the second tells the day alone, and is a voice of its own.
    """
    if row.user:
        return row.user
    time = row.time
    if not (time.hour or time.minute or time.second):
        return f"\0{row.id}"
    return f"\0{time.isoformat()[:16]}\0{row.caller or ''}"


def voices_of(rows: Sequence[Traffic]) -> list[str]:
    """The voice of each row; without users, rows asked alike or of one template share one a day."""
    asked = {number: asked_alike(row) for number, row in enumerate(rows) if not row.user}
    often = Counter(asked.values())
    # A template is known by different texts: what is asked alike is one of them.
    first = {alike: number for number, alike in asked.items()}
    ends = {alike: list(template_ends(last_prompt_text(rows[n]))) for alike, n in first.items()}
    named = (template_ends(last_prompt_text(row)) for row in rows if asked and row.user)
    common = common_ends(list(ends.values()), [*ends.values(), *map(list, named)])
    voices = [voice_of(row) for row in rows]
    for number, alike in asked.items():
        if ending := next((end for end in ends[alike] if end in common), None):
            voices[number] = f"\0{rows[number].time.date()}\0{ending}"
        elif often[alike] > 1:
            voices[number] = alike
    return voices


def asked_alike(row: Traffic) -> str:
    """A name that rows share which one client asks on one day in the same words, such as a health
    check; times and long numbers in it may differ.
    """
    words = last_prompt_text(row).casefold().split()
    text = " ".join("_" if is_changing(word) else word for word in words)
    return f"\0{row.time.date()}\0{row.caller or ''}\0{text.rstrip('.!?')}"


def is_changing(word: str) -> bool:
    """Whether it is a time of day, or a long number such as a date or an id."""
    return bool(CLOCK.search(word)) or sum(map(str.isdigit, word)) >= LONG_NUMBER


def outvoting(rows: Sequence[Traffic], part: float) -> set[str]:
    """The ids of rows without a user that are too many beside those with one: a day's may be as
    many as its users, or ENOUGH of the whole day. Rows are one of each voice, in an order that says
    nothing, and a `part` of all; a day on which no row tells a user loses none.
    """
    named = Counter(row.at[:10] for row in rows if row.user)
    left = {day: max(count, ceil(ENOUGH * part)) for day, count in named.items()}
    too_many = set()
    for row in rows:
        if not row.user and (day := row.at[:10]) in left:
            left[day] -= 1
            too_many |= {row.id} if left[day] < 0 else set()
    return too_many


def voice_notes(rows: int, nameless: int, voices: int) -> Iterator[str]:
    """A sentence for people where most of a day's rows tell no user."""
    if nameless > MOST_SHARE * rows:
        yield (
            f"{nameless / rows:.0%} of the rows tell no user: those of one client and minute, of "
            "one template or of one text count as one voice, and no more of them than of users, "
            f"which makes {voices} of {rows} rows; log `user` to see more"
        )


def common_ends(ends: Sequence[Sequence[str]], everyone: Sequence[Sequence[str]]) -> set[str]:
    """Templates: ends that many rows without a user share, and not most of all rows."""
    counts = Counter(end for row_ends in ends for end in row_ends)
    of_all = Counter(end for row_ends in everyone for end in row_ends)
    least, most = max(FEWEST, LEAST_SHARE * len(ends)), MOST_SHARE * len(everyone)
    return {end for end, count in counts.items() if least <= count and of_all[end] <= most}


def template_ends(text: str) -> Iterator[str]:
    """How a text begins and ends, where it has words enough, without what templates fill in."""
    first = MASKED.sub("_", text[:LOOKED_AT]).lower().split()
    last = MASKED.sub("_", text[-LOOKED_AT:]).lower().split()
    if len(first) >= WORDS:
        yield " ".join(first[:WORDS])
    if len(last) >= WORDS:
        yield "… " + " ".join(last[-WORDS:])


def last_prompt_text(row: Traffic) -> str:
    """What the row asks at last; the turns before it may be the same in all rows."""
    if isinstance(row.prompt, str):
        return row.prompt
    return row.prompt[-1].content if row.prompt else ""


# --- asked text -----------------------------------------------------------------------------------

# What a prompt asks: of turns, what its user said last.

INSTRUCTIONS = ("system", "developer")  # roles whose turns are not what is asked
CONTEXT = "--- what it came with ---"  # a line between the two
RESULT = "[tool"  # begins a tool's result in traffic, which knows no role for tools


class SpokenTurn(Protocol):
    @property
    def role(self) -> str: ...

    @property
    def content(self) -> str: ...


def asked_text(prompt: str | Sequence[SpokenTurn]) -> str:
    """What was asked last: a text as it is; of turns the user's last one. Where no user says
    anything, as in an agent's loop, it is the last turn that is no system prompt.
    """
    if isinstance(prompt, str):
        return prompt
    spoken = [turn for turn in prompt if turn.content.strip()]
    users = [turn for turn in spoken if turn.role == "user"]
    others = [turn for turn in spoken if not instructs(turn)]
    return "\n".join(turn.content for turn in users[-1:] or others[-1:] or spoken)


def asked_first(prompt: str | Sequence[SpokenTurn]) -> str:
    """All that was said, for a person who reads it: what was asked last, then what it came with."""
    asked = asked_text(prompt)
    if isinstance(prompt, str):
        return asked
    others = [f"{turn.role}: {turn.content}" for turn in prompt if turn.content.strip()]
    others = [text for text in others if text.partition(": ")[2] != asked]
    return "\n".join([asked, "", CONTEXT, *others]) if others else asked


def asks(prompt: str | Sequence[SpokenTurn]) -> bool:
    """Whether there is anything to answer: a system prompt alone asks nothing."""
    if isinstance(prompt, str):
        return bool(prompt.strip())
    return any(turn.content.strip() and not instructs(turn) for turn in prompt)


def instructs(turn: SpokenTurn) -> bool:
    return turn.role in INSTRUCTIONS and not turn.content.startswith(RESULT)
