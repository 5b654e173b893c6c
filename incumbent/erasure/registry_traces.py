"""What the registry holds of erased rows: artifacts that tell of them, and who learnt from them."""

from collections.abc import Iterable

from incumbent.erasure.traces import Trail
from project.erasures import Erasable
from project.near_duplicates import MOST_WORDS, WordPrints, folded_hashes, near_duplicates
from project.records.adapters import AdapterVersion
from project.records.data import Row
from project.records.record import Digest
from registry.reader import RegistryReader

LONG = 100  # words of a prompt that may have been cut, and that no other one has most of


def trained_versions(
    registry: RegistryReader, rows: Iterable[Erasable]
) -> tuple[list[AdapterVersion], list[AdapterVersion]]:
    """Versions of all families that were trained on what the rows ask, they or those they began
    with; and those of which nobody knows: third-party adapters, and of what is no row, all.
    """
    erased = list(rows)
    asked = {folded_hashes(row.prompt_text) for row in erased if isinstance(row, Row)}
    others = not all(isinstance(one, Row) for one in erased)
    found, unknown = list[AdapterVersion](), list[AdapterVersion]()
    for version in (one for family in registry.families() for one in family.versions()):
        prints = registry.trained_on(version.adapter.files)
        if prints and is_among(asked, prints):
            found.append(version)
        elif erased and (prints is None or others):
            unknown.append(version)
    return found, unknown


def is_among(asked: set[tuple[int, ...]], prints: WordPrints) -> bool:
    """Whether a prompt was trained on, as it is, or of a long one the beginning."""
    if asked.intersection(prints.texts):
        return True
    long = tuple(text[:MOST_WORDS] for text in asked if len(text) >= LONG)
    return bool(long and near_duplicates(long, prints.texts, contained=True).nnz)


def artifacts_of(registry: RegistryReader, trail: Trail) -> list[Digest]:
    """Artifacts that are texts and tell of the rows; an adapter's files go with its version."""
    kept = adapters_files(registry)
    return [d for d in registry.artifacts.digests() if d not in kept and tells(registry, d, trail)]


def adapters_files(registry: RegistryReader) -> set[Digest]:
    return {
        digest
        for family in registry.families()
        for version in family.versions()
        if registry.artifacts.blobs.exists(version.adapter.files)
        for digest in registry.artifacts.all_of(version.adapter.files)
    }


def tells(registry: RegistryReader, digest: Digest, trail: Trail) -> bool:
    head = next(registry.artifacts.blobs.pieces(digest) or iter(()), b"")
    if b"\0" in head[:4096]:
        return False
    return trail.is_in(registry.artifacts.blobs.read(digest) or b"", sure=True)
