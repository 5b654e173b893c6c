"""A signal that asks a training run to end: noted first, so that a checkpoint can be written."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from project.interruption import Ended
from training.processes.group import is_first

STDERR = 2
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class EndAsked:
    """Which signal came, if any."""

    def __init__(self) -> None:
        self.number: int | None = None

    def note(self, number: int, before: Any, frame: Any) -> None:
        """The first of a kind is noted; the same again ends at once, as it did before."""
        if self.number == number and callable(before):
            before(number, frame)
        self.number = number
        name = signal.Signals(number).name
        said = f"{name}: a checkpoint comes after this step; again, to end at once\n"
        if is_first():
            os.write(STDERR, said.encode())  # print would fail where it came amid another print

    def end(self) -> None:
        """End as the signal would have. Raises KeyboardInterrupt."""
        if self.number in (None, signal.SIGINT):
            raise KeyboardInterrupt
        raise Ended(self.number)


@contextmanager
def noted_signals() -> Iterator[EndAsked]:
    """Note signals in the block, in the main thread. One that the process was started to ignore,
    as `nohup` does, is still ignored.
    """
    asked = EndAsked()
    main = threading.current_thread() is threading.main_thread()
    before = {number: signal.getsignal(number) for number in SIGNALS if main}
    minded = {n: handler for n, handler in before.items() if handler is not signal.SIG_IGN}
    for number in minded:
        signal.signal(number, lambda n, frame: asked.note(n, before[signal.Signals(n)], frame))
    try:
        yield asked
    finally:
        for number, handler in minded.items():
            signal.signal(number, handler)
