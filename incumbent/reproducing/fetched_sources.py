"""The sources of a copied project, out of DVC's cache of the project or its default remote."""

from configparser import ConfigParser
from pathlib import Path

from incumbent.provenance.addresses import dvc_root, read_config, remotes_of
from project.dvc import DvcError, dvc
from project.dvc_files import cached_file, locked_md5
from project.errors import IncumbentError
from project.paths import CODE

ADVICE = " Is your cache"  # which DVC gives to whoever has one cache
PLACE = "incumbent-reproduce"  # the project's cache, as a remote: it is laid out as one


def fetch_sources(original: Path, copy: Path) -> None:
    """What `.dvc` files of the copy track, and which code its stages ran, if that is kept.

    The copy's cache is its own, so that no output of a stage is in it. Raises IncumbentError for
    what is neither in the cache nor at the remote.
    """
    files = sorted(str(f.relative_to(copy)) for f in copy.rglob("*.dvc") if f.is_file())
    code = code_checksum(copy)
    wanted = [*files, *(["code"] if code else [])]
    if not wanted:
        configure(original, copy, with_remotes=False)
        return
    remote = configure(original, copy, with_remotes=True)
    try:
        dvc("fetch", "--remote", PLACE, *wanted, folder=copy)
        problem = missing(files, copy)
        if remote and (problem or (code and not cached(copy, code).exists())):
            dvc("fetch", *wanted, folder=copy)
            problem = missing(files, copy)
    finally:
        configure(original, copy, with_remotes=False)  # credentials are gone again
    if problem:
        at = f"nor at its remote {remote}" if remote else "and it has no default remote"
        add = "" if remote else "`dvc remote add -d storage URL` and "
        raise IncumbentError(
            f"the sources of that commit are not in DVC's cache, {at}: "
            f"{str(problem).partition(ADVICE)[0]}; where they are, type {add}`dvc push --all-tags`"
        )


def missing(files: list[str], copy: Path) -> DvcError | None:
    """Check the data of these `.dvc` files out: `dvc fetch` is content where some are nowhere."""
    try:
        if files:
            dvc("checkout", *files, folder=copy)
    except DvcError as error:
        return error
    return None


def configure(original: Path, copy: Path, *, with_remotes: bool) -> str | None:
    """Settings of the copy that no git has: a cache of its own, and where to fetch from.

    Remotes are as the project has them now: rows may have moved since. Returns the default one.
    """
    source, target = dvc_root(original), dvc_root(copy)
    config = read_config(source) if source else None
    if source is None or target is None or config is None:
        raise IncumbentError("the project at that commit is none of DVC's: it has no .dvc folder")
    cache = config.get("cache", "dir", fallback="cache")
    default = config.get("core", "remote", fallback=None)
    own = ConfigParser(interpolation=None)
    own["cache"] = {"dir": str((target / ".dvc" / "cache").resolve())}
    if with_remotes:
        for name, url in remotes_of(config, source).items():
            keys = next(config[key] for key in config.sections() if f'"{name}"' in key)
            own[section_of(name)] = {**keys, "url": url}
        own[section_of(PLACE)] = {"url": str((source / ".dvc" / cache).resolve())}
        own["core"] = {"remote": default} if default else {}
    path = target / ".dvc" / "config.local"
    with path.open("w") as stream:
        path.chmod(0o600)
        own.write(stream)
    return default


def section_of(remote: str) -> str:
    return f"'remote \"{remote}\"'"


def code_checksum(copy: Path) -> str | None:
    """DVC's checksum of what says which code each stage ran, as the lock file has it."""
    return locked_md5(copy / "dvc.lock", "code", CODE)


def cached(copy: Path, checksum: str) -> Path:
    return cached_file(dvc_root(copy) or copy, checksum)
