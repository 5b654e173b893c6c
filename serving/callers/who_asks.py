"""Whose request it is: by its key, or anybody on this machine where there are no keys."""

from urllib.parse import urlsplit

from starlette.datastructures import Headers

from project.listening import is_loopback, is_private
from serving.callers.api_error import ApiError
from serving.callers.key_file import KeyFile

ON_THIS_MACHINE = "local"  # the caller's name where nobody needs a key
FOREIGN = ("cross-site", "same-site")  # Sec-Fetch-Site of what another page sends
# What a proxy tells of whom it asks for. It connects from this machine, but nobody on it asks.
FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")


def caller_of(headers: Headers, keys: KeyFile | None) -> str:
    """Raises ApiError for a request of nobody that we know."""
    if keys is None:
        refuse_other_pages(headers)
        return ON_THIS_MACHINE
    caller = keys.caller(presented_key(headers))
    if caller is None:
        raise ApiError(401, "This API key is not known here.", code="invalid_api_key")
    return caller


def presented_key(headers: Headers) -> str:
    given = headers.getlist("authorization")
    if len(given) != 1:
        raise ApiError(
            401,
            "Send your API key in one header: `Authorization: Bearer KEY`.",
            code="invalid_api_key",
        )
    scheme, _, key = given[0].partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise ApiError(
            401, "The header must read `Authorization: Bearer KEY`.", code="invalid_api_key"
        )
    return key.strip()


def refuse_other_pages(headers: Headers) -> None:
    """Raise ApiError for what a web page or a proxy sends, or a name that was pointed at this
    machine.

    Without keys, being on this machine is all that a caller must prove; a page in its browser is
    not on it. A name of elsewhere that leads to 127.0.0.1 (DNS rebinding) is told by Host.
    """
    hosts = headers.getlist("host")
    if len(hosts) != 1 or not is_loopback(hosts[0].lower()):
        raise ApiError(
            421,
            "Without keys this server answers to 127.0.0.1 and localhost only: see serving.keys.",
        )
    origin = headers.get("origin")
    if any(name in headers for name in FORWARDED):
        raise ApiError(403, "Without keys this server answers to no proxy: see serving.keys.")
    foreign = origin is not None and urlsplit_host(origin) != hosts[0].lower()
    if foreign or headers.get("sec-fetch-site") in FOREIGN:
        raise ApiError(403, "Without keys this server answers no web page: see serving.keys.")


def urlsplit_host(origin: str) -> str | None:
    try:
        return urlsplit(origin.lower()).netloc or None
    except ValueError:
        return None


def is_from_here(client: tuple[str, int] | None, headers: Headers) -> bool:
    """Whether a program on this machine asks, and not a page in its browser."""
    try:
        refuse_other_pages(headers)
    except ApiError:
        return False
    return client is not None and is_private(client[0])
