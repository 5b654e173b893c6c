"""What a version can be made again from, or why it cannot."""

import json
from dataclasses import dataclass

from incumbent.current_provenance import commit_of, git_remote, tag_names
from project.child_processes import GitError, git
from project.errors import IncumbentError, InputError
from project.records.adapters import AdapterVersion, Provenance
from registry.reader import RegistryReader


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
    found = json.loads(registry.artifacts.get(version.adapter.dataset))
    if found.get("kind") == "imported":
        raise InputError(f"{version.label} was made elsewhere: it was handed in as an adapter")
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
        plain, own = tag_names(version.family, version.number, commit)
        tag = own if commit_of(plain) else plain  # that name is another commit's here
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
