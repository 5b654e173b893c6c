"""Warnings about what may happen with every request, said once a minute."""

import logging
from collections.abc import Callable

MINUTE = 60.0


class OnceAMinute:
    def __init__(self, log: logging.Logger, clock: Callable[[], float]) -> None:
        self.log = log
        self.clock = clock
        self.said: dict[str, float] = {}

    def warn(self, message: str, *values: object) -> None:
        """Messages are told apart by their words, not by the values in them."""
        now = self.clock()
        if now - self.said.get(message, now - MINUTE) >= MINUTE:
            self.said[message] = now
            self.log.warning(message, *values)
