"""A project's copy at a version's commit, in a folder of its own."""

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from configparser import ConfigParser
from contextlib import chdir, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from incumbent.current_provenance import (
    commit_of,
    dvc_root,
    git_remote,
    read_config,
    remotes_of,
    tag_names,
)
from project.child_processes import DvcError, GitError, cached_file, dvc, git, locked_md5
from project.errors import IncumbentError, InputError
from project.files import home, write_bytes
from project.paths import CODE
from project.records.adapters import AdapterVersion, Provenance
from project.settings import PARAMS
from project.yaml_text import with_value
from registry.lineage import teacher_of
from registry.reader import RegistryReader
from registry.store import Registry
from training.recipe import LearntRows
from training.start import known_rows

# --- project copy ---------------------------------------------------------------------------------

# The project of a commit in a folder of its own, with nothing shared that a run could change.

LONGEST = 3600.0  # seconds
NO_HOOKS = ("-c", "core.hooksPath=/dev/null", "-c", "advice.detachedHead=false")
STATE = ".incumbent"
MODELS = (("base", "model"), ("embedder", "model"))  # settings that may name a folder


def copy_project(provenance: Provenance, folder: Path) -> Path:
    """Clone this repository into an empty folder, at a version's commit. Raises GitError."""
    top = git("rev-parse", "--show-toplevel").decode().removesuffix("\n")
    git(*NO_HOOKS, "clone", "--quiet", "--no-checkout", "--local", "--", top, str(folder))
    checkout = (*NO_HOOKS, "checkout", "--quiet", "--detach", provenance.commit)
    git(*checkout, folder=folder, longest=LONGEST)
    project = folder / provenance.folder
    own_settings(project / PARAMS)
    lend_models(project)
    return project


def own_settings(params: Path) -> None:
    """Give it a registry and checkpoints of its own, so that it trains again."""
    text = params.read_bytes().decode()
    settings: dict[str, Any] = yaml.safe_load(text) or {}
    family = (settings.get("registry") or {}).get("family")
    text = with_value(text, ["registry"], {"family": family} if family else {})
    limits = (settings.get("training") or {}).get("limits") or {}
    if limits.get("checkpoints"):
        text = with_value(text, ["training", "limits", "checkpoints"], None)
    write_bytes(params, text.encode())


def lend_models(project: Path) -> None:
    """Converted models, what was measured of this machine, and models that lie in the project but
    not in git: they are large, and their digests are compared.
    """
    for kind in ("models", "machines"):
        (project / STATE / kind).mkdir(parents=True, exist_ok=True)
        for lent in (home() / kind).glob("*"):
            (project / STATE / kind / lent.name).symlink_to(lent.resolve())
    settings: Mapping[str, Any] = yaml.safe_load((project / PARAMS).read_bytes()) or {}
    for section, key in MODELS:
        name = str((settings.get(section) or {}).get(key))
        here, there = Path(name), project / name
        inside = there.resolve().is_relative_to(project.resolve())
        if here.exists() and not here.is_absolute() and inside and not there.exists():
            there.parent.mkdir(parents=True, exist_ok=True)
            there.symlink_to(here.resolve())


@contextmanager
def inside(project: Path) -> Iterator[None]:
    """Work in the copy, where all state is its own."""
    before = dict(os.environ)
    state = (project / STATE).resolve()
    os.environ["INCUMBENT_HOME"] = str(state)
    os.environ["DVC_SITE_CACHE_DIR"] = str(state / "dvc")  # else DVC leaves a trace below /var/tmp
    os.environ.pop("INCUMBENT_DATABASE", None)
    try:
        with chdir(project):
            yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def log_kept(project: Path, message: str) -> str:
    """A message without the log's place in a copy that goes; the log is kept in this project."""
    log, kept = project / STATE / "logs" / "run.log", home() / "logs" / "reproduce.log"
    if log.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(log, kept)
    return message.replace(str(log.resolve()), str(kept))


# --- fetched sources ------------------------------------------------------------------------------

# The sources of a copied project, out of DVC's cache of the project or its default remote.

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
    """Settings of the copy outside git: its own cache, and today's remotes; returns the default."""
    source, target = dvc_root(original), dvc_root(copy)
    config = read_config(source) if source else None
    if source is None or target is None or config is None:
        raise IncumbentError("the project at that commit is none of DVC's: it has no .dvc folder")
    cache = config.get("cache", "dir", fallback="cache")
    default = config.get("core", "remote", fallback=None)
    local = ConfigParser(interpolation=None)
    local["cache"] = {"dir": str((target / ".dvc" / "cache").resolve())}
    if with_remotes:
        for name, url in remotes_of(config, source).items():
            keys = next(config[key] for key in config.sections() if f'"{name}"' in key)
            local[section_of(name)] = {**keys, "url": url}
        local[section_of(PLACE)] = {"url": str((source / ".dvc" / cache).resolve())}
        local["core"] = {"remote": default} if default else {}
    path = target / ".dvc" / "config.local"
    with path.open("w") as stream:
        path.chmod(0o600)
        local.write(stream)
    return default


