"""The secret that cookies are signed with: it outlives the server, so sessions do too."""

import os
import secrets
from pathlib import Path

from project.errors import InputError
from project.files import make_folder

LENGTH = 32


def secret_of(file: Path) -> bytes:
    """Read the secret, or make one that only the file's owner can read."""
    make_folder(file.parent)
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return checked(file)
    with os.fdopen(handle, "wb") as stream:
        stream.write(secrets.token_bytes(LENGTH))
        stream.flush()
        os.fsync(stream.fileno())
    return checked(file)


def checked(file: Path) -> bytes:
    """Raises InputError for a secret that others can read, or that is cut short."""
    if file.stat().st_mode & 0o077:
        raise InputError(
            f"others can read it, so they could sign in as anybody: chmod 600 {file}, or delete it "
            "(whoever is signed in has to sign in again)",
            file=file,
        )
    secret = file.read_bytes()
    if len(secret) < LENGTH:
        raise InputError("is cut short: delete it, and start again", file=file)
    return secret
