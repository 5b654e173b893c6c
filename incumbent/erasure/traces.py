"""Where else a project tells of erased rows: what its stages made, their caches, and state."""

import html
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from incumbent.erasure.wanted import Wanted
from incumbent.pipeline import read_pipeline
from project.erasures import Erasable, texts_of
from project.files import home

CACHE = Path(".dvc/cache")
LARGEST = 64 << 20  # bytes of a file that is searched; larger ones are weights
OWN = 20  # characters of a text that hardly another row has
# Below home(): what is no cache, is held by the registry itself, or tells of machines and models.
KEPT = frozenset({"registry", "models", "machines", "imports", "keys"})
BY_DIGEST = "embeddings.db*"  # vectors under the digests of texts


@dataclass(frozen=True)
class Trail:
    """What a file holds that tells of the rows: their ids as JSON has them, and their texts."""

    marks: tuple[bytes, ...]
    wanted: Wanted

    @classmethod
    def of(cls, wanted: Wanted, rows: Iterable[Erasable]) -> "Trail":
        known = list(rows)
        ids = sorted({one.id for one in known} | wanted.ids)
        texts = {text for one in known for text in texts_of(one) if len(text) >= OWN}
        written = (form for text in sorted(texts) for form in spelled(text))
        return cls((*(json.dumps(name).encode() for name in ids), *written), wanted)

    def is_in(self, data: bytes) -> bool:
        if any(mark in data for mark in self.marks):
            return True
        return bool(self.wanted.texts) and self.wanted.named_in(data.decode(errors="ignore"))


def spelled(text: str) -> Iterator[bytes]:
    """A text as it may stand in a file: as it is, in JSON, in a page."""
    yield from {
        text.encode(),
        json.dumps(text)[1:-1].encode(),
        json.dumps(text, ensure_ascii=False)[1:-1].encode(),
        html.escape(text).encode(),
    }


def traces(trail: Trail, *, rows: bool) -> list[Path]:
    """The files that go: where `rows` of the sources are meant, all that the stages made too."""
    found = [*made_by_stages()] if rows else []
    places = [CACHE, *(p for p in entries(home()) if p.name not in KEPT)]
    found += (file for place in places for file in files_in(place) if tells(file, trail))
    found += (file for file in files_in(home()) if file.match(BY_DIGEST)) if rows else ()
    return list(dict.fromkeys(found))


def made_by_stages() -> Iterator[Path]:
    """The outputs of the pipeline: the next run makes them again without the rows."""
    for stage in read_pipeline():
        if stage.name not in ("code", "base"):
            yield from (path for out in stage.outs for path in files_in(Path(out)))


def tells(file: Path, trail: Trail) -> bool:
    try:
        return file.stat().st_size <= LARGEST and trail.is_in(file.read_bytes())
    except OSError:  # gone meanwhile, or nobody may read it: then it is no cache of ours
        return False


def entries(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def files_in(place: Path) -> list[Path]:
    """A file, or those below a folder; links are not followed."""
    if place.is_file() and not place.is_symlink():
        return [place]
    return sorted(p for p in place.rglob("*") if p.is_file() and not p.is_symlink())
