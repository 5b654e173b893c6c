"""What is heard of an answer while it passes: its text, its counts and why it ended."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MOST_TEXT = 1 << 20  # characters kept of an answer, whatever a backend sends
MOST_TOKENS = 1 << 30  # of a prompt or an answer; no engine has as many


@dataclass
class HeardAnswer:
    """Of a chat's or a completion's first choice, whole or in chunks. A backend may send anything
    in any field.
    """

    texts: list[str] = field(default_factory=list)
    length: int = 0
    finish: str | None = None
    prompt_tokens: int | None = None
    answer_tokens: int | None = None

    def hear(self, chunk: Mapping[str, Any]) -> None:
        usage = chunk.get("usage")
        if isinstance(usage, Mapping):
            self.prompt_tokens = count(usage.get("prompt_tokens"))
            self.answer_tokens = count(usage.get("completion_tokens"))
        choices = chunk.get("choices")
        for choice in choices if isinstance(choices, list) else ():
            if isinstance(choice, Mapping) and not choice.get("index"):
                self._hear_choice(choice)

    def _hear_choice(self, choice: Mapping[str, Any]) -> None:
        if isinstance(reason := choice.get("finish_reason"), str):
            self.finish = whole_characters(reason[:40])
        message = choice.get("delta") or choice.get("message")
        text = message.get("content") if isinstance(message, Mapping) else choice.get("text")
        if text and isinstance(text, str) and self.length < MOST_TEXT:
            self.texts.append(text)
            self.length += len(text)

    @property
    def text(self) -> str:
        return whole_characters("".join(self.texts)[:MOST_TEXT])


def whole_characters(text: str) -> str:
    """Half a character, which a model may write, cannot be stored."""
    return text.encode("utf-8", "replace").decode()


def count(value: object) -> int | None:
    """Of tokens, as a backend says it: it may say anything."""
    return value if isinstance(value, int) and 0 <= value <= MOST_TOKENS else None


def is_usage_alone(chunk: Mapping[str, Any]) -> bool:
    """The last chunk of a stream, with its counts: a caller that did not ask for it gets none."""
    return bool(chunk.get("usage")) and not chunk.get("choices")
