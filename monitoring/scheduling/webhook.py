"""One POST to a web address that lets nobody be led astray: its host is known, its network checked.

The address is often a secret, so no message names more of it than its host.
"""

import asyncio
import hashlib
import hmac
import ipaddress
import logging
import os
import socket
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from datetime import datetime

import httpx2

from project.canonical import digest_bytes
from project.errors import IncumbentError, InputError

# RFC 4291: outside of it are site-local addresses, and IPv4 in disguise (mapped, NAT64).
GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
SIX_TO_FOUR = ipaddress.ip_network("2002::/16")  # RFC 3056: an IPv4 address is in it
PROTOCOLS = ipaddress.ip_network("192.0.0.0/24")  # RFC 6890; a cloud's metadata are at 192.0.0.192

# At its usual level it writes the whole address of every request to the log.
logging.getLogger("httpx2").setLevel(logging.WARNING)
logging.getLogger("httpcore2").setLevel(logging.WARNING)


class UndeliveredError(IncumbentError):
    """A destination did not take a notice, but may take it later."""


def parsed(address: str, *, allow_plain: bool) -> httpx2.URL:
    """A web address in its parts. Raises ValueError, which does not repeat it."""
    try:
        url = httpx2.URL(address)
    except httpx2.InvalidURL:
        raise ValueError("is no web address") from None
    schemes = ("https", "http") if allow_plain else ("https",)
    if url.scheme not in schemes or not url.host:
        raise ValueError(f"is no web address that begins with {' or '.join(schemes)}://")
    if url.userinfo:
        raise ValueError("holds a user name or a password, which is not supported")
    return url


def post(
    url: httpx2.URL,
    body: bytes,
    key: str,
    *,
    allow_private: bool,
    timeout: float,
    signature: Mapping[str, str] | None = None,
) -> None:
    """Send a body once. Raises UndeliveredError unless the answer is a success.

    It connects to an address that was checked, without asking for it again, and so through no
    proxy. It follows no redirect, and reads nothing of the answer but its status. All of it takes
    `timeout` seconds at most, however slowly an answer drips in; only the search for the host's
    address takes what the system allows for it.
    """
    headers = {
        "Host": url.netloc.decode(),
        "Content-Type": "application/json",
        "Idempotency-Key": key,
        **(signature or {}),
    }
    numbers = addresses(url, allow_private)
    try:
        asyncio.run(asyncio.wait_for(delivered(url, numbers, body, headers, timeout), timeout))
    except TimeoutError:
        raise UndeliveredError(f"{url.host} took longer than {timeout:g} s") from None


async def delivered(
    url: httpx2.URL,
    numbers: Sequence[str],
    body: bytes,
    headers: Mapping[str, str],
    timeout: float,
) -> None:
    """Send a body to the first address that is reached; each has its share of the time for that."""
    extensions = {"sni_hostname": url.raw_host.decode()}  # whom the certificate has to name
    steps = httpx2.Timeout(timeout, connect=timeout / len(numbers))
    trusted = httpx2.create_ssl_context()
    async with httpx2.AsyncClient(verify=trusted, trust_env=False, timeout=steps) as client:
        for number in numbers:
            there = url.copy_with(host=number)
            request = client.build_request(
                "POST", there, content=body, headers=headers, extensions=extensions
            )
            try:
                response = await client.send(request, stream=True, follow_redirects=False)
            except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
                unreached = UndeliveredError(f"{url.host} is not reached ({type(error).__name__})")
                continue
            except (httpx2.RequestError, httpx2.InvalidURL) as error:
                raise UndeliveredError(f"{url.host} broke off ({type(error).__name__})") from None
            await response.aclose()
            check(response.status_code, url.host)
            return
    raise unreached


def check(status: int, host: str) -> None:
    if 300 <= status < 400:
        raise UndeliveredError(f"{host} redirects (status {status}), which is not followed")
    if not 200 <= status < 300:
        raise UndeliveredError(f"{host} answered with status {status}")


def addresses(url: httpx2.URL, allow_private: bool) -> tuple[str, ...]:
    """The addresses of a host, at least one. Raises UndeliveredError when one must not be asked."""
    try:
        entries = socket.getaddrinfo(
            url.raw_host.decode(), url.port or url.scheme, type=socket.SOCK_STREAM
        )
    except (OSError, UnicodeError):
        raise UndeliveredError(f"{url.host} has no address: does the name exist?") from None
    numbers = tuple(dict.fromkeys(str(entry[4][0]) for entry in entries))
    for number in numbers:
        if not (allow_private or public(number)):
            raise UndeliveredError(
                f"{url.host} is at {number}, which is no public address: set "
                "monitoring.notices.allow_private if it is meant to be"
            )
    return numbers


def public(number: str) -> bool:
    """Whether an IP address belongs to the open internet, and is no other one in disguise."""
    address = ipaddress.ip_address(number)
    opened = isinstance(address, ipaddress.IPv4Address) or address in GLOBAL_UNICAST
    closed = address in PROTOCOLS or address in SIX_TO_FOUR
    return opened and not closed and address.is_global and not address.is_multicast


# --- webhook signature ----------------------------------------------------------------------------

# A webhook's signature, by which its reader knows that a notice is ours, whole, and from now.
#
# The headers are those of Standard Webhooks (https://www.standardwebhooks.com), whose libraries
# check them; docs/how-to/team.md shows how to do it in ten lines.

SECRET = "INCUMBENT_WEBHOOK_SECRET"
PREFIX = "whsec_"  # of a secret in base64
LEAST = 24  # bytes of a secret


def secret_here() -> bytes | None:
    """The secret that notices are signed with, if any. Raises InputError without repeating it."""
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
