"""The people who may come in, and the file that names them."""

import secrets
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from threading import Semaphore
from typing import Annotated

import yaml
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from fastapi import Depends, Request
from pydantic import Field, field_validator

from project.errors import InputError
from project.files import FileState, state_of, write_bytes
from project.settings import Settings, read_settings
from registry.roles import Duty, Roles
from review.access.sessions import mark

SHORTEST = 12  # characters of a password
LONGEST = 1024
HASHER = PasswordHasher()  # argon2id with the parameters of RFC 9106
AT_ONCE = Semaphore(2)  # each check takes 64 MiB, which many at once would multiply


class Users(Settings):
    """The file's content."""

    users: dict[str, str] = Field(default={})

    @field_validator("users")
    @classmethod
    def refuse_odd(cls, users: dict[str, str]) -> dict[str, str]:
        for name, hashed in users.items():
            if not is_name(name):
                raise ValueError(f"{name!r} is no name: one line of at most 100 characters")
            if not hashed.startswith("$argon2id$"):
                raise ValueError(
                    f"{name} has no argon2id hash: make one with `incumbent review --add-user`"
                )
        return users


class UsersFile:
    """The file as it is now: it is read again when it has changed."""

    def __init__(self, path: Path, secret: bytes) -> None:
        self.path = path
        self.secret = secret
        self._read: tuple[FileState, Users] = (state_of(path), read_settings(Users, path))

    @property
    def users(self) -> dict[str, str]:
        state = state_of(self.path)
        if state != self._read[0]:
            self._read = (state, read_settings(Users, self.path))
        return self._read[1].users

    def verified(self, name: str, password: str) -> bool:
        """Whether that is the person's password. A name that is not there takes as long."""
        hashed = self.users.get(name)
        with AT_ONCE:
            try:
                HASHER.verify(hashed or self.nobodys, password[: LONGEST + 1])
            except (VerificationError, InvalidHashError):
                return False
        return hashed is not None

    @cached_property
    def nobodys(self) -> str:
        return HASHER.hash(secrets.token_hex())

    def proof(self, name: str) -> str | None:
        """What a session of now carries of the password; None for a name that is not there."""
        hashed = self.users.get(name)
        return mark(self.secret, "password", hashed.encode()).hex()[:16] if hashed else None


def add_user(path: Path, name: str, password: str) -> None:
    """Write a name and its password's hash into the file. Raises InputError for unfit ones."""
    if not is_name(name):
        raise InputError(f"{name!r} is no name: it takes one line of at most 100 characters")
    if not SHORTEST <= len(password) <= LONGEST:
        raise InputError(f"a password takes at least {SHORTEST} characters, and at most {LONGEST}")
    there = read_settings(Users, path).users if path.exists() else {}
    with_them = Users(users={**there, name: HASHER.hash(password)})
    write_bytes(path, yaml.safe_dump(with_them.model_dump()).encode(), mode=0o600)


# --- people ---------------------------------------------------------------------------------------

# The person behind a request, and what that person may do.

LONGEST_NAME = 100


@dataclass(frozen=True)
class Person:
    """Who signed in. The name is the actor of all that is written in the registry."""

    name: str
    roles: Roles
    csrf: str  # what each form of this session must send back

    def may(self, duty: Duty) -> bool:
        """Whether a page offers it. The registry asks again when it is done."""
        return self.roles.allow(duty, self.name)

    @property
    def decides(self) -> bool:
        """Who decides may know how the votes stand; who only votes would not be blind any more."""
        return self.may("promote") or self.may("administer")


def person_of(request: Request) -> Person:
    """Whom the access middleware found; without one no route is reached."""
    found: Person = request.state.person
    return found


def is_name(text: str) -> bool:
    """Whether a text can stand in the history as somebody's name: one line, no blanks around it."""
    return 0 < len(text) <= LONGEST_NAME and text.isprintable() and text == text.strip()


ThePerson = Annotated[Person, Depends(person_of)]
