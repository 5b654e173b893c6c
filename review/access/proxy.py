"""A proxy before this server that signs people in, and says in a header who they are."""

from starlette.requests import HTTPConnection

from review.access.people import is_name
from review.review_settings import ProxyParams


def named_by_proxy(request: HTTPConnection, params: ProxyParams) -> str | None:
    """The one name in the header, from the proxy's address; None from anywhere else."""
    if request.client is None or request.client.host not in params.trusted:
        return None
    names = request.headers.getlist(params.header)
    return readable(names[0]) if len(names) == 1 else None


def readable(header: str) -> str | None:
    """The name in a header, whose bytes are UTF-8; None for what is no name."""
    try:
        name = header.encode("latin-1").decode()
    except UnicodeError:
        return None
    return name if is_name(name) else None
