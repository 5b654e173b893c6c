"""Whether a family's rows can be fetched again, from where, and how a submitted one's get there."""

import json
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

from incumbent.current_provenance import data_remote, dvc_root, git_remote
from project.canonical import digest_folder
from project.child_processes import DvcError, cached_file, dvc, git
from project.errors import IncumbentError, InputError
from project.object_stores import without_secrets
from project.records.adapters import AdapterVersion
from project.records.data import DatasetVersion
from project.records.events import RowErasure
from project.records.record import Digest
from project.settings import load
from registry.lineage import dataset_of
from registry.reader import RegistryReader
from registry.registry_settings import RegistryParams


class RowsLocation(StrEnum):
    """Where the rows of a version are."""

    REMOTE = "remote"  # DVC's default one
    CACHE = "cache"  # DVC's, on this machine
    ERASED = "erased"  # a person's rows were among them, and are gone at their wish
    LOST = "lost"
    UNKNOWN = "unknown"  # which they are: it came without rows, or from outside of DVC


@dataclass(frozen=True)
class VersionRows:
    version: AdapterVersion
    dataset: DatasetVersion | None
    rows: RowsLocation


@dataclass(frozen=True)
class StoredRows:
    """What of some rows, by DVC's md5 of their folders, is at one place."""

    whole: frozenset[str]
    missing: Mapping[str, frozenset[str] | None]  # files, by their folder; None: not known which


NOWHERE = StoredRows(frozenset(), {})


def check_rows(reader: RegistryReader, number: int | None = None) -> list[VersionRows]:
    """Of every version that was not deleted, or of one: its rows are fetched, and hashed again.

    Raises InputError where there is no such version, DvcError where the remote cannot be asked.
    """
    versions = [living(reader, number)] if number else reader.versions()
    datasets = {version.number: dataset_of(reader, version.adapter.dataset) for version in versions}
    wanted = {d.dvc_revision: d.rows for d in datasets.values() if d and d.dvc_revision}
    remote = default_remote()
    shared = look(wanted, remote.name) if remote else NOWHERE
    local = look({r: digest for r, digest in wanted.items() if r not in shared.whole}, HERE)
    erasures = [event.told(RowErasure) for event in reader.history(kind="erase")]
    return [
        VersionRows(version, dataset, where(version, dataset, shared, local, erasures))
        for version in versions
        for dataset in (datasets[version.number],)
    ]


def living(reader: RegistryReader, number: int) -> AdapterVersion:
    version = reader.version(number)
    if reader.deleted(number):
        raise InputError(f"{version.label} was deleted: nobody needs its rows")
    return version


def look(wanted: Mapping[str, Digest], remote: str) -> StoredRows:
    """What of these a remote has, whole: folders whose digest is another one are missing too."""
    if not wanted:
        return NOWHERE
    with fetched_rows(wanted, remote) as rows:
        whole = frozenset(r for r, digest in wanted.items() if rows.digest(r) == digest)
        return StoredRows(whole, {r: rows.missing(r) for r in wanted if r not in whole})


def where(
    version: AdapterVersion,
    dataset: DatasetVersion | None,
    shared: StoredRows,
    stored: StoredRows,
    erasures: Sequence[RowErasure],
) -> RowsLocation:
    if dataset is None or dataset.dvc_revision is None:
        return RowsLocation.UNKNOWN
    if dataset.dvc_revision in shared.whole:
        return RowsLocation.REMOTE
    if dataset.dvc_revision in stored.whole:
        return RowsLocation.CACHE
    gone = nowhere(dataset.dvc_revision, (shared, stored))
    erased = any(
        version.number in erasure.versions or (gone and gone.issubset(erasure.files or ()))
        for erasure in erasures
    )
    return RowsLocation.ERASED if erased else RowsLocation.LOST


def nowhere(revision: str, places: Iterable[StoredRows]) -> frozenset[str] | None:
    """The files of a folder that no place has; None where it is not known which it had."""
    known = [files for place in places if (files := place.missing.get(revision)) is not None]
    return frozenset.intersection(*known) if known else None


# --- fetched rows ---------------------------------------------------------------------------------

# Curated rows of earlier versions, fetched by DVC into a temporary folder to be looked at.

HERE = "this-machine"  # DVC's cache as a remote: their layout is the same
MISSING = "Checkout failed for following targets"  # what DVC says of files that are not there


