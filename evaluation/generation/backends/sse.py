"""The events of a stream (WHATWG HTML, section 9.2), from a server that is not trusted."""

from collections.abc import AsyncIterator

LARGEST_EVENT = 1 << 20  # bytes


class StreamError(Exception):
    """The stream is none, or holds more than anybody should read."""


async def data_of_events(parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The data of each event, one after the other; comments and other fields are left aside."""
    data: list[bytes] = []
    size = 0
    async for line in lines(parts):
        size += len(line)
        if size > LARGEST_EVENT:
            raise StreamError(f"an event of more than {LARGEST_EVENT} bytes")
        if not line:
            if data:
                yield b"\n".join(data)
            data, size = [], 0
        elif line.startswith(b"data:"):
            data.append(line[5:].removeprefix(b" "))


async def lines(parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Lines without their ends, \\n or \\r\\n. What no line end follows is no line."""
    rest = bytearray()  # grows in place: a line may come byte by byte
    async for part in parts:
        rest += part
        if b"\n" in part:
            *whole, rest = rest.split(b"\n")
            for line in whole:
                yield bytes(line).removesuffix(b"\r")
        if len(rest) > LARGEST_EVENT:
            raise StreamError(f"a line of more than {LARGEST_EVENT} bytes")
