"""Whether the rows of a family's versions can be fetched again, and from where."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from incumbent.sharing.fetched_rows import HERE, default_remote, fetched_rows
from project.errors import InputError
from project.records.adapters import AdapterVersion
from project.records.data import DatasetVersion
from project.records.events import RowErasure
from project.records.record import Digest
from registry.reader import RegistryReader


class Rows(StrEnum):
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
    rows: Rows


@dataclass(frozen=True)
class Place:
    """What of some rows, by DVC's md5 of their folders, is at one place."""

    whole: frozenset[str]
    missing: Mapping[str, frozenset[str] | None]  # files, by their folder; None: not known which


NOWHERE = Place(frozenset(), {})


def check_rows(reader: RegistryReader, number: int | None = None) -> list[VersionRows]:
    """Of every version that was not deleted, or of one: its rows are fetched, and hashed again.

    Raises InputError where there is no such version, DvcError where the remote cannot be asked.
    """
    versions = [living(reader, number)] if number else reader.versions()
    datasets = {version.number: dataset_of(reader, version) for version in versions}
    wanted = {d.dvc_revision: d.rows for d in datasets.values() if d and d.dvc_revision}
    remote = default_remote()
    shared = look(wanted, remote.name) if remote else NOWHERE
    own = look({r: digest for r, digest in wanted.items() if r not in shared.whole}, HERE)
    erasures = [event.told(RowErasure) for event in reader.history(kind="erase")]
    return [
        VersionRows(version, dataset, where(version, dataset, shared, own, erasures))
        for version in versions
        for dataset in (datasets[version.number],)
    ]


def living(reader: RegistryReader, number: int) -> AdapterVersion:
    version = reader.version(number)
    if reader.deleted(number):
        raise InputError(f"{version.label} was deleted: nobody needs its rows")
    return version


def dataset_of(reader: RegistryReader, version: AdapterVersion) -> DatasetVersion | None:
    """None where its data are not known: it was imported."""
    data = reader.artifacts.get(version.adapter.dataset)
    imported = json.loads(data).get("kind") == "imported"
    return None if imported else DatasetVersion.model_validate_json(data)


def look(wanted: Mapping[str, Digest], remote: str) -> Place:
    """What of these a remote has, whole: folders whose digest is another one are missing too."""
    if not wanted:
        return NOWHERE
    with fetched_rows(wanted, remote) as rows:
        whole = frozenset(r for r, digest in wanted.items() if rows.digest(r) == digest)
        return Place(whole, {r: rows.missing(r) for r in wanted if r not in whole})


def where(
    version: AdapterVersion,
    dataset: DatasetVersion | None,
    shared: Place,
    own: Place,
    erasures: Sequence[RowErasure],
) -> Rows:
    if dataset is None or dataset.dvc_revision is None:
        return Rows.UNKNOWN
    if dataset.dvc_revision in shared.whole:
        return Rows.REMOTE
    if dataset.dvc_revision in own.whole:
        return Rows.CACHE
    gone = nowhere(dataset.dvc_revision, (shared, own))
    erased = any(
        version.number in one.versions or (gone and gone.issubset(one.files or ()))
        for one in erasures
    )
    return Rows.ERASED if erased else Rows.LOST


def nowhere(revision: str, places: Iterable[Place]) -> frozenset[str] | None:
    """The files of a folder that no place has; None where it is not known which it had."""
    known = [files for place in places if (files := place.missing.get(revision)) is not None]
    return frozenset.intersection(*known) if known else None
