"""Sessions: who signed in, kept in a signed cookie, so that a restart of the server ends none."""

import base64
import binascii
import hmac
import secrets
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from threading import Lock

from pydantic import ValidationError

from project.files import write_lines
from project.records.record import Record

HOURS = 12
LONGEST = 4096  # bytes of a cookie that browsers keep


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
        own = mark(self.secret, "cookie name", b"").hex()[:8]
        return f"__Host-incumbent-{own}" if self.secure else f"incumbent-{own}"

    def begin(self, name: str, now: datetime, proof: str = "") -> Session:
        until = int(now.timestamp()) + HOURS * 3600
        return Session(
            name=name, id=secrets.token_urlsafe(18), way=self.way, until=until, proof=proof
        )

    def sealed(self, session: Session) -> str:
        return seal(self.secret, "session", session.canonical())

    def read(self, text: str, now: datetime) -> Session | None:
        """The session of a cookie, if we began it, and it neither expired nor ended."""
        value = unsealed(self.secret, "session", text) if len(text) <= LONGEST else None
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
            for one in [one for one, until in self._ended.items() if until <= now.timestamp()]:
                del self._ended[one]
            lines = (f"{one} {until}".encode() for one, until in self._ended.items())
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
        found = decoded(value)
        marked = decoded(given)
    except (binascii.Error, ValueError):
        return None
    return found if hmac.compare_digest(marked, mark(secret, purpose, found)) else None


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
