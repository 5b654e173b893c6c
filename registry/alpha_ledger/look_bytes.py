"""What a look leaves beside the ledger: its answers' bytes, and its lines in git."""

import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

from sqlalchemy import Connection, Engine, insert, select

from project.canonical import digest_json
from project.child_processes import GitError, author, git
from project.errors import IncumbentError, InputError
from project.files import write_lines
from project.records.events import Event, LookAdopted, LookTaken
from project.records.record import Digest
from registry.storage.artifact_store import (
    Artifacts,
    DamagedArtifactError,
    MissingArtifactError,
)
from registry.storage.database import writing
from registry.storage.tables import look_bytes

# --- look bytes -----------------------------------------------------------------------------------

# What was answered and judged at a look: bound to it byte by byte, before anything is weighed.
#
# Whoever starts an interrupted look again gets the bytes that were there, from the artifact store.
# So a judge that fails near the end is not asked for better luck: where bytes are gone, or others
# come in their place, the next attempt is another look.

MOST_ATTEMPTS = 10  # at one look: what is under way when one dies may be asked for anew


class OtherBytesError(IncumbentError):
    """What was kept at a look is gone, or something else came in its place."""


class LookBytes:
    """Answers and judgements of one look, kept in the registry."""

    def __init__(self, engine: Engine, artifacts: Artifacts, look: int) -> None:
        """`look` is the number of the event that counted it."""
        self.engine = engine
        self.artifacts = artifacts
        self.look = look

    def read(self, name: Path) -> bytes | None:
        """What the look has under a name; what another look has there is taken over, if it is
        whole. Raises OtherBytesError where the look's own bytes are gone.
        """
        with self.engine.connect() as connection:
            kept = digests_of(connection, name.as_posix())
        if (bound := kept.pop(self.look, None)) is not None:
            if (content := self.whole(bound)) is None:
                raise OtherBytesError(f"{name} was measured at this look, and is gone")
            return content
        content = next((data for digest in kept.values() if (data := self.whole(digest))), None)
        if content is not None:
            self.write(name, content)
        return content

    def whole(self, digest: Digest) -> bytes | None:
        with suppress(MissingArtifactError, DamagedArtifactError):
            return self.artifacts.get(digest)
        return None

    def write(self, name: Path, data: bytes) -> None:
        """Bind bytes to the look. Raises OtherBytesError where it has others under this name."""
        digest = self.artifacts.put(data)
        with writing(self.engine) as connection:
            known = digests_of(connection, name.as_posix()).get(self.look)
            if known is None:
                row = {"look": self.look, "name": name.as_posix(), "digest": digest}
                connection.execute(insert(look_bytes).values(row))
            elif known != digest:
                raise OtherBytesError(f"{name} is not what was measured at this look before")


def digests_of(connection: Connection, name: str) -> dict[int, Digest]:
    """The digest of what each look has under a name."""
    query = select(look_bytes.c.look, look_bytes.c.digest).where(look_bytes.c.name == name)
    return {row.look: row.digest for row in connection.execute(query)}


def bound_bytes(connection: Connection, look: int) -> Digest | None:
    """One digest of all that is bound to a look; None: nothing is."""
    query = select(look_bytes.c.name, look_bytes.c.digest).where(look_bytes.c.look == look)
    digests = {row.name: row.digest for row in connection.execute(query)}
    return digest_json(digests) if digests else None


# --- look lines -----------------------------------------------------------------------------------

# Looks where git carries them: a file of the project has a line for each, before it is taken.
#
# Another registry on the same data, a copy of the folder or a restored backup knows by it which
# looks were taken elsewhere. Each line is committed under a ref of its own, so that git still has
# one that was deleted from the file. Whoever removes both leaves no trace here: an anchor shows
# more.

LOOKS = Path("datasets/looks.jsonl")  # git tracks it, and no stage depends on it
REF = "refs/incumbent/looks"
# Every line that was ever added, whatever .gitattributes says of such files.
SHOWN = ("--all", "--format=", "-p", "-U0", "--no-color", "--text", "--no-textconv")
LONGEST = 600.0  # seconds: of a long history each commit is looked at


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


def note_looks(looks: Iterable[LookAdopted]) -> None:
    """Write the lines that the file lacks, and commit it."""
    known = known_lines()
    if missing := [line for line in looks if line not in known]:
        there = LOOKS.read_bytes().splitlines() if LOOKS.exists() else []
        write_lines(LOOKS, [*there, *(line.canonical() for line in missing)])
        commit_lines()


def unknown_looks(history: Iterable[Event], looks: Iterable[LookAdopted]) -> list[LookAdopted]:
    """The looks that the file or its history in git tells of, and this registry does not."""
    adopted = [event.detail for event in history if isinstance(event.detail, LookAdopted)]
    known = {*looks, *adopted}
    told = dict.fromkeys((*known_lines(), *committed_lines()))
    return [line for line in told if line not in known]


def refuse_unknown(lines: Iterable[LookAdopted]) -> None:
    """Raise InputError where looks were taken that this registry does not count."""
    if unknown := list(lines):
        looks = "1 look" if len(unknown) == 1 else f"{len(unknown)} looks"
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
    """What git knows of the file in any branch, whether it is still there or not. Raises GitError
    where a repository cannot be read.
    """
    try:
        git("rev-parse", "--git-dir", folder=folder())
    except (GitError, InputError):  # no repository
        return
    log = git("log", *SHOWN, "--", LOOKS.name, folder=folder(), longest=LONGEST)
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
        blob = call("hash-object", "-w", "--no-filters", LOOKS.name).decode().strip()
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
