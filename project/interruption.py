"""An end from outside, by SIGTERM or a closed terminal, is an interruption as Ctrl-C is."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

SIGNALS = (signal.SIGTERM, signal.SIGHUP)


class EndedBySignal(KeyboardInterrupt):
    """What a signal raises; the exit code is the one that shells give to its victims."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Raise EndedBySignal in the block at a signal, so that it can clean up; in the main thread.

    A signal that the process was started to ignore, as `nohup` does, is still ignored.
    """

    def end(number: int, _: object) -> None:
        raise EndedBySignal(number)

    before = {number: signal.getsignal(number) for number in SIGNALS}
    minded = [number for number in SIGNALS if before[number] is not signal.SIG_IGN]
    for number in minded:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in minded:
            signal.signal(number, before[number])
