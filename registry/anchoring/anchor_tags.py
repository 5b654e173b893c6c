"""Anchors as annotated tags of the project's git repository, each with its JSON as the message.

A tag protects nothing while only its maker has it: pushed to where tags are protected, it does.
"""

from pathlib import Path

from project.canonical import digest_bytes
from project.errors import IncumbentError
from project.git import git as run_git
from registry.anchoring.anchor import Anchor, FoundAnchor

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
            "rewritten, or two registries share these tags; `incumbent verify --anchor git` tells"
        )
    if not known:
        message = anchor.canonical() + b"\n"
        git("tag", "--annotate", "--cleanup=verbatim", "--file=-", name, given=message)
    if remote:
        git("push", "--quiet", "--", remote, f"refs/tags/{name}")
    return name


def read_tags(remote: str | None) -> list[FoundAnchor]:
    """The anchors among the repository's tags, or among those that a remote has now.

    Raises IncumbentError where git fails, InputError for a tag of that name that is no anchor.
    """
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
