"""Folders that take long to make and are the same for every project of a user, such as a converted
model: made once, kept in the user's cache, and linked from there into each project.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from project.canonical import canonical_json, digest_file
from project.files import locked, staged_folder, sync
from project.libraries import CACHE, can_hold_files

VARIABLE = "INCUMBENT_CACHE"
# Of what is kept under a key: a folder, and beside it the digests of its files.
FILES, DIGESTS = "files", "digests.json"


def kept_folder(key: str, target: Path, make: Callable[[Path], None]) -> None:
    """Put a link at `target` to the folder that is kept under this key, which `make` writes into an
    empty one where there is none yet. Where nothing can be kept, the target is a folder itself.

    key: says all that what is made depends on. A kept folder is whole or absent, and hashed before
    it is taken: one that changed is made anew.
    """
    if (cache := users_cache()) is not None:
        kept = cache.resolve() / key
        try:
            if not is_whole(kept):
                keep(kept, make)
            link(kept / FILES, target)
        except OSError:  # such as a disk without room: the project's own may have some
            pass
        else:
            return
    with staged_folder(target) as draft:
        make(draft)


def is_kept(target: Path) -> bool:
    """Whether a target is there: a folder of the project's own, or a link to a kept one, whole."""
    return target.is_dir() and (not target.is_symlink() or is_whole(target.resolve().parent))


def users_cache() -> Path | None:
    """$INCUMBENT_CACHE, or $XDG_CACHE_HOME/incumbent, or ~/.cache/incumbent; None where no files
    can be made there.

    Whoever deletes it loses time alone.
    """
    folder = os.environ.get(VARIABLE)
    if not folder:
        folder = f"{os.environ.get('XDG_CACHE_HOME') or CACHE}/incumbent"
    return Path(folder).expanduser() if can_hold_files(folder) else None


def is_whole(kept: Path) -> bool:
    """Whether all files of a kept folder have the digests that they had when it was made."""
    try:
        digests: dict[str, str] = json.loads((kept / DIGESTS).read_bytes())
        return all(digest_file(kept / FILES / name) == digest for name, digest in digests.items())
    except (OSError, ValueError):
        return False


def keep(kept: Path, make: Callable[[Path], None]) -> None:
    """Make a folder and keep it, unless another process has done so meanwhile."""
    with locked(kept.with_name(f"{kept.name}.lock")):
        if is_whole(kept):
            return
        for left in kept.parent.glob(f".{kept.name}-*"):  # by a process that was killed
            shutil.rmtree(left, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix=f".{kept.name}-", dir=kept.parent) as place:
            draft = Path(place) / "new"
            (draft / FILES).mkdir(parents=True)
            make(draft / FILES)
            files = sorted((draft / FILES).iterdir())
            digests = {file.name: digest_file(file) for file in files}
            (draft / DIGESTS).write_bytes(canonical_json(digests))
            for file in (*files, draft / DIGESTS):
                file.chmod(0o444)  # every project reads the same bytes
                sync(file)
            if kept.exists():
                kept.rename(Path(place) / "old")
            draft.rename(kept)
            sync(kept.parent)


def link(folder: Path, target: Path) -> None:
    """Make the target a link to a folder, whatever was there before."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as place:
        made = Path(place) / "link"
        made.symlink_to(folder)
        if target.is_dir() and not target.is_symlink():
            shutil.rmtree(target)
        made.replace(target)
