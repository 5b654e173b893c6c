"""The places that anchors are kept in: a file, or the tags of the project's git repository.

A webhook is one more, for what is above the registry: an anchor is posted there and not read back.
"""

import os
from pathlib import Path
from typing import IO

from project.canonical import digest_bytes
from project.child_processes import git as run_git
from project.errors import IncumbentError, InputError
from project.files import make_folder, sync
from project.records.record import read_input
from registry.chain_anchor import Anchor, FoundAnchor

GIT = "git"  # or git:REMOTE; a file of that name is ./git


def is_webhook(place: str) -> bool:
    return place.startswith(("https://", "http://"))


def keep_anchor(anchor: Anchor, place: str) -> str:
    """Write an anchor to a file or a tag, and say where. Raises InputError or IncumbentError."""
    kind, _, remote = place.partition(":")
    if kind == GIT:
        return f"the git tag {put_tag(anchor, remote or None)}"
    append(file_at(place), anchor)
    return place


def read_anchors(place: str) -> list[FoundAnchor]:
    """All that is kept in a place. Raises InputError where no anchor is, or what is none."""
    kind, _, remote = place.partition(":")
    found = read_tags(remote or None) if kind == GIT else read_file(file_at(place))
    if not any(kept.anchor for kept in found):
        raise InputError("holds no anchor: `incumbent registry anchor` writes one", file=place)
    return found


def file_at(place: str) -> Path:
    """Raises InputError for what is no file's name."""
    if is_webhook(place):
        problem = "a webhook cannot be asked for anchors: name a file of what it got, one a line"
        raise InputError(problem, field="--anchor")
    if "://" in place:
        problem = f"anchors go to a file, git, git:REMOTE or a webhook, and {place} is none"
        raise InputError(problem, field="registry.anchor")
    return Path(place)


# --- anchor file ----------------------------------------------------------------------------------

# A file of anchors: JSON Lines that only ever grow, an anchor a line.

BEGINNING = b'{"at":"'  # of every anchor's canonical JSON


def append(path: Path, anchor: Anchor) -> None:
    """Add a line, which is on the disk when the call returns. Raises IncumbentError if it is not.

    Nothing before it is touched, so it works where a file may only grow (`chattr +a`). After a
    line that a crash cut off, it begins a new one.
    """
    try:
        make_folder(path.parent)
        with path.open("ab+") as stream:
            line = anchor.canonical() + b"\n"
            stream.write(line if ends_whole(stream) else b"\n" + line)
            stream.flush()
            os.fsync(stream.fileno())
        sync(path.parent)
    except OSError as error:
        problem = error.strerror or "cannot be written"
        raise IncumbentError(f"{path}: {problem}: the anchor was not written") from None


def read_file(path: Path) -> list[FoundAnchor]:
    """All anchors of a file, and lines that a crash cut off, in order. Raises InputError."""
    found = []
    for number, line in enumerate(read_input(path).split(b"\n"), start=1):
        if line.strip():
            anchor = None if cut_off(line) else Anchor.of_line(line, path, number)
            found.append(FoundAnchor(f"{path}:{number}", anchor))
    return found


def cut_off(line: bytes) -> bool:
    """Whether a line begins as an anchor does, and has no end. Its texts hold no braces."""
    begins = line.startswith(BEGINNING) or BEGINNING.startswith(line)
    return begins and line.count(b"{") > line.count(b"}")


def ends_whole(stream: IO[bytes]) -> bool:
    """Whether a file is empty or its last line has its end."""
    if not stream.seek(0, os.SEEK_END):
        return True
    stream.seek(-1, os.SEEK_END)
    return stream.read(1) == b"\n"


# --- anchor tags ----------------------------------------------------------------------------------

# Anchors as annotated tags of the project's git repository, each with its JSON as the message.
#
# A tag protects nothing while only its maker has it: pushed to where tags are protected, it does.

TAG = "incumbent-anchor-"  # and the event's number


def put_tag(anchor: Anchor, remote: str | None) -> str:
    """Tag the commit that is checked out, and push the tag where a remote is named; its name.

    An event that has its tag already gets no second one. Raises IncumbentError where git fails,
    and where the tag is there and names another event of that number.
    """
    name = f"{TAG}{anchor.seq}"
    known = tags_below(f"refs/tags/{name}", "tag")
    if any(tag.anchor.event != anchor.event for tag in known if tag.anchor):
        raise IncumbentError(
            f"the tag {name} is there, and names another event {anchor.seq}: the history was "
            "rewritten, or two registries share these tags; "
            "`incumbent registry verify --anchor git` tells"
        )
    if not known:
        message = anchor.canonical() + b"\n"
        git("tag", "--annotate", "--cleanup=verbatim", "--file=-", name, given=message)
    if remote:
        git("push", "--quiet", "--", remote, f"refs/tags/{name}")
    return name


def read_tags(remote: str | None) -> list[FoundAnchor]:
    """The anchors among the repository's or a remote's tags. Raises IncumbentError, InputError."""
    if remote is None:
        return tags_below(f"refs/tags/{TAG}*", "tag")
    # Apart from the tags that are here: these may have been moved, or be gone.
    apart = f"refs/incumbent-anchors/{digest_bytes(remote.encode())[:12]}"
    wanted = f"+refs/tags/{TAG}*:{apart}/{TAG}*"
    git("fetch", "--quiet", "--no-tags", "--prune", "--", remote, wanted)
    return tags_below(f"{apart}/*", f"tag of {remote}")


def tags_below(pattern: str, what: str) -> list[FoundAnchor]:
    """The anchors in the messages of tags; `what` they are is said before their names."""
    form = "--format=%(refname:lstrip=-1) %(contents:subject)"
    found = []
    for line in filter(None, git("for-each-ref", form, pattern).split(b"\n")):
        name, _, message = line.partition(b" ")
        place = f"{what} {name.decode()}"
        found.append(FoundAnchor(place, Anchor.of_line(message, Path(place), 1)))
    return found


def git(*arguments: str, given: bytes = b"") -> bytes:
    """What git prints. Raises IncumbentError where it fails, with the other way to do it."""
    try:
        return run_git(*arguments, given=given)
    except IncumbentError as error:
        raise type(error)(f"{error}; an anchor in a file needs no git") from None
