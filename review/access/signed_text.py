"""Texts that a browser keeps for us, signed so that only what we wrote is taken back."""

import base64
import binascii
import hmac


def seal(secret: bytes, purpose: str, value: bytes) -> str:
    """A text that `opened` takes back under the same secret and purpose only."""
    return f"{encoded(value)}.{encoded(mark(secret, purpose, value))}"


def opened(secret: bytes, purpose: str, text: str) -> bytes | None:
    """What was sealed; None for whatever we did not seal for that purpose."""
    value, _, given = text.partition(".")
    try:
        found = decoded(value)
        marked = decoded(given)
    except (binascii.Error, ValueError):
        return None
    return found if hmac.compare_digest(marked, mark(secret, purpose, found)) else None


def mark(secret: bytes, purpose: str, value: bytes) -> bytes:
    """HMAC-SHA-256. A purpose holds no zero byte, so that two of them never sign the same bytes."""
    return hmac.digest(secret, purpose.encode() + b"\0" + value, "sha256")


def encoded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


def decoded(text: str) -> bytes:
    padded = text + "=" * (-len(text) % 4)
    return base64.b64decode(padded.encode("ascii"), altchars=b"-_", validate=True)