@dataclass(frozen=True)
class FetchedRows:
    """Folders of rows, each under DVC's md5 of it, as far as a remote has them.

    They are of a DVC project of their own, with its own cache: a file that several folders hold is
    fetched once, and what a remote lacks is not taken from elsewhere.
    """

    folder: Path

    def digest(self, revision: str) -> Digest | None:
        """The digest of a folder's rows as a DatasetVersion has it; None where rows are missing."""
        place = self.folder / revision
        return digest_folder(place) if place.is_dir() else None

    def missing(self, revision: str) -> frozenset[str] | None:
        """DVC's md5 of the files that are not there; None where not even their list is."""
        listed = self.cached(revision)
        if not listed.exists():
            return None
        files = {entry["md5"] for entry in json.loads(listed.read_bytes())}
        return frozenset(md5 for md5 in files if not self.cached(md5).exists())

    def cached(self, md5: str) -> Path:
        return cached_file(self.folder, md5)


class Remote(NamedTuple):
    name: str
    url: str  # without secrets; of a folder, its whole path


def default_remote() -> Remote | None:
    """Where the project's rows are sent, if there is such a place."""
    config = settings()
    name = config["core"].get("remote")
    if name is None or name not in config["remote"]:
        return None
    return Remote(name, without_secrets(config["remote"][name]["url"]))


@contextmanager
def fetched_rows(revisions: Iterable[str], remote: str) -> Iterator[FetchedRows]:
    """Folders of curated rows from a remote of the project, or from HERE, until the block ends.

    What the remote lacks is no error. Raises DvcError where it cannot be asked.
    """
    refuse_absent(settings()["remote"].get(remote, {}).get("url", ""))
    with tempfile.TemporaryDirectory(prefix="incumbent-") as aside:
        lay_out(Path(aside))
        for revision in revisions:
            pointer = {"outs": [{"md5": revision, "hash": "md5", "path": revision}]}
            Path(aside, f"{revision}.dvc").write_text(json.dumps(pointer))
        try:
            dvc("pull", "--remote", remote, folder=Path(aside))
        except DvcError as error:
            if MISSING not in str(error):
                raise
        yield FetchedRows(Path(aside))


def refuse_absent(url: str) -> None:
    """DVC takes a folder that is not there, maybe for want of a mount, for an empty one."""
    if url and "://" not in url and not Path(url).is_dir():
        raise DvcError(f"the remote {url} is not there: mount its disk, or `dvc push` makes it")


def lay_out(folder: Path) -> None:
    """A DVC project with the remotes of this one and their secrets: nobody else may read it."""
    # Imported here because DVC takes a while, and few verbs need it.
    from dvc.config import Config

    project = settings()
    cache = project["cache"].get("dir") or str(root() / "cache")
    (folder / ".dvc").mkdir(mode=0o700)
    with Config(dvc_dir=str(folder / ".dvc")).edit() as config:
        config["core"] = {"no_scm": True, "analytics": False}
        config["cache"] = {"type": "reflink,hardlink,copy"}
        config["remote"] = {**project["remote"], HERE: {"url": cache}}


def settings() -> dict[str, dict[str, Any]]:
    """DVC's, of the project and of the user, with whole paths."""
    from dvc.config import Config

    return dict(Config(dvc_dir=str(root())))


def root() -> Path:
    """The root of DVC's own files. Raises InputError where it tracks nothing."""
    folder = dvc_root(Path())
    if folder is None:
        raise InputError("DVC tracks nothing here, so no version's rows can be fetched: `dvc init`")
    return folder / ".dvc"


# --- push version ---------------------------------------------------------------------------------

# A submitted version sent to where others fetch it; a failure is told, and fails no submission.


def push_version(family: str) -> tuple[str, ...]:
    """Send what registry.push_versions asks for, and with it what could not be sent before: all
    that dvc.lock names, so that a clone makes nothing of it again, and the tags of all versions
    that are here.

    Returns what is still missing elsewhere, each with the command that mends it.
    """
    if not load(RegistryParams).push_versions:
        return ()
    missing, tags = list[str](), f"refs/tags/incumbent/{family}/*"
    tags = f"{tags}:{tags}"
    if data_remote() is None:
        missing.append(
            "its rows are on this machine alone, for DVC has no default remote: "
            "`dvc remote add -d storage URL && dvc push`"
        )
    elif why := failure_of(dvc, "push"):
        missing.append(f"its rows are not at DVC's remote yet ({why}): `dvc push`")
    send = ("push", "--quiet", "--no-verify", "origin", tags)
    if git_remote() and (why := failure_of(git, *send)):
        missing.append(f"its tag is not at git's origin yet ({why}): `git push origin '{tags}'`")
    return tuple(missing)


def failure_of(program: Callable[..., object], *arguments: str) -> str | None:
    """What a program says where it fails."""
    try:
        program(*arguments)
    except IncumbentError as error:
        return str(error)
    return None
