"""The encoding that a text is likely in, for a message: nothing is read by it unasked."""

LOOKED_AT = 20_000  # bytes of lines that are not ASCII
LEAST = 30  # bytes that are not ASCII: of fewer, what is likely is mostly wrong


def likely_encoding(data: bytes) -> str | None:
    """The name that Python has for the encoding; None where none is likely."""
    # Imported here because it takes a while, and most files are in UTF-8.
    from charset_normalizer import from_bytes

    foreign = foreign_lines(data)
    if len(foreign) - len(foreign.decode("ascii", "ignore")) < LEAST:
        return None
    best = from_bytes(foreign).best()
    return best.encoding if best else None


def foreign_lines(data: bytes) -> bytes:
    found, size = [], 0
    for line in data.split(b"\n"):
        if not line.isascii():
            found.append(line[:LOOKED_AT])
            size += len(line)
        if size > LOOKED_AT:
            break
    return b"\n".join(found)
