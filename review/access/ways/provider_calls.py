"""Requests to an OpenID provider: JSON back, within seconds, and not without end."""

import base64
import json
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote, urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from project.errors import IncumbentError
from project.listening import is_loopback

SECONDS = 10
MOST_BYTES = 1 << 20


class ProviderError(IncumbentError):
    """The provider is not reached, or answers with what is no answer."""


class NoRedirects(HTTPRedirectHandler):
    """Another address than the one that was checked is not asked, nor told the client's secret."""

    def redirect_request(self, *_: object) -> None:
        return None


OPENER = build_opener(NoRedirects)


def fetched(address: str) -> dict[str, Any]:
    """The JSON object at an address."""
    return answered(Request(secure(address), headers={"Accept": "application/json"}))


def sent(address: str, form: dict[str, str], client: str, secret: str | None) -> dict[str, Any]:
    """The answer to a form, sent in the client's name: with its secret, where it has one.

    RFC 6749, section 2.3.1.
    """
    headers = {"Accept": "application/json"}
    if secret:
        pair = f"{quote(client, safe='')}:{quote(secret, safe='')}"
        headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
    else:
        form = {**form, "client_id": client}
    return answered(Request(secure(address), urlencode(form).encode(), headers))


def secure(address: str) -> str:
    """Raises ProviderError for an address that others could read along; this machine's are fine."""
    parts = urlsplit(address)
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.netloc)):
        raise ProviderError(f"{address} does not begin with https://")
    return address


def answered(request: Request) -> dict[str, Any]:
    try:
        with OPENER.open(request, timeout=SECONDS) as response:
            body = response.read(MOST_BYTES)
    except HTTPError as error:  # an OAuth error is JSON too
        body = error.read(MOST_BYTES)
    except OSError as error:
        raise ProviderError(f"{request.host} is not reached: {error}") from None
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise ProviderError(f"{request.host} answers with what is no JSON object")
    return found
