"""Where else erased rows are told of: stages, caches, state, the registry."""

import html
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from shlex import quote

from evaluation.evaluation_settings import Decoding
from evaluation.generation.hosted import ASKED, requests_of
from incumbent.erasure.erasure_request import ErasureRequest, text_in
from incumbent.pipeline import read_pipeline
from monitoring.monitoring_settings import TrafficParams
from monitoring.traffic.remote_traffic import RemoteTraffic
from project.erasures import ERASED, Erasable, passage_texts, texts_of
from project.files import home
from project.near_duplicates import MOST_WORDS, WordPrints, folded_hashes, near_duplicates
from project.object_stores import local_path
from project.paths import rows_of
from project.records.adapters import Adapter, AdapterVersion
from project.records.data import Row, Split
from project.records.record import Digest
from project.settings import load
from registry.reader import RegistryReader
from serving.traffic_log.spool import spool_folder

CACHE = Path(".dvc/cache")
MD5 = CACHE / "files" / "md5"
OWN = 20  # characters of a text that hardly another row has
SURE = 8  # characters of an id that hardly anything else has
QUOTED = re.compile(rb'"([^"\\]+)(?=")')  # as an id stands in JSON, and what is between two
# Below home(): what is no cache, is held by the registry itself, or tells of machines and models.
KEPT = frozenset({"registry", "models", "machines", "imports", "keys"})
BY_DIGEST = "embeddings.db*"  # vectors under the digests of texts
# Below home(): weights that were trained on the rows, by which rows were ranked, or of a run that
# was broken off, and what a hosted model answered. They are deleted unread: nothing in them names a
# row.
TRAINED = frozenset({"selection", "checkpoints", str(ASKED)})


@dataclass(frozen=True)
class Trail:
    """What a file holds that tells of the rows: their ids as JSON has them, and their texts."""

    ids: frozenset[bytes]
    texts: tuple[bytes, ...]
    wanted: ErasureRequest

    @classmethod
    def of(
        cls, wanted: ErasureRequest, rows: Iterable[Erasable], others: Iterable[Erasable] = ()
    ) -> "Trail":
        """What `others` show too, such as a passage of a price list, tells of none of the rows."""
        known = list(rows)
        ids = {row.id for row in known} | wanted.ids | wanted.requests
        shared = {text for other in others for text in passage_texts(other)}
        passages = {text for row in known for text in passage_texts(row)} - shared
        every = passages.union(*map(texts_of, known))
        texts = {text for text in every if len(text) >= OWN}
        written = [form for text in sorted(texts) for form in spelled(text)]
        written += (
            as_json for key in ids if (as_json := json.dumps(key).encode())[1:-1] != key.encode()
        )
        return cls(frozenset(map(str.encode, ids)), tuple(written), wanted)

    def is_in(self, data: bytes, *, sure: bool = False) -> bool:
        """With `sure`, of the ids those alone that are hardly anything else."""
        ids = {name for name in self.ids if len(name) >= SURE} if sure else self.ids
        if not ids.isdisjoint(QUOTED.findall(data)) or any(text in data for text in self.texts):
            return True
        return bool(self.wanted.texts) and self.wanted.named_in(text_in(data))


def spelled(text: str) -> Iterator[bytes]:
    """A text as it may stand in a file: as it is, in JSON, in a page."""
    yield from {
        text.encode(),
        json.dumps(text)[1:-1].encode(),
        json.dumps(text, ensure_ascii=False)[1:-1].encode(),
        html.escape(text).encode(),
    }


def traces(trail: Trail, *, rows: bool) -> list[Path]:
    """The files that go: where `rows` of the sources are meant, all that the stages made too.

    A short id that no row has is none: any vocabulary of a model may hold it.
    """
    files = [*made_by_stages()] if rows else []
    unread = KEPT | TRAINED if rows else KEPT
    places = [CACHE, *(p for p in entries(home()) if p.name not in unread)]
    cut = traffic_places()  # by records: the rows of others in these files are nowhere else
    files += (
        file
        for place in places
        for file in files_in(place)
        if not any(map(file.is_relative_to, cut)) and tells(file, trail, sure=not rows)
    )
    if rows:
        files += (file for file in files_in(home()) if file.match(BY_DIGEST))
        files += (file for name in sorted(TRAINED) for file in files_in(home() / name))
    return list(dict.fromkeys(files))


def md5_in_cache(file: Path) -> str | None:
    """The checksum by which DVC's cache knows a file; None where it is not in there."""
    return f"{file.parent.name}{file.name}" if MD5 in file.parents else None


