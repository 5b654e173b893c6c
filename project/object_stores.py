"""Object stores by URL: told from local folders, opened by fsspec, shown without secrets."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import fsspec

from project.extras import pip_install

SCHEME = re.compile(r"[a-zA-Z][\w+.-]*://")
AS_SCP = re.compile(r"[^/@:]+@([^/]+:.*)")  # user@host:path, as git takes it too


def local_path(place: Path | str) -> Path | None:
    """The file or folder on this machine that a place names; None for any other URL."""
    scheme, mark, path = str(place).partition("://")
    if not mark:
        return Path(place)
    return Path(path) if scheme in ("file", "local") else None


def open_store(url: str) -> tuple[Any, str]:
    """The file system of a URL, and the path in it. Raises ValueError, which says what is missing,
    where nothing opens it.
    """
    try:
        files, path = fsspec.core.url_to_fs(url, use_listings_cache=False)
    except ImportError as error:
        more = f": {pip_install('s3')}" if url.startswith("s3:") else ""
        raise ValueError(f"{error}{more}") from None
    return files, path


def without_secrets(place: str) -> str:
    """A place without user and password, nor the query in which a token may stand."""
    if not SCHEME.match(place):
        host = AS_SCP.match(place)
        return host[1] if host else place
    parts = urlsplit(place)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
