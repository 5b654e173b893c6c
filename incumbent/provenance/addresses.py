"""Where a project's history and its rows are kept elsewhere, as its own files say; no secrets."""

import re
from collections.abc import Iterable
from configparser import ConfigParser, Error
from pathlib import Path

from project.git import GitError, git
from project.object_stores import SCHEME, without_secrets

HERE = Path()
SHARED = ("config",)  # of DVC's settings, what a clone has
OURS = (*SHARED, "config.local")  # the one that git does not have wins
REMOTE = re.compile(r"""'?remote "(.*)"'?""")  # the name of a section


def git_remote(folder: Path = HERE) -> str | None:
    """The URL of origin."""
    try:
        url = git("config", "remote.origin.url", folder=folder).decode().strip()
    except GitError:
        return None
    return without_secrets(url) or None


def data_remote(folder: Path = HERE, files: Iterable[str] = OURS) -> str | None:
    """The URL of DVC's default remote; of one on this machine, its whole path."""
    root = dvc_root(folder)
    config = read_config(root, files) if root else None
    if root is None or config is None:
        return None
    url = remotes_of(config, root).get(config.get("core", "remote", fallback=""))
    return url and without_secrets(url)


def dvc_root(folder: Path) -> Path | None:
    """The folder that `.dvc` lies in: this one, or one above it."""
    here = folder.resolve()
    return next((one for one in (here, *here.parents) if (one / ".dvc").is_dir()), None)


def read_config(root: Path, files: Iterable[str] = OURS) -> ConfigParser | None:
    """DVC's settings of a project, later files before earlier ones. None: they are damaged, which
    DVC says better.
    """
    config = ConfigParser(interpolation=None, strict=False)
    try:
        config.read([root / ".dvc" / name for name in files])
    except (Error, UnicodeDecodeError):
        return None
    return config


def remotes_of(config: ConfigParser, root: Path) -> dict[str, str]:
    """The address of each remote by its name; secrets may be in it."""
    sections = {REMOTE.fullmatch(name): config[name] for name in config.sections()}
    return {
        match[1]: url if SCHEME.match(url) else str((root / ".dvc" / url).resolve())
        for match, keys in sections.items()
        if match and (url := keys.get("url"))
    }
