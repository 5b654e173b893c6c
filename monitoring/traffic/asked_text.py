"""What a prompt asks: of turns, what its user said last."""

from collections.abc import Sequence
from typing import Protocol

INSTRUCTIONS = ("system", "developer")  # roles whose turns are not what is asked
CONTEXT = "--- what it came with ---"  # a line between the two
RESULT = "[tool"  # begins a tool's result in traffic, which knows no role for tools


class Turn(Protocol):
    @property
    def role(self) -> str: ...

    @property
    def content(self) -> str: ...


def asked_text(prompt: str | Sequence[Turn]) -> str:
    """What was asked last: a text as it is; of turns the user's last one. Where no user says
    anything, as in an agent's loop, it is the last turn that is no system prompt.
    """
    if isinstance(prompt, str):
        return prompt
    said = [turn for turn in prompt if turn.content.strip()]
    users = [turn for turn in said if turn.role == "user"]
    others = [turn for turn in said if not instructs(turn)]
    return "\n".join(turn.content for turn in users[-1:] or others[-1:] or said)


def asked_first(prompt: str | Sequence[Turn]) -> str:
    """All that was said, for a person who reads it: what was asked last, then what it came with."""
    asked = asked_text(prompt)
    if isinstance(prompt, str):
        return asked
    others = [f"{turn.role}: {turn.content}" for turn in prompt if turn.content.strip()]
    others = [text for text in others if text.partition(": ")[2] != asked]
    return "\n".join([asked, "", CONTEXT, *others]) if others else asked


def asks(prompt: str | Sequence[Turn]) -> bool:
    """Whether there is anything to answer: a system prompt alone asks nothing."""
    if isinstance(prompt, str):
        return bool(prompt.strip())
    return any(turn.content.strip() and not instructs(turn) for turn in prompt)


def instructs(turn: Turn) -> bool:
    return turn.role in INSTRUCTIONS and not turn.content.startswith(RESULT)
