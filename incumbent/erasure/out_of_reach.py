"""Where else the rows may be, which only a person can reach, and what to type there."""

import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from shlex import quote

from incumbent.erasure.traces import CACHE
from project.erasures import ERASED
from project.records.adapters import AdapterVersion

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
    if cache := other_cache():
        yield (
            f"DVC's cache is at {cache}, where other projects may have theirs too",
            "dvc gc --workspace",
        )
    for version in versions:
        yield (
            f"{version.label} learnt from them; once it is no champion",
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


def other_cache() -> str:
    """Where DVC's cache is, if that is not in the project."""
    return output(*DVC, "config", "cache.dir")


def output(*command: str) -> str:
    """What a program prints; nothing where it fails or is not there."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
