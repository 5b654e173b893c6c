"""What a block comes to need, and then keeps until its end: a cluster, a server."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar

Kept = ContextVar[ExitStack | None]  # None outside of such a block


@contextmanager
def kept_in_block(kept: Kept) -> Iterator[None]:
    """Let what is entered into the stack of `kept` stay until the block ends."""
    with ExitStack() as stack:
        token = kept.set(stack)
        try:
            yield
        finally:
            kept.reset(token)
