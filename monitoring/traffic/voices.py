"""Whose voice a row is: what many rows of one person, client or job have in common."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Protocol

from project.records.traffic import Traffic

WORDS = 6  # with which rows of one template begin or end
LOOKED_AT = 400  # characters at either end of a text
# Rows that share a template are one voice from so many on, and from such a share of the rows
# without a user on. Of 450 questions of CLINC150 at most 5 begin or end alike.
FEWEST, LEAST_SHARE = 8, 0.01
MOST_SHARE = 0.5  # what more rows share is how the site asks, and no job of one client
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
    """The voice of each row; rows without a user that are of one template have one for each day."""
    voices = [voice_of(row) for row in rows]
    nameless = [number for number, row in enumerate(rows) if not row.user]
    if not nameless:
        return voices
    everyone = [list(template_ends(last_prompt_text(row))) for row in rows]
    ends = [everyone[number] for number in nameless]
    common = common_ends(ends, everyone)
    for number, own in zip(nameless, ends, strict=True):
        if found := next((end for end in own if end in common), None):
            voices[number] = f"\0{rows[number].time.date()}\0{found}"
    return voices


def voice_notes(rows: int, nameless: int, voices: int) -> Iterator[str]:
    """A sentence for people where most of a day's rows tell no user."""
    if nameless > MOST_SHARE * rows:
        yield (
            f"{nameless / rows:.0%} of the rows tell no user: those of one client and minute, or "
            f"of one template, count as one voice, which makes {voices} of {rows} rows; log `user` "
            "to see more"
        )


def common_ends(ends: Sequence[Sequence[str]], everyone: Sequence[Sequence[str]]) -> set[str]:
    """Those of templates: shared by many of the rows without a user, and not by most of all rows.

    Where users have names, a job may be all that has none.
    """
    counts = Counter(end for own in ends for end in own)
    of_all = Counter(end for own in everyone for end in own)
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
    said = [turn for turn in prompt if turn.content.strip()]
    users = [turn for turn in said if turn.role == "user"]
    others = [turn for turn in said if not instructs(turn)]
    return "\n".join(turn.content for turn in users[-1:] or others[-1:] or said)


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
