"""The file of the people who may come in, and the sessions that they begin."""

import base64
import binascii
import hmac
import secrets
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from threading import Lock, Semaphore

import yaml
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from pydantic import Field, ValidationError, field_validator

from project.errors import InputError
from project.files import FileState, state_of, write_bytes, write_lines
from project.records.record import Record
from project.settings import Settings, read_settings
from review.site import is_name

# --- sessions -------------------------------------------------------------------------------------

HOURS = 12
LONGEST_COOKIE = 4096  # bytes of a cookie that browsers keep


class Session(Record):
    """One browser's sign-in."""

    name: str
    id: str
    way: str  # how the person signed in; another way in the settings ends the session
    until: int  # seconds since 1970
    proof: str = ""  # of the password that it began with: another password ends the session


@dataclass(frozen=True)
class Sessions:
    """Begins, reads and ends sessions. Those that ended are kept in a file until they expire."""

    secret: bytes
    way: str
    secure: bool  # whether cookies may travel by https alone
    ended_file: Path
    _ended: dict[str, int] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        if self.ended_file.exists():
            lines = (line.split() for line in self.ended_file.read_text().splitlines())
            self._ended.update((words[0], int(words[1])) for words in lines if len(words) == 2)

    @property
    def cookie(self) -> str:
        """Its name. A host's ports share their cookies, so each project has a name of its own."""
        suffix = mark(self.secret, "cookie name", b"").hex()[:8]
        return f"__Host-incumbent-{suffix}" if self.secure else f"incumbent-{suffix}"

    def begin(self, name: str, now: datetime, proof: str = "") -> Session:
        until = int(now.timestamp()) + HOURS * 3600
        return Session(
            name=name, id=secrets.token_urlsafe(18), way=self.way, until=until, proof=proof
        )

    def sealed(self, session: Session) -> str:
        return seal(self.secret, "session", session.canonical())

    def read(self, text: str, now: datetime) -> Session | None:
        """The session of a cookie, if we began it, and it neither expired nor ended."""
        value = unsealed(self.secret, "session", text) if len(text) <= LONGEST_COOKIE else None
        try:
            session = Session.model_validate_json(value) if value else None
        except ValidationError:  # of an earlier version of this program
            return None
        if session is None or session.way != self.way or session.until <= now.timestamp():
            return None
        return None if session.id in self._ended else session

    def end(self, session: Session, now: datetime) -> None:
        """End it for good: a copy of its cookie is worth nothing any more."""
        with self._lock:
            self._ended[session.id] = session.until
            for key in [key for key, until in self._ended.items() if until <= now.timestamp()]:
                del self._ended[key]
            lines = (f"{key} {until}".encode() for key, until in self._ended.items())
            write_lines(self.ended_file, lines)

    def csrf(self, session_id: str) -> str:
        """What every form of a session has to send back."""
        return encoded(mark(self.secret, "csrf", session_id.encode()))

    def is_csrf(self, session_id: str, given: str) -> bool:
        return hmac.compare_digest(self.csrf(session_id).encode(), given.encode("utf-8", "replace"))


# --- signed text ----------------------------------------------------------------------------------

# Texts that a browser keeps for us, signed so that only what we wrote is taken back.


def seal(secret: bytes, purpose: str, value: bytes) -> str:
    """A text that `unsealed` takes back under the same secret and purpose only."""
    return f"{encoded(value)}.{encoded(mark(secret, purpose, value))}"


def unsealed(secret: bytes, purpose: str, text: str) -> bytes | None:
    """What was sealed; None for whatever we did not seal for that purpose."""
    value, _, given = text.partition(".")
    try:
        content = decoded(value)
        marked = decoded(given)
    except (binascii.Error, ValueError):
        return None
    return content if hmac.compare_digest(marked, mark(secret, purpose, content)) else None


def mark(secret: bytes, purpose: str, value: bytes) -> bytes:
    """HMAC-SHA-256. A purpose holds no zero byte, so that two of them never sign the same bytes."""
    return hmac.digest(secret, purpose.encode() + b"\0" + value, "sha256")


def encoded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


def decoded(text: str) -> bytes:
    padded = text + "=" * (-len(text) % 4)
    return base64.b64decode(padded.encode("ascii"), altchars=b"-_", validate=True)


# --- own address ----------------------------------------------------------------------------------

# Addresses that stay on this server, however a browser reads them.


def local(address: str) -> str:
    """The address if it is a path of this server, as browsers read it; else the home page."""
    plain = address.isprintable() and "\\" not in address
    return address if plain and address.startswith("/") and address[1:2] != "/" else "/"


# --- users file -----------------------------------------------------------------------------------

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
        self._read: tuple[FileState, Users] = (state_of(path), read_users(path))

    @property
    def users(self) -> dict[str, str]:
        state = state_of(self.path)
        if state != self._read[0]:
            self._read = (state, read_users(self.path))
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


def read_users(path: Path) -> Users:
    """Raises InputError where there is no such file, which nobody can sign in by."""
    if not path.exists():
        raise InputError(
            "there is no such file of names and passwords: `incumbent review --add-user NAME` "
            "makes it",
            file=path,
        )
    return read_settings(Users, path)


def add_user(path: Path, name: str, password: str) -> None:
    """Write a name and its password's hash into the file. Raises InputError for unfit ones."""
    if not is_name(name):
        raise InputError(f"{name!r} is no name: it takes one line of at most 100 characters")
    if not SHORTEST <= len(password) <= LONGEST:
        raise InputError(f"a password takes at least {SHORTEST} characters, and at most {LONGEST}")
    there = read_settings(Users, path).users if path.exists() else {}
    with_them = Users(users={**there, name: HASHER.hash(password)})
    write_bytes(path, yaml.safe_dump(with_them.model_dump()).encode(), mode=0o600)
