"""Whose request it is: by its key, or anybody on this machine where there are no keys."""

import hmac
import logging
import re
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import yaml
from pydantic import AfterValidator, Field, StringConstraints
from starlette.datastructures import Headers

from project.canonical import digest_bytes
from project.errors import InputError
from project.files import home, locked, state_of, write_bytes
from project.listening import is_loopback, is_private
from project.settings import Settings, read_settings, validated
from project.yaml_text import with_value, written
from serving.openai_api.request_body import ApiError

# --- key file -------------------------------------------------------------------------------------

# Callers' keys: a YAML file of their SHA-256, read again when it changes.

log = logging.getLogger(__name__)
NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"  # of a caller
LONGEST = 512  # characters of a key that anybody presents
LOOK_SECONDS = 1.0  # between two looks whether the file has changed


def sha256(value: str) -> str:
    if not re.fullmatch(r"[0-9a-f]{64}", value):  # a key itself, which is quoted nowhere
        raise ValueError(
            "is no SHA-256 of a key: take the line out, and `incumbent serve --add-key NAME` makes "
            "a key and its hash"
        )
    return value


CallerName = Annotated[str, StringConstraints(pattern=NAME)]
Sha256 = Annotated[str, AfterValidator(sha256)]


class CallerKeys(Settings):
    """The file: {keys: {caller: SHA-256 of the key, in hex}, operators: [caller]}."""

    keys: dict[CallerName, Sha256] = Field(default_factory=dict)
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
        owner = None
        for caller, known in self.known.keys.items():
            if hmac.compare_digest(presented, known):
                owner = caller
        return owner

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


def read_keys(path: Path) -> CallerKeys:
    if not path.exists():
        raise InputError("is not there: `incumbent serve --add-key NAME` makes it", file=path)
    known = read_settings(CallerKeys, path)
    if not known.keys:
        problem = "names no caller: `incumbent serve --add-key NAME` adds one"
        raise InputError(problem, file=path, field="keys")
    if lacking := next((name for name in known.operators if name not in known.keys), None):
        problem = f"{lacking} has no key: `incumbent serve --add-key {lacking}` makes one"
        raise InputError(problem, file=path, field="operators")
    return known


def add_key(path: Path, caller: str) -> str:
    """Make a key for a caller, put its SHA-256 into the file, and return it. It is kept nowhere.

    An earlier key of this caller ends. Raises InputError for a name that is none, and for a file
    that is laid out so that a program cannot edit it.
    """
    if not re.fullmatch(NAME, caller):
        raise InputError(f"{caller!r} is no name: letters, digits and . _ - only, at most 64")
    key = f"inc-{secrets.token_urlsafe(32)}"
    digest = digest_bytes(key.encode())
    with locked(home() / "serving" / "keys.lock"):  # who does the same meanwhile loses no key
        known = read_settings(CallerKeys, path) if path.exists() else CallerKeys()
        text = path.read_bytes().decode() if path.exists() else ""
        name = caller if caller in known.keys else written(caller)  # 007 is no number
        text = with_value(text, ["keys", name], digest)
        if keys_in(text, path) != {**known.keys, caller: digest}:
            problem = f"cannot be edited by a program: put in by hand {written(caller)}: {digest}"
            raise InputError(problem, file=path, field="keys")
        # Nobody finds 256 random bits from their hash, so that the file need not be private.
        write_bytes(path, text.encode())
    return key


def keys_in(text: str, path: Path) -> dict[str, str] | None:
    """None for a text that is no such file."""
    try:
        return validated(CallerKeys, yaml.compose(text, Loader=yaml.SafeLoader), path).keys
    except (yaml.YAMLError, InputError):
        return None


# --- who asks -------------------------------------------------------------------------------------

ON_THIS_MACHINE = "local"  # the caller's name where nobody needs a key
FOREIGN = ("cross-site", "same-site")  # Sec-Fetch-Site of what another page sends
# What a proxy tells of whom it asks for. It connects from this machine, but nobody on it asks.
FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")


def caller_of(headers: Headers, keys: KeyFile | None) -> str:
    """Raises ApiError for a request of nobody that we know."""
    if keys is None:
        refuse_other_pages(headers)
        return ON_THIS_MACHINE
    caller = keys.caller(presented_key(headers))
    if caller is None:
        raise ApiError(401, "This API key is not known here.", code="invalid_api_key")
    return caller


def presented_key(headers: Headers) -> str:
    given = headers.getlist("authorization")
    if len(given) != 1:
        raise ApiError(
            401,
            "Send your API key in one header: `Authorization: Bearer KEY`.",
            code="invalid_api_key",
        )
    scheme, _, key = given[0].partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise ApiError(
            401, "The header must read `Authorization: Bearer KEY`.", code="invalid_api_key"
        )
    return key.strip()


def refuse_other_pages(headers: Headers) -> None:
    """Raise ApiError for what a web page or a proxy sends, or a name that was pointed at this
    machine.

    Without keys, being on this machine is all that a caller must prove; a page in its browser is
    not on it. A name of elsewhere that leads to 127.0.0.1 (DNS rebinding) is told by Host.
    """
    hosts = headers.getlist("host")
    if len(hosts) != 1 or not is_loopback(hosts[0].lower()):
        raise ApiError(
            421,
            "Without keys this server answers to 127.0.0.1 and localhost only: see serving.keys.",
        )
    origin = headers.get("origin")
    if any(name in headers for name in FORWARDED):
        raise ApiError(403, "Without keys this server answers to no proxy: see serving.keys.")
    foreign = origin is not None and urlsplit_host(origin) != hosts[0].lower()
    if foreign or headers.get("sec-fetch-site") in FOREIGN:
        raise ApiError(403, "Without keys this server answers no web page: see serving.keys.")


def urlsplit_host(origin: str) -> str | None:
    try:
        return urlsplit(origin.lower()).netloc or None
    except ValueError:
        return None


def is_from_here(client: tuple[str, int] | None, headers: Headers) -> bool:
    """Whether a program on this machine asks, and not a page in its browser."""
    try:
        refuse_other_pages(headers)
    except ApiError:
        return False
    return client is not None and is_private(client[0])
