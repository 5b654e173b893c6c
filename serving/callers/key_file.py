"""Callers' keys: a YAML file of their SHA-256, read again when it changes."""

import hmac
import logging
import re
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import Field, StringConstraints

from project.canonical import digest_bytes
from project.errors import InputError
from project.files import state_of, write_bytes
from project.settings import Settings, read_settings

log = logging.getLogger(__name__)
NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"  # of a caller
LONGEST = 512  # characters of a key that anybody presents
LOOK_SECONDS = 1.0  # between two looks whether the file has changed

CallerName = Annotated[str, StringConstraints(pattern=NAME)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class Keys(Settings):
    """The file: {keys: {caller: SHA-256 of the key, in hex}, operators: [caller]}."""

    keys: dict[CallerName, Sha256] = Field(min_length=1)
    # Who sees the gateway itself, and so what concerns other callers: its metrics and its replicas.
    operators: tuple[CallerName, ...] = ()


class KeyFile:
    """Who has which key. A file that cannot be read any more leaves what was known, and says so.

    Raises InputError, naming file and line, for one that cannot be read at the start.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self.path = path
        self.clock = clock
        self.looked = clock()
        self.state = state_of(path)
        self.known = read_keys(path)

    def is_operator(self, caller: str) -> bool:
        return caller in self.known.operators

    def caller(self, key: str) -> str | None:
        """Whose key it is. Every hash is compared, so that the time taken tells nothing."""
        self._look_again()
        presented = digest_bytes(key[: LONGEST + 1].encode("utf-8", "surrogateescape"))
        found = None
        for caller, known in self.known.keys.items():
            if hmac.compare_digest(presented, known):
                found = caller
        return found

    def _look_again(self) -> None:
        now = self.clock()
        if now - self.looked < LOOK_SECONDS:
            return
        self.looked = now
        if (state := state_of(self.path)) == self.state:
            return
        self.state = state
        try:
            self.known = read_keys(self.path)
        except InputError as error:
            log.error("the keys stay as they were: %s", error)


def read_keys(path: Path) -> Keys:
    if not path.exists():
        raise InputError("is not there: `incumbent serve --add-key NAME` makes it", file=path)
    return read_settings(Keys, path)


def add_key(path: Path, caller: str) -> str:
    """Make a key for a caller, put its SHA-256 into the file, and return it. It is kept nowhere.

    An earlier key of this caller ends. Raises InputError for a name that is none.
    """
    if not re.fullmatch(NAME, caller):
        raise InputError(f"{caller!r} is no name: letters, digits and . _ - only, at most 64")
    key = f"inc-{secrets.token_urlsafe(32)}"
    known = read_keys(path) if path.exists() else None
    own = {caller: digest_bytes(key.encode())}
    kept = Keys(
        keys={**known.keys, **own} if known else own,
        operators=known.operators if known else (),
    )
    # Nobody finds 256 random bits from their hash, so that the file need not be private.
    write_bytes(path, yaml.safe_dump(kept.model_dump(mode="json", exclude_defaults=True)).encode())
    return key
