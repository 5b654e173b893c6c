"""Where a project's history and its rows are kept elsewhere, as its own files say; no secrets."""

import re
from configparser import ConfigParser, Error
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from project.git import GitError, git

SCHEME = re.compile(r"[a-zA-Z][\w+.-]*://")


def git_remote() -> str | None:
    """The URL of origin."""
    try:
        url = git("config", "remote.origin.url").decode().strip()
    except GitError:
        return None
    return without_secrets(url) or None


def data_remote() -> str | None:
    """The URL of DVC's default remote; of one on this machine, its whole path."""
    here = Path.cwd()
    root = next((f for f in (here, *here.parents) if (f / ".dvc").is_dir()), None)
    if root is None:
        return None
    config = ConfigParser(interpolation=None, strict=False)
    files = [root / ".dvc" / name for name in ("config", "config.local")]  # the later one wins
    try:
        config.read(files)
    except (Error, UnicodeDecodeError):  # whatever is wrong with it, DVC says it better
        return None
    name = config.get("core", "remote", fallback=None)
    url = config.get(f"'remote \"{name}\"'", "url", fallback=None)
    if url is None or SCHEME.match(url):
        return url and without_secrets(url)
    return str((root / ".dvc" / url).resolve())


def without_secrets(url: str) -> str:
    """An address without user and password, nor the query in which a token may stand."""
    if not SCHEME.match(url):
        host = re.match(r"[^/@:]+@([^/]+:.*)", url)  # as scp writes it
        return host[1] if host else url
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
