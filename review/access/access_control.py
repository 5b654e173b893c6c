"""Who comes in: by a token, a proxy, a sign-in."""

import hmac
import secrets
from dataclasses import dataclass
from threading import Lock

from starlette.requests import HTTPConnection

from project.files import home
from project.listening import Buckets
from review.access.oidc import Provider
from review.access.sessions import Session, Sessions
from review.access.users_file import Person, UsersFile, is_name
from review.review_settings import ProxyParams
from review.site import Site

# --- one time token -------------------------------------------------------------------------------

# The token in the address that is printed at the start: worth one session, once.


class OneTimeToken:
    """A restart makes another one."""

    def __init__(self) -> None:
        self.text = secrets.token_urlsafe(24)
        self._used = False
        self._lock = Lock()

    def take(self, given: str) -> bool:
        """Whether this was the token, and nobody had taken it yet."""
        with self._lock:
            right = hmac.compare_digest(given.encode(), self.text.encode())
            first = right and not self._used
            self._used = self._used or right
            return first


# --- access control -------------------------------------------------------------------------------

# What the page knows of whoever opens it: how people sign in, who did, and how often they ask.

ATTEMPTS_A_MINUTE = 5  # to sign in under one name
ATTEMPTS_OF_ADDRESS = 30  # to sign in from one address, which may be the proxy of a whole team


@dataclass(frozen=True)
class AccessControl:
    """Who gets into one server. All that it must remember over a restart is in signed cookies."""

    site: Site
    sessions: Sessions
    token: OneTimeToken
    users: UsersFile | None
    provider: Provider | None
    requests: Buckets
    attempts: Buckets
    attempts_of_address: Buckets

    def session_of(self, request: HTTPConnection) -> Session | None:
        """The session that a browser's cookie proves, if it still holds."""
        cookie = request.cookies.get(self.sessions.cookie)
        session = self.sessions.read(cookie, self.site.clock()) if cookie else None
        if session and self.users and self.users.proof(session.name) != session.proof:
            return None  # who left the file, or has another password since
        return session

    def found(self, request: HTTPConnection) -> tuple[str, str] | None:
        """The name of who asks, and of the session that the answer is for."""
        params = self.site.params
        if params.sign_in == "proxy":
            name = named_by_proxy(request, params.proxy)
            return (name, f"proxy {name}") if name else None
        session = self.session_of(request)
        return (session.name, session.id) if session else None

    def person(self, name: str, session_id: str) -> Person:
        return Person(name, self.site.rules.now().roles, self.sessions.csrf(session_id))


def gate_of(site: Site) -> AccessControl:
    """What a project's settings ask of whoever opens the page."""
    params = site.params
    folder = home() / "review"
    return AccessControl(
        site=site,
        sessions=Sessions(site.secret, params.sign_in, params.secure, folder / "ended-sessions"),
        token=OneTimeToken(),
        users=UsersFile(params.users, site.secret)
        if params.sign_in == "users" and params.users
        else None,
        provider=Provider(params.oidc) if params.sign_in == "oidc" and params.oidc else None,
        requests=Buckets(params.requests_a_minute),
        attempts=Buckets(ATTEMPTS_A_MINUTE),
        attempts_of_address=Buckets(ATTEMPTS_OF_ADDRESS),
    )


# --- proxy ----------------------------------------------------------------------------------------

# A proxy before this server that signs people in, and says in a header who they are.


def named_by_proxy(request: HTTPConnection, params: ProxyParams) -> str | None:
    """The one name in the header, from the proxy's address; None from anywhere else."""
    if request.client is None or request.client.host not in params.trusted:
        return None
    names = request.headers.getlist(params.header)
    return readable(names[0]) if len(names) == 1 else None


def readable(header: str) -> str | None:
    """The name in a header, whose bytes are UTF-8; None for what is no name."""
    try:
        name = header.encode("latin-1").decode()
    except UnicodeError:
        return None
    return name if is_name(name) else None
