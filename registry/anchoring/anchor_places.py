"""The places that anchors are kept in: a file, or the tags of the project's git repository.

A webhook is one more, for what is above the registry: an anchor is posted there and not read back.
"""

from pathlib import Path

from project.errors import InputError
from registry.anchoring.anchor import Anchor, FoundAnchor
from registry.anchoring.anchor_file import append, read_file
from registry.anchoring.anchor_tags import put_tag, read_tags

GIT = "git"  # or git:REMOTE; a file of that name is ./git


def is_webhook(place: str) -> bool:
    return place.startswith(("https://", "http://"))


def keep_anchor(anchor: Anchor, place: str) -> str:
    """Write an anchor to a file or a tag, and say where it is now.

    Raises InputError for a place that is neither, IncumbentError when it cannot be written.
    """
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
        raise InputError("holds no anchor: `incumbent anchor` writes one", file=place)
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
