"""How far a copy of many bytes is, in megabytes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from project.progress import progress

MEGABYTE = 1_000_000


@contextmanager
def byte_progress(label: str, total: int) -> Iterator[Callable[[int], None]]:
    """Yield a function that is told how many bytes were copied since it was told last."""
    done = 0
    with progress(label, total // MEGABYTE, "MB", leave=False) as bar:

        def moved(count: int) -> None:
            nonlocal done
            before, done = done, done + count
            if whole := done // MEGABYTE - before // MEGABYTE:
                bar.advance(whole)

        yield moved