def made_by_stages() -> Iterator[Path]:
    """The outputs of the pipeline: the next run makes them again without the rows."""
    for stage in read_pipeline():
        if stage.name not in ("code", "base"):
            yield from (path for out in stage.outs for path in files_in(Path(out)))


def tells(file: Path, trail: Trail, *, sure: bool) -> bool:
    try:
        return trail.is_in(file.read_bytes(), sure=sure)
    except OSError:  # gone meanwhile, or nobody may read it: then it is no cache of ours
        return False


def entries(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def files_in(place: Path) -> list[Path]:
    """A file, or those below a folder; links are followed, but each folder is entered once."""
    if place.is_file():
        return [place]
    files, seen = list[Path](), set[str]()
    for folder, below, names in os.walk(place, followlinks=True):
        seen.add(os.path.realpath(folder))
        below[:] = [name for name in below if os.path.realpath(Path(folder, name)) not in seen]
        files += (path for name in names if (path := Path(folder, name)).is_file())
    return sorted(files)


# --- traffic files --------------------------------------------------------------------------------

# Where traffic lies: in a folder or on an object store, and on its way there.


def traffic_places() -> tuple[Path, ...]:
    """The folder, or copies of the object store's, and the gateway's spool; or IncumbentError."""
    location = load(TrafficParams).folder
    if folder := local_path(location):
        return folder, spool_folder()
    remote = RemoteTraffic(location)
    remote.fetch_all()
    return remote.copies, spool_folder()


def upload_if_remote(path: Path) -> None:
    """Bring a copy that was cut to the object store, in its file's place."""
    location = load(TrafficParams).folder
    if local_path(location) is None and path.is_relative_to(RemoteTraffic.copies_of(location)):
        RemoteTraffic(location).upload_changed(path)


# --- out of reach ---------------------------------------------------------------------------------

# Where else the rows may be, which only a person can reach, and what to type there.

DVC = (sys.executable, "-m", "dvc")  # of this installation, whatever the PATH is


def out_of_reach(
    cut: Sequence[Path], versions: Iterable[AdapterVersion]
) -> Iterator[tuple[str, str]]:
    """A place in words, and the command there."""
    tracked = [path for path in cut if is_tracked(path)]
    pointed = [path for path in cut if path.with_name(f"{path.name}.dvc").exists()]
    if pointed:
        yield "the files that DVC tracks changed", f"dvc add {joined(pointed)}"
    if tracked:
        old = " ".join(f"--path {quote(str(path))}" for path in tracked)
        yield (
            "git's history holds the old files, and the tags incumbent/… of versions keep it: "
            "rewrite it in a fresh clone, where these files go from every commit; copy those of "
            "now back into it, commit, push with --force, tags too, and have every other clone "
            "made anew. No version from before can be reproduced then",
            f"git filter-repo --invert-paths {old}",
        )
    if CACHE.exists():
        yield (
            "DVC's cache has what learnt from them, until the next run is done",
            "dvc gc --workspace",
        )
    if remotes():
        yield "DVC's remotes hold the old files", "dvc gc --workspace --cloud"
    if cache := output(*DVC, "config", "cache.dir"):
        yield (
            f"DVC's cache is at {cache}, where other projects may have theirs too",
            "dvc gc --workspace",
        )
    for version in versions:
        yield (
            f"{version.label} learnt from them, or its index or kept answers tell of them; once it "
            "is no champion",
            f'incumbent registry delete {version.number} --reason "erasure" && '
            "incumbent registry gc --delete",
        )
    yield (
        "the registry's history says who did what, and why, for good: see whether it names them",
        "incumbent history",
    )
    yield (
        "other clones and machines: bring them this list, and erase there",
        f"git pull  # {ERASED}",
    )
    yield (
        "checkpoints of training in the place that training.limits.checkpoints names, or once did",
        "delete there by hand",
    )
    yield (
        "archives of `incumbent registry backup` from before have the rows still: make a new one, "
        "then delete those",
        "incumbent registry backup --to FILE",
    )
    yield (
        "other backups, exported versions, servers that loaded an adapter, Label Studio and other"
        " tools",
        "delete there by hand",
    )


def joined(paths: Iterable[Path]) -> str:
    return " ".join(quote(str(path)) for path in paths)


def is_tracked(path: Path) -> bool:
    """Whether git has a file, now or in its past."""
    return bool(output("git", "log", "--oneline", "-1", "--all", "--", str(path)))


def remotes() -> bool:
    return bool(output(*DVC, "remote", "list"))


def output(*command: str) -> str:
    """What a program prints; nothing where it fails or is not there."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


# --- registry traces ------------------------------------------------------------------------------

# What the registry holds of erased rows: artifacts that tell of them, and who learnt from them.

LONG = 100  # words of a prompt that may have been cut, and that no other one has most of


def trained_versions(
    registry: RegistryReader, rows: Iterable[Erasable]
) -> tuple[list[AdapterVersion], list[AdapterVersion]]:
    """Versions of all families that were trained on what the rows ask, they or those they began
    with; and those of which nobody knows: third-party adapters, and of what is no row, all.
    """
    erased = list(rows)
    asked = {folded_hashes(row.prompt_text) for row in erased if isinstance(row, Row)}
    others = not all(isinstance(item, Row) for item in erased)
    trained, unknown = list[AdapterVersion](), list[AdapterVersion]()
    for version in all_versions(registry):
        prints = registry.trained_on(version.adapter.files)
        if prints and is_among(asked, prints):
            trained.append(version)
        elif erased and (prints is None or others):
            unknown.append(version)
    return trained, unknown


def is_among(asked: set[tuple[int, ...]], prints: WordPrints) -> bool:
    """Whether a prompt was trained on, as it is, or of a long one the beginning."""
    if asked.intersection(prints.texts):
        return True
    long = tuple(text[:MOST_WORDS] for text in asked if len(text) >= LONG)
    return bool(long and near_duplicates(long, prints.texts, contained=True).nnz)


def telling_versions(
    registry: RegistryReader, trail: Trail, rows: Iterable[Erasable]
) -> list[AdapterVersion]:
    """Versions of all families with an index in which a passage names somebody, or with kept
    answers to one of the rows.
    """
    names = Trail(frozenset(), (), trail.wanted)
    asked = [row for row in rows if isinstance(row, Row)]
    return [
        version
        for version in all_versions(registry)
        if holds(registry, version.adapter.index, names)
        or (version.adapter.answers and keeps_answers(registry, version.adapter, trail, asked))
    ]


def keeps_answers(
    registry: RegistryReader, adapter: Adapter, trail: Trail, rows: Sequence[Row]
) -> bool:
    """Whether a hosted model was asked one of the rows: its files name them by their ids, and all
    its answers by the digests of what was asked.
    """
    # Imported here because it brings an index's libraries.
    from evaluation.generation.retrieved_passages import asked_with

    ids, decoding = {row.id for row in rows}, load(Decoding)
    parts = [rows_of(part) for part in Split if rows_of(part).exists()]
    curated = [row for path in parts for row in Row.read_lines(path) if row.id in ids]
    shown = asked_with([*rows, *curated], adapter.contestant)
    requests = requests_of(adapter.contestant, shown, decoding, decoding.samples)
    digests = {request.digest.encode() for request in requests}
    asked = replace(trail, ids=trail.ids | digests)
    return any(holds(registry, folder, asked) for folder in (adapter.files, adapter.answers))


def holds(registry: RegistryReader, folder: Digest | None, trail: Trail) -> bool:
    return any(registry_tells(registry, digest, trail) for digest in parts_of(registry, folder))


def artifacts_of(registry: RegistryReader, trail: Trail) -> list[Digest]:
    """Artifacts that are texts and tell of the rows; an adapter's files and its index go with its
    version.
    """
    kept = {
        digest
        for version in all_versions(registry)
        for folder in version.adapter.folders
        for digest in parts_of(registry, folder)
    }
    return [
        d
        for d in registry.artifacts.digests()
        if d not in kept and registry_tells(registry, d, trail)
    ]


def all_versions(registry: RegistryReader) -> list[AdapterVersion]:
    return [version for family in registry.families() for version in family.versions()]


def parts_of(registry: RegistryReader, folder: Digest | None) -> tuple[Digest, ...]:
    """A stored folder and its files; nothing where it is not there."""
    if folder is None or not registry.artifacts.blobs.exists(folder):
        return ()
    return registry.artifacts.all_of(folder)


def registry_tells(registry: RegistryReader, digest: Digest, trail: Trail) -> bool:
    head = next(registry.artifacts.blobs.pieces(digest) or iter(()), b"")
    if b"\0" in head[:4096]:
        return False
    return trail.is_in(registry.artifacts.blobs.read(digest) or b"", sure=True)
