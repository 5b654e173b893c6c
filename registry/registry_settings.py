"""Where the registry is, and in whose name it is written."""

import getpass
import os
from pathlib import Path

from pydantic import Field

from project.records.events import EventKind
from project.records.record import Record
from project.settings import PARAMS, Settings

NAME = r"^[a-z0-9][a-z0-9-]{0,62}$"  # of a family or an alias


class SigningKeys(Record):
    """Whose signatures count, and in whose name to sign: files with EC keys in PEM."""

    public: tuple[Path, ...] = ()
    private: Path | None = None
    required: bool = False  # no promotion, export or deployment without a signature that holds


class RegistryParams(Settings):
    """Adapters of one family compete to be its one champion."""

    family: str = Field(default="default", pattern=NAME)  # under which versions are numbered
    # SQLAlchemy and fsspec URLs; null: SQLite and a folder in the home of all state. An address
    # with a password belongs in $INCUMBENT_DATABASE.
    database: str | None = None
    artifacts: str | None = None  # an address as fsspec has it, such as s3://bucket/folder
    # Whether a version that is submitted is sent to where others fetch it: its rows, and what
    # stages made of them, to DVC's default remote; its tag, with its project, to git's origin.
    push_versions: bool = False
    # Whether a version's commit takes in every new file that git does not ignore, and not only the
    # project's own. What looks like a secret stays out of it either way.
    commit_untracked: bool = False
    # YAML: {submit, vote, promote, delete, administer: [names]}, or the word everybody. A duty that
    # the file leaves out is nobody's; null, no file: everybody has all of them.
    roles: Path | None = None
    # Nobody promotes what the same person submitted, and no program promotes anything. Nor
    # does that person withdraw it. A rollback needs one person: it is for emergencies, and goes to
    # what was champion before.
    four_eyes: bool = False
    public_keys: tuple[Path, ...] = ()  # that signatures are checked with, if any
    require_signature: bool = False  # refuse to promote, export or deploy what nobody signed
    # Where the chain's newest event is written down, daily by the scheduler: a file, git (a tag),
    # git:REMOTE (a tag, pushed there), or a webhook's address. One that is secret belongs in
    # $INCUMBENT_ANCHOR, which wins over this. It is of use where the database's owner cannot write.
    anchor: str | None = None

    # The kinds of events, such as promote and reject, that become notices too, to wherever
    # monitoring.notices sends them.
    event_notices: tuple[EventKind, ...] = ()

    @property
    def anchor_place(self) -> str | None:
        return os.environ.get("INCUMBENT_ANCHOR") or self.anchor

    @property
    def keys(self) -> SigningKeys:
        """The keys, with the private one of $INCUMBENT_SIGNING_KEY, which no file of ours holds."""
        project = PARAMS.resolve().parent  # where params.yaml is a link, its keys are at its end
        private = os.environ.get("INCUMBENT_SIGNING_KEY")
        return SigningKeys(
            public=tuple(project / key for key in self.public_keys),
            private=Path(private) if private else None,
            required=self.require_signature,
        )


def current_actor() -> str:
    """Whose name stands in the history: $INCUMBENT_ACTOR, or the user of this process."""
    if actor := os.environ.get("INCUMBENT_ACTOR"):
        return actor
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user often has no name
        return f"uid {os.getuid()}"
