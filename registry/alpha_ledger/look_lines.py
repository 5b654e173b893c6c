"""Looks where git carries them: a file of the project has a line for each, before it is taken.

Another registry on the same data, a copy of the folder or a restored backup knows by it which looks
were taken elsewhere. Each line is committed under a ref of its own, so that git still has one that
was deleted from the file. Whoever removes both leaves no trace here: an anchor shows more.
"""

import os
import tempfile
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

from project.errors import InputError
from project.files import write_lines
from project.git import GitError, author, git
from project.records.events import Event, LookAdopted, LookTaken
from project.records.record import Digest

LOOKS = Path("datasets/looks.jsonl")  # git tracks it, and no stage depends on it
REF = "refs/incumbent/looks"
SHOWN = ("--all", "--format=", "-p", "-U0", "--no-color")  # every line that was ever added


def lines_of(history: Iterable[Event], first: Digest) -> list[LookAdopted]:
    """What other registries have to know of the looks of a history; `first` is the digest of the
    registry's first event, which tells it from others.
    """
    return [
        LookAdopted(
            registry=first,
            event=event.seq,
            digest_of_event=event.digest,
            **event.detail.model_dump(include={"eval_set", "champion", "challenger", "opening"}),
            budget=event.detail.budget,
            alpha=event.detail.alpha,
        )
        for event in history
        if isinstance(event.detail, LookTaken)
    ]


def note_looks(own: Iterable[LookAdopted]) -> None:
    """Write the lines that the file lacks, and commit it."""
    known = known_lines()
    if missing := [line for line in own if line not in known]:
        there = LOOKS.read_bytes().splitlines() if LOOKS.exists() else []
        write_lines(LOOKS, [*there, *(line.canonical() for line in missing)])
        commit_lines()


def unknown_looks(history: Iterable[Event], own: Iterable[LookAdopted]) -> list[LookAdopted]:
    """The looks that the file or its history in git tells of, and this registry does not."""
    adopted = [event.detail for event in history if isinstance(event.detail, LookAdopted)]
    known = {*own, *adopted}
    told = dict.fromkeys((*known_lines(), *committed_lines()))
    return [line for line in told if line not in known]


def refuse_unknown(lines: Iterable[LookAdopted]) -> None:
    """Raise InputError where looks were taken that this registry does not count."""
    if found := list(lines):
        looks = "1 look" if len(found) == 1 else f"{len(found)} looks"
        raise InputError(
            f"tells of {looks} at this project's sealed items that this registry lacks: another "
            "one took them, or a later state of this one. Work with the registry that has all "
            "(registry.database), or let `incumbent registry adopt-looks --reason WHY` count them "
            "here",
            file=LOOKS,
        )


def known_lines() -> list[LookAdopted]:
    """Raises InputError naming the line that is none."""
    return list(LookAdopted.read_lines(LOOKS)) if LOOKS.exists() else []


def committed_lines() -> Iterator[LookAdopted]:
    """What git knows of the file in any branch, whether it is still there or not."""
    try:
        log = git("log", *SHOWN, "--", LOOKS.name, folder=folder())
    except (GitError, InputError):  # no repository, or no commit
        return
    for line in log.splitlines():
        if line.startswith(b"+{"):
            try:
                yield LookAdopted.parse(line[1:], LOOKS)
            except InputError:  # somebody's edit; the line before it is there too
                continue


def commit_lines() -> None:
    """Keep the file as it is under a ref of its own; outside of git there is nothing to do."""
    with tempfile.TemporaryDirectory() as aside:
        call = partial(git, folder=folder(), variables={"GIT_INDEX_FILE": f"{aside}/index"})
        try:
            prefix = os.fsdecode(call("rev-parse", "--show-prefix").strip())
        except (GitError, InputError):
            return
        blob = call("hash-object", "-w", LOOKS.name).decode().strip()
        call("update-index", "--add", "--cacheinfo", f"100644,{blob},{prefix}{LOOKS.name}")
        tree = call("write-tree").decode().strip()
        before = parents(call)
        made = call(*author(folder()), "commit-tree", tree, *before, "-m", "Looks at sealed items")
        call("update-ref", REF, made.decode().strip())


def parents(call: "partial[bytes]") -> tuple[str, ...]:
    try:
        return "-p", call("rev-parse", "--verify", "--quiet", REF).decode().strip()
    except GitError:
        return ()


def folder() -> Path:
    """Where the file lies; of a version that is evaluated again, behind a link."""
    return LOOKS.parent.resolve()
