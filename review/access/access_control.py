"""What the page knows of whoever opens it: how people sign in, who did, and how often they ask."""

from dataclasses import dataclass

from starlette.requests import HTTPConnection

from project.files import home
from project.rate_limit import Buckets
from review.access.oidc import Provider
from review.access.one_time_token import OneTimeToken
from review.access.people import Person
from review.access.proxy import named_by_proxy
from review.access.sessions import Session, Sessions
from review.access.users_file import UsersFile
from review.site import Site

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
