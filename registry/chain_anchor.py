"""An anchor: which event was the chain's newest one, when, and who vouches for it.

The digest of an event covers all events before it. So an anchor that lies where the owner of the
database cannot write shows every later change of the history up to its event.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Annotated, Literal, NamedTuple, Self

from pydantic import AfterValidator, Field, ValidationError
from sqlalchemy import Connection

from project.canonical import digest_bytes, moment, stamp
from project.child_processes import git as run_git
from project.errors import IncumbentError, InputError
from project.files import make_folder, sync
from project.records.events import LookAdopted
from project.records.record import LATER, Digest, Record, invalid, read_input, read_object, short
from registry.reader import RegistryReader
from registry.registry_settings import SigningKeys
from registry.signatures import DetachedSignature, forgery, refuse_uncheckable, sign_bytes
from registry.storage.database import reading
from registry.storage.tables import digest_at, tip

Sha256 = Annotated[Digest, Field(pattern=r"^[0-9a-f]{64}$")]


class Anchor(Record):
    format: Literal["incumbent-anchor/1"] = "incumbent-anchor/1"
    seq: int = Field(ge=1)  # of the newest event
    event: Sha256  # its digest
    first: Sha256  # of event 1, which tells one registry from another
    at: Annotated[str, AfterValidator(moment)]
    # Which is about to be taken: an anchor may be all that other registries see of it.
    look: Annotated[LookAdopted | None, LATER] = None
    # Over the canonical JSON of the rest.
    signature: Annotated[DetachedSignature | None, LATER] = None

    @classmethod
    def of_line(cls, line: bytes, file: Path, number: int) -> Self:
        """Raises InputError naming file, line and field."""
        fields = read_object(line, file, number)
        fields.pop("text", None)  # what a webhook gets beside it, for Slack
        try:
            return cls.model_validate(fields)
        except ValidationError as error:
            raise invalid(error, file, number) from None

    @property
    def signed_bytes(self) -> bytes:
        return self.model_copy(update={"signature": None}).canonical()

    def signed(self, private: Path) -> Self:
        """Raises InputError for a bad key."""
        signature = sign_bytes(self.signed_bytes, private)
        return self.model_copy(update={"signature": signature})

    def signature_problem(self, keys: SigningKeys) -> str | None:
        """Why the signature is not as the settings want it; None also where no key could check it.

        Raises InputError for a public key that is none.
        """
        if self.signature and keys.public:
            return forgery(self.signed_bytes, self.signature, keys)
        if self.signature is None and keys.required:
            return "it is not signed, and registry.require_signature in params.yaml demands it"
        return None

    def __str__(self) -> str:
        return f"event {self.seq} at {self.at}"


class FoundAnchor(NamedTuple):
    """An anchor that was kept somewhere."""

    place: str  # file and line, or a tag
    anchor: Anchor | None  # None: a line that a crash cut off


def newest_anchor(reader: RegistryReader, look: LookAdopted | None = None) -> Anchor | None:
    """Of the chain now, signed if there is a key, with the look that it is made for; None without
    events. Raises InputError.
    """
    with reading(reader.engine) as connection:
        seq, digest = tip(connection)
        first = digest_at(connection, 1)
    if not seq:
        return None
    if first is None:
        raise IncumbentError(
            "event 1 is gone: there is no whole chain to anchor; see `incumbent registry verify`"
        )
    anchor = Anchor(seq=seq, event=digest, first=first, at=stamp(reader.clock()), look=look)
    return anchor.signed(reader.keys.private) if reader.keys.private else anchor


# --- anchor check ---------------------------------------------------------------------------------

# Whether the chain is still the one that its anchors saw.


class AnchorReport(Record):
    """What the anchors say of the chain."""

    problems: tuple[str, ...]
    checked: int  # anchors
    newest: Anchor | None  # of those that the chain fits
    later: int  # events after it, which no anchor covers
    unsigned: int  # anchors
    cut_off: tuple[str, ...]  # lines that a crash left unfinished; they count for nothing


def check_anchors(reader: RegistryReader, anchors: Sequence[FoundAnchor]) -> AnchorReport:
    """Hold the chain against every anchor, oldest event first.

    The rest is for `registry.audit`: that the chain is unbroken up to each anchor's event. Raises
    InputError for settings that demand signatures and name no public key, or one that is none.
    """
    if anchors:
        refuse_uncheckable(reader.keys)
    kept = [(entry.place, entry.anchor) for entry in anchors if entry.anchor]
    kept.sort(key=lambda pair: (pair[1].seq, pair[1].at))
    problems: list[str] = []
    newest: Anchor | None = None
    with reading(reader.engine) as connection:
        end, _ = tip(connection)
        for place, anchor in kept:
            about = list(problems_of(connection, anchor, end, newest, reader.keys))
            problems += [f"{place}: {problem}" for problem in about]
            newest = newest if about else anchor
    return AnchorReport(
        problems=tuple(problems),
        checked=len(kept),
        newest=newest,
        later=end - (newest.seq if newest else 0),
        unsigned=sum(anchor.signature is None for _, anchor in kept),
        cut_off=tuple(entry.place for entry in anchors if entry.anchor is None),
    )


def problems_of(
    connection: Connection, anchor: Anchor, end: int, held: Anchor | None, keys: SigningKeys
) -> Iterator[str]:
    """What does not fit one anchor; `held` is the newest one before it that the chain fits."""
    if problem := anchor.signature_problem(keys):
        yield problem
    other = end and digest_at(connection, 1) != anchor.first
    doubt = (
        "; event 1 is another one too, so the anchor may be of another registry" if other else ""
    )
    if look := anchor.look:
        doubt += f"; it is of look {look.opening} at eval set {short(look.eval_set)}"
    if anchor.seq > end:
        yield (
            f"the history was cut: event {anchor.seq} was the newest one at {anchor.at}, and now "
            f"the history ends with event {end}{doubt}"
        )
    elif digest_at(connection, anchor.seq) != anchor.event:
        yield f"the history was rewritten: {changed(anchor, held)}{doubt}"


def changed(anchor: Anchor, held: Anchor | None) -> str:
    """Which events may be other ones than at the time of an anchor that does not fit."""
    first = min(held.seq + 1, anchor.seq) if held else 1
    span = f"event {first}" if first == anchor.seq else f"one of the events {first} to {anchor.seq}"
    return f"{span} is another one than at {anchor.at}"


# --- places of anchors ----------------------------------------------------------------------------

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
    anchors = read_tags(remote or None) if kind == GIT else read_file(file_at(place))
    if not any(kept.anchor for kept in anchors):
        raise InputError("holds no anchor: `incumbent registry anchor` writes one", file=place)
    return anchors


def file_at(place: str) -> Path:
    """Raises InputError for what is no file's name."""
    if is_webhook(place):
        problem = "a webhook cannot be asked for anchors: name a file of what it got, one a line"
        raise InputError(problem, field="--anchor")
    if "://" in place:
        problem = f"{place} is no file, git, git:REMOTE or webhook"
        raise InputError(f"{problem}: anchors go there, by --to or registry.anchor")
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
    anchors = []
    for number, line in enumerate(read_input(path).split(b"\n"), start=1):
        if line.strip():
            anchor = None if cut_off(line) else Anchor.of_line(line, path, number)
            anchors.append(FoundAnchor(f"{path}:{number}", anchor))
    return anchors


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
    anchors = []
    for line in filter(None, git("for-each-ref", form, pattern).split(b"\n")):
        name, _, message = line.partition(b" ")
        place = f"{what} {name.decode()}"
        anchors.append(FoundAnchor(place, Anchor.of_line(message, Path(place), 1)))
    return anchors


def git(*arguments: str, given: bytes = b"") -> bytes:
    """What git prints. Raises IncumbentError where it fails, with the other way to do it."""
    try:
        return run_git(*arguments, given=given)
    except IncumbentError as error:
        raise type(error)(f"{error}; an anchor in a file needs no git") from None
