"""The shared registry of a new project, tried before anything is made."""

import os
import secrets
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from incumbent.init.new_folder import REMOTE
from project.canonical import digest_bytes
from project.child_processes import DvcError, dvc_in_turn
from project.errors import IncumbentError, InputError
from project.files import write_bytes
from project.settings import PARAMS, load
from project.yaml_text import with_value
from registry.reader import RegistryReader
from registry.registry_settings import RegistryParams
from registry.storage.artifact_store import Blobs

DATABASE, ARTIFACTS = "--registry", "--artifacts"
KINDS = ("postgresql", "sqlite")


def refuse_unusable(database: str | None, artifacts: str | None, family: str) -> None:
    """Open both once. Raises InputError for what others do not reach, for a password in an address,
    and for a family that is there already; with the reason of what cannot be opened.
    """
    if database is None or artifacts is None:
        raise InputError(half_shared(database))
    refuse_database(parsed(database))
    refuse_artifacts(artifacts)
    try_artifacts(artifacts)
    refuse_family(os.environ.get("INCUMBENT_DATABASE") or database, family)


def half_shared(database: str | None) -> str:
    if database is None:
        return (
            f"{ARTIFACTS} needs {DATABASE}: else the versions would be listed in a database of "
            "this machine alone, and nobody else would find what is stored there"
        )
    return (
        f"{DATABASE} needs {ARTIFACTS}: else all see a version whose adapter lies on this machine "
        "alone, so that nobody else can compare with it, serve it or roll back to it"
    )


def parsed(database: str) -> URL:
    try:
        url = make_url(database)
        if url.get_backend_name() in KINDS:
            return url
    except ArgumentError:
        pass
    problem = "is no URL of a PostgreSQL database, such as postgresql://user@host/name, or SQLite"
    raise InputError(problem, field=DATABASE)


def refuse_database(url: URL) -> None:
    if url.password:
        raise InputError(
            "the address would be committed with its password: leave it out here, and give the "
            "whole one to each machine in $INCUMBENT_DATABASE, which wins over params.yaml",
            field=DATABASE,
        )
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").is_absolute():
        raise InputError(
            "would be another file in every clone: name it by its whole path, on a disk that all "
            "of you see, or a PostgreSQL server",
            field=DATABASE,
        )


def refuse_artifacts(address: str) -> None:
    if "@" in address.partition("://")[2].partition("/")[0]:
        raise InputError(
            "the address would be committed with its password: leave it out, and give it to each "
            "machine as the store's own library takes it, such as in $AWS_SECRET_ACCESS_KEY",
            field=ARTIFACTS,
        )
    if "://" not in address and not Path(address).is_absolute():
        raise InputError(
            "would be another folder in every clone: name it by its whole path, on a disk that all "
            "of you see, or an object store such as s3://bucket/artifacts",
            field=ARTIFACTS,
        )


def try_artifacts(address: str) -> None:
    """Write something there that nobody else has, and take it away again."""
    blobs, name = Blobs(address), digest_bytes(secrets.token_bytes())
    try:
        blobs.write(name, b"")
        blobs.delete(name)
    except IncumbentError as error:
        raise InputError(str(error), field=ARTIFACTS) from None


def refuse_family(database: str, family: str) -> None:
    """Two projects under one name would be one: each other's champion would be theirs."""
    with RegistryReader(Path(), family, database=database) as reader:
        if reader.versions(limit=1, with_deleted=True):
            raise InputError(
                f"there are versions of {family} in it already: to work on these, `git clone` "
                "their project; for another project name another folder",
                field=DATABASE,
            )


# --- usable remote --------------------------------------------------------------------------------

# DVC's remote of a new project, tried before anything is made.

FIELD = "--remote"
# An empty file is sent there: many datasets hold one, so it is no rubbish.
PROBE = "empty.txt"
CONFIG = "[core]\n    no_scm = true\n"


def usable_remote(address: str) -> str:
    """An address that DVC can write to; a folder of this machine by its whole path.

    Raises InputError with DVC's reason for one that it cannot use, and for one with a password.
    """
    if not address.strip():
        problem = "name a folder that others reach, or a URL such as s3://bucket/rows"
        raise InputError(problem, field=FIELD)
    if "://" in address and urlsplit(address).password:
        raise InputError(
            "the address would be committed with its password: leave it out, and let `dvc remote "
            f"modify --local {REMOTE}` keep it, where git does not see it",
            field=FIELD,
        )
    whole = address if "://" in address else str(Path(address).expanduser().resolve())
    with tempfile.TemporaryDirectory(prefix="incumbent-") as aside:
        try:
            send_nothing(whole, Path(aside))
        except DvcError as error:
            raise InputError(f"DVC cannot use {whole}: {error}", field=FIELD) from None
    return whole


def send_nothing(address: str, aside: Path) -> None:
    (aside / ".dvc").mkdir()
    (aside / ".dvc" / "config").write_text(CONFIG)
    (aside / PROBE).touch()
    add_remote = ("remote", "add", "--default", REMOTE, address)
    dvc_in_turn(add_remote, ("add", PROBE), ("push",), folder=aside)


# --- shared places --------------------------------------------------------------------------------

# Where a team keeps what it shares of a new project: tried first, then put into its settings.


@dataclass(frozen=True)
class SharedPlaces:
    """Addresses; None: this machine alone has it."""

    remote: str | None = None  # DVC's, of rows and of what stages made
    database: str | None = None  # of the registry
    artifacts: str | None = None

    def tried(self, family: str) -> Self:
        """The same, usable. Raises InputError for what is not, or others would not reach."""
        if self.database or self.artifacts:
            refuse_unusable(self.database, self.artifacts, family)
        return replace(self, remote=usable_remote(self.remote) if self.remote is not None else None)

    def put_in(self) -> None:
        """Write what is set into the registry's section, with all else as it was."""
        text = PARAMS.read_bytes().decode()
        for key, value in self.keys().items():
            text = with_value(text, ["registry", key], value)
        write_bytes(PARAMS, text.encode())
        load(RegistryParams)

    def keys(self) -> dict[str, Any]:
        """The registry's keys. Whoever names a remote wants every version to be there."""
        keys = {"database": self.database, "artifacts": self.artifacts}
        pushed = {"push_versions": True} if self.remote else {}
        return {key: value for key, value in keys.items() if value is not None} | pushed
