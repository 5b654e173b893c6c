"""Requests to an OpenID provider: JSON back, within seconds, and not without end."""

import asyncio
import json
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

import httpx2

from project.errors import IncumbentError
from project.listening import is_loopback

SECONDS = 10  # for one call, its last byte included
REST = 30  # seconds in which a provider that did not answer is not asked again
MOST_BYTES = 1 << 20


class ProviderError(IncumbentError):
    """The provider is not reached, or answers with what is no answer."""


@dataclass
class ProviderCalls:
    """Calls of one provider, one after another, and none for a while after one without an answer:
    a provider that hangs holds one connection, and no thread, however many want to sign in.
    """

    seconds: float = SECONDS
    clock: Callable[[], float] = time.monotonic
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _failure: str = ""
    _again: float = 0.0  # when it is asked again, by the clock

    async def fetched(self, address: str) -> dict[str, Any]:
        """The JSON object at an address."""
        return await self._answered("GET", address)

    async def sent(
        self, address: str, form: dict[str, str], client: str, secret: str | None
    ) -> dict[str, Any]:
        """The answer to a form, sent in the client's name: with its secret, where it has one.

        RFC 6749, section 2.3.1.
        """
        if secret:
            pair = httpx2.BasicAuth(quote(client, safe=""), quote(secret, safe=""))
            return await self._answered("POST", address, data=form, auth=pair)
        return await self._answered("POST", address, data={**form, "client_id": client})

    async def _answered(self, method: str, address: str, **more: Any) -> dict[str, Any]:
        host = urlsplit(secure(address)).netloc
        async with self._turn:
            if self.clock() < self._again:
                raise ProviderError(self._failure)
            try:
                async with asyncio.timeout(self.seconds):
                    body = await read(method, address, more)
            except (OSError, httpx2.HTTPError) as error:  # a TimeoutError is an OSError
                why = str(error) or f"no whole answer in {self.seconds:g} s"
                self._failure = f"{host} is not reached: {why}"
                self._again = self.clock() + REST
                raise ProviderError(self._failure) from None
        return json_object(body, host)


async def read(method: str, address: str, more: dict[str, Any]) -> bytes:
    """The first MOST_BYTES of an answer, whatever its status: an OAuth error is JSON too.

    No redirect is followed: another address than the one that was checked is not asked, nor told
    the client's secret.
    """
    body = b""
    headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
    async with (
        httpx2.AsyncClient(verify=ssl.create_default_context(), timeout=None) as client,
        client.stream(method, address, headers=headers, **more) as response,
    ):
        async for part in response.aiter_raw():
            body += part
            if len(body) >= MOST_BYTES:
                break
    return body[:MOST_BYTES]


def json_object(body: bytes, host: str) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise ProviderError(f"{host} answers with what is no JSON object")
    return found


def secure(address: str) -> str:
    """Raises ProviderError for an address that others could read along; this machine's are fine."""
    parts = urlsplit(address)
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.netloc)):
        raise ProviderError(f"{address} does not begin with https://")
    return address
