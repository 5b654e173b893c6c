"""Folders that take long to make and are the same for every project of a user, such as a converted
model: made once, kept in the user's cache, and linked from there into each project.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from project.canonical import canonical_json, digest_file
from project.files import staged_folder, sync
from project.libraries import CACHE, can_hold_files

DIGESTS = "digests.json"  # of a kept folder's files
LARGE = 1 << 20  # bytes from which on a file is linked; a smaller one is copied


def kept_folder(key: str, target: Path, make: Callable[[Path], None]) -> None:
    """Put a folder at `target`: the one that is kept under this key, else what `make` writes into
    an empty folder, which is kept then.

    key: says all that what is made depends on. A kept folder is whole or absent, and hashed before
    it is taken: one that changed is made anew. Where nothing can be kept, nothing is.
    """
    cache = users_cache()
    with staged_folder(target) as draft:
        if cache is not None and take_files(cache / key, draft):
            return
        make(draft)
        if cache is not None:
            with suppress(OSError):  # no room, or another process was quicker
                keep(draft, cache / key)


def users_cache() -> Path | None:
    """$XDG_CACHE_HOME/incumbent or ~/.cache/incumbent; None where no files can be made there.

    Whoever deletes it loses time alone.
    """
    folder = os.environ.get("XDG_CACHE_HOME") or CACHE
    return Path(folder).expanduser() / "incumbent" if can_hold_files(folder) else None


def take_files(kept: Path, draft: Path) -> bool:
    """Whether all files of a kept folder are in the draft now, with the digests that they had."""
    try:
        digests = json.loads((kept / DIGESTS).read_bytes())
        for name, digest in digests.items():
            put(kept / name, draft / name)
            if digest_file(draft / name) != digest:
                raise OSError(f"{kept / name} changed")
    except (OSError, ValueError):
        for file in draft.iterdir():
            file.unlink()
        return False
    return True


def keep(folder: Path, kept: Path) -> None:
    """Keep a folder's files. Raises OSError where another process keeps the same meanwhile."""
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{kept.name}-", dir=kept.parent) as place:
        draft, old = Path(place) / "new", Path(place) / "old"
        draft.mkdir()
        digests = {}
        for file in folder.iterdir():
            put(file, draft / file.name)
            digests[file.name] = digest_file(file)
        (draft / DIGESTS).write_bytes(canonical_json(digests))
        for file in draft.iterdir():
            sync(file)
        if kept.exists():
            kept.rename(old)
        draft.rename(kept)
        sync(kept.parent)


def put(file: Path, target: Path) -> None:
    """A large file is one on the disk under both names where that can be, and nobody writes it."""
    if file.stat().st_size >= LARGE:
        with suppress(OSError):  # on another disk it is copied
            file.chmod(0o444)
            os.link(file, target)
            return
    shutil.copyfile(file, target)
