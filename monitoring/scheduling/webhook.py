"""One POST to a web address that lets nobody be led astray: its host is known, its network checked.

The address is often a secret, so no message names more of it than its host.
"""

import ipaddress
import logging
import socket
from collections.abc import Mapping

import httpx2

from project.errors import IncumbentError

LOCAL_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052: IPv4 addresses in disguise

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
    proxy. It follows no redirect, and reads nothing of the answer but its status.
    """
    headers = {
        "Host": url.netloc.decode(),
        "Content-Type": "application/json",
        "Idempotency-Key": key,
        **(signature or {}),
    }
    extensions = {"sni_hostname": url.raw_host.decode()}  # whom the certificate has to name
    trusted = httpx2.create_ssl_context()
    with httpx2.Client(verify=trusted, trust_env=False, timeout=timeout) as client:
        for address in addresses(url, allow_private):
            there = url.copy_with(host=address)
            request = client.build_request(
                "POST", there, content=body, headers=headers, extensions=extensions
            )
            try:
                response = client.send(request, stream=True, follow_redirects=False)
            except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
                unreached = UndeliveredError(f"{url.host} is not reached ({type(error).__name__})")
                continue
            except (httpx2.RequestError, httpx2.InvalidURL) as error:
                raise UndeliveredError(f"{url.host} broke off ({type(error).__name__})") from None
            response.close()
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
        found = socket.getaddrinfo(
            url.raw_host.decode(), url.port or url.scheme, type=socket.SOCK_STREAM
        )
    except (OSError, UnicodeError):
        raise UndeliveredError(f"{url.host} has no address: does the name exist?") from None
    numbers = tuple(dict.fromkeys(str(entry[4][0]) for entry in found))
    for number in numbers:
        if not (allow_private or public(number)):
            raise UndeliveredError(
                f"{url.host} is at {number}, which is no public address: set "
                "monitoring.notices.allow_private if it is meant to be"
            )
    return numbers


def public(number: str) -> bool:
    """Whether an IP address belongs to the open internet, whatever it is dressed up as."""
    address = ipaddress.ip_address(number)
    if isinstance(address, ipaddress.IPv6Address):
        if address in LOCAL_NAT64:
            return public(str(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)))
        if inner := address.ipv4_mapped or address.sixtofour:
            return public(str(inner))
    return address.is_global and not address.is_multicast
