"""A secret that this project signs and seals with: it outlives the processes that use it."""

import os
import secrets
import tempfile
from pathlib import Path

from project.errors import InputError
from project.files import make_folder, sync

LENGTH = 32


def secret_of(file: Path) -> bytes:
    """Read the secret, or make one that only the file's owner can read.

    Raises InputError for a secret that others can read, or that is cut short.
    """
    if not file.exists():
        make_secret(file)
    return checked(file)


def make_secret(file: Path) -> None:
    """Whole or not at all. Of several processes that start at once one makes it, and the others
    read the same.
    """
    make_folder(file.parent)
    handle, name = tempfile.mkstemp(prefix=f".{file.name}-", dir=file.parent)  # mode 0600
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(secrets.token_bytes(LENGTH))
            stream.flush()
            os.fsync(stream.fileno())
        put_once(Path(name), file)
        sync(file.parent)
    finally:
        Path(name).unlink(missing_ok=True)


def put_once(draft: Path, file: Path) -> None:
    """A link never takes a file's place, as a rename does."""
    try:
        os.link(draft, file)
    except FileExistsError:
        pass  # another process was first
    except OSError:
        draft.replace(file)  # a disk without links


def checked(file: Path) -> bytes:
    if file.stat().st_mode & 0o077:
        raise InputError(
            f"others can read it, so they could pass for this project: chmod 600 {file}, or delete "
            "it (what it signed until now then counts no more)",
            file=file,
        )
    secret = file.read_bytes()
    if len(secret) < LENGTH:
        raise InputError("is cut short: delete it, and start again", file=file)
    return secret