def section_of(remote: str) -> str:
    return f"'remote \"{remote}\"'"


def code_checksum(copy: Path) -> str | None:
    """DVC's checksum of what says which code each stage ran, as the lock file has it."""
    return locked_md5(copy / "dvc.lock", "code", CODE)


def cached(copy: Path, checksum: str) -> Path:
    return cached_file(dvc_root(copy) or copy, checksum)


# --- temporary registry ---------------------------------------------------------------------------

# The registry of a copy: whom training starts from, then whom the reproduced adapter meets.
#
# The champion of today plays no part.

WHY = "to make a version again"


def seat_parent(registry: RegistryReader, parent: AdapterVersion, project: Path) -> None:
    """Make the version that training started from the copy's champion, whatever it learnt."""
    learnt = LearntRows(learnt=known_rows(registry, parent.number))
    adapter = parent.adapter.model_copy(update={"dataset": learnt.digest})
    seat(registry, parent.model_copy(update={"adapter": adapter}), project, learnt)


def seat(
    registry: RegistryReader, version: AdapterVersion, project: Path, *lineage: LearntRows
) -> None:
    """Make a copy of a version the copy's champion; what it answers by plays no part."""
    adapter = version.adapter.model_copy(update={"index": None})
    with (
        TemporaryDirectory(dir=project / STATE) as aside,
        Registry(project / STATE / "registry", version.family) as target,
    ):
        registry.artifacts.copy(version.adapter.files, Path(aside))
        number = target.submit(adapter, Path(aside), WHY, *lineage).number
        target.promote(number, WHY, force=True)


# --- reproducible version -------------------------------------------------------------------------


@dataclass(frozen=True)
class ReproducibleVersion:
    version: AdapterVersion
    provenance: Provenance
    parent: AdapterVersion | None  # whose adapter its training started from


def reproducible(registry: RegistryReader, number: int) -> ReproducibleVersion:
    """Raises InputError or IncumbentError for a version that cannot be made again from here."""
    version, provenance = registry.version(number), registry.provenance(number)
    if registry.deleted(number):
        raise InputError(f"{version.label} was deleted: nothing is left to hold a new one against")
    if version.adapter.bare:
        raise InputError(f"{version.label} is {version.adapter}: nothing was trained for it")
    dataset = json.loads(registry.artifacts.get(version.adapter.dataset))
    if dataset.get("kind") == "imported":
        raise InputError(f"{version.label} was made elsewhere: it was handed in as an adapter")
    if dataset.get("kind") == "merged":
        again = "`incumbent search merge` merges the same parents to the same bytes"
        raise InputError(f"{version.label} was merged, and not trained: {again}")
    # The copy's registry has one version, and the teacher would be a second one.
    if teacher_of(registry, version):
        raise InputError(f"{version.label} was distilled from another version: not made again yet")
    if provenance is None:
        raise InputError(
            f"{version.label} has no commit on record: it was submitted outside of git, or by a "
            "version of Incumbent that recorded none; those that are submitted from now on have one"
        )
    refuse_absent(version, provenance)
    return ReproducibleVersion(version, provenance, parent_of(registry, version))


def refuse_absent(version: AdapterVersion, provenance: Provenance) -> None:
    """Raise IncumbentError where git does not have the commit, with what fetches it."""
    commit = provenance.commit
    try:
        git("cat-file", "-e", f"{commit}^{{commit}}")
    except GitError:
        plain, with_commit = tag_names(version.family, version.number, commit)
        tag = with_commit if commit_of(plain) else plain  # that name is another commit's here
        remote = "origin" if git_remote() else "REMOTE"
        where = f" ({provenance.remote})" if provenance.remote else ""
        raise IncumbentError(
            f"{version.label} was made from commit {commit[:12]}, which is not in this repository: "
            f"`git fetch {remote} tag {tag}` brings it, if it was pushed there{where}"
        ) from None


def parent_of(registry: RegistryReader, version: AdapterVersion) -> AdapterVersion | None:
    """Raises IncumbentError where the adapter that training started from is gone."""
    digest = version.adapter.parent
    if digest is None:
        return None
    parent = registry.version_of(digest)
    if parent is None or not registry.artifacts.holds(digest):
        name = parent.label if parent else f"adapter {digest[:12]}"
        raise IncumbentError(f"{version.label} was trained from {name}, whose files are gone")
    return parent
