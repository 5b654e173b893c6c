"""The text of an answer while its tokens come: what of it may be shown, and where it ends."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

HALF = "�"  # what a decoder makes of a character whose other bytes are in a token to come


@dataclass
class AnswerText:
    """Shows whole characters alone, and nothing of a stop string, also of one that is spread over
    tokens: what could be its beginning waits for the next token.
    """

    decode: Callable[[Sequence[int]], str]
    stops: tuple[str, ...] = ()
    tokens: list[int] = field(default_factory=list)
    text: str = ""
    shown: int = 0  # characters
    stopped: bool = False  # at a stop string

    def read(self) -> None:
        """Decode the tokens that are there, and look for a stop string."""
        self.text = self.decode(self.tokens)
        found = [self.text.find(stop, self.shown) for stop in self.stops]
        if starts := [start for start in found if start >= 0]:
            self.text = self.text[: min(starts)]
            self.stopped = True

    def show(self, *, whole: bool) -> str:
        """What was not shown yet; `whole` where the answer has ended, so that nothing waits."""
        ready = self.text if whole else self.settled()
        fresh = ready[self.shown :]
        self.shown += len(fresh)
        return fresh

    def settled(self) -> str:
        """The text up to what the next token may change."""
        text = self.text.rstrip(HALF)
        return text[: len(text) - max((begun(text, stop) for stop in self.stops), default=0)]


def begun(text: str, stop: str) -> int:
    """How many characters of a stop string the text ends with, the whole string aside."""
    most = min(len(stop) - 1, len(text))
    return next((n for n in range(most, 0, -1) if text.endswith(stop[:n])), 0)
