"""A webhook's signature, by which its reader knows that a notice is ours, whole, and from now.

The headers are those of Standard Webhooks (https://www.standardwebhooks.com), whose libraries check
them; docs/webhooks.md shows how to do it in ten lines.
"""

import hashlib
import hmac
import os
from base64 import b64decode, b64encode
from datetime import datetime

from project.canonical import digest_bytes
from project.errors import InputError

SECRET = "INCUMBENT_WEBHOOK_SECRET"
PREFIX = "whsec_"  # of a secret in base64
LEAST = 24  # bytes of a secret


def secret_here() -> bytes | None:
    """The secret that notices are signed with; None: they are not signed. Raises InputError for one
    that is short or no base64; the message does not repeat it.
    """
    given = os.environ.get(SECRET)
    if not given:
        return None
    try:
        encoded = given.startswith(PREFIX)
        secret = b64decode(given[len(PREFIX) :], validate=True) if encoded else given.encode()
    except ValueError:
        raise InputError(f"${SECRET} begins with {PREFIX}, and no base64 follows") from None
    if len(secret) < LEAST:
        raise InputError(
            f"${SECRET} has {len(secret)} bytes, and needs {LEAST}: "
            f'make one with `echo "{PREFIX}$(openssl rand -base64 32)"`'
        )
    return secret


def signature_headers(key: str, body: bytes, secret: bytes, now: datetime) -> dict[str, str]:
    """The headers that sign one try: the id stays that of the notice, the time is the try's own, so
    that a reader can refuse what is replayed later.
    """
    name, moment = f"msg_{digest_bytes(key.encode())[:32]}", int(now.timestamp())
    return {
        "webhook-id": name,
        "webhook-timestamp": str(moment),
        "webhook-signature": signature(name, moment, body, secret),
    }


def signature(name: str, moment: int, body: bytes, secret: bytes) -> str:
    """HMAC-SHA256 over id.timestamp.body, in base64 behind the scheme's version."""
    signed = f"{name}.{moment}.".encode() + body
    return f"v1,{b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()}"
