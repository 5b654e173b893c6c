"""Who comes in: by a token, a proxy, a sign-in; OpenID Connect among the ways.

The authorization code flow with PKCE, state and nonce:
https://openid.net/specs/openid-connect-core-1_0.html, section 3.1; RFC 7636; RFC 9207.
"""

import asyncio
import hmac
import json
import os
import secrets
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from typing import Any
from urllib.parse import quote, urlsplit

import httpx2
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from pydantic import BaseModel, ValidationError
from starlette.requests import HTTPConnection

from project.errors import IncumbentError
from project.files import home
from project.listening import Buckets, is_loopback
from project.records.record import Record
from review.frame.users_file import Session, Sessions, UsersFile
from review.review_settings import OidcParams, ProxyParams
from review.site import Person, Site, is_name

# --- provider calls -------------------------------------------------------------------------------

# Requests to an OpenID provider: JSON back, within seconds, and not without end.

SECONDS = 10  # for one call, its last byte included
REST = 30  # seconds in which a provider that did not answer is not asked again
MOST_BYTES = 1 << 20


class ProviderError(IncumbentError):
    """The provider is not reached, or answers with what is no answer."""


@dataclass
class ProviderCalls:
    """Calls of one provider, one after another, and none for a while after one without an answer:
    a provider that hangs holds one connection, and no thread, however many want to sign in.
    """

    seconds: float = SECONDS
    clock: Callable[[], float] = time.monotonic
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _failure: str = ""
    _again: float = 0.0  # when it is asked again, by the clock

    async def fetched(self, address: str) -> dict[str, Any]:
        """The JSON object at an address."""
        return await self._answered("GET", address)

    async def sent(
        self, address: str, form: dict[str, str], client: str, secret: str | None
    ) -> dict[str, Any]:
        """The answer to a form, sent in the client's name: with its secret, where it has one.

        RFC 6749, section 2.3.1.
        """
        if secret:
            pair = httpx2.BasicAuth(quote(client, safe=""), quote(secret, safe=""))
            return await self._answered("POST", address, data=form, auth=pair)
        return await self._answered("POST", address, data={**form, "client_id": client})

    async def _answered(self, method: str, address: str, **more: Any) -> dict[str, Any]:
        host = urlsplit(secure(address)).netloc
        async with self._turn:
            if self.clock() < self._again:
                raise ProviderError(self._failure)
            try:
                async with asyncio.timeout(self.seconds):
                    body = await read(method, address, more)
            except (OSError, httpx2.HTTPError) as error:  # a TimeoutError is an OSError
                why = str(error) or f"no whole answer in {self.seconds:g} s"
                self._failure = f"{host} is not reached: {why}"
                self._again = self.clock() + REST
                raise ProviderError(self._failure) from None
        return json_object(body, host)


async def read(method: str, address: str, more: dict[str, Any]) -> bytes:
    """The first MOST_BYTES of an answer, whatever its status: an OAuth error is JSON too.

    No redirect is followed: another address than the one that was checked is not asked, nor told
    the client's secret.
    """
    body = b""
    headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
    async with (
        httpx2.AsyncClient(verify=ssl.create_default_context(), timeout=None) as client,
        client.stream(method, address, headers=headers, **more) as response,
    ):
        async for part in response.aiter_raw():
            body += part
            if len(body) >= MOST_BYTES:
                break
    return body[:MOST_BYTES]


def json_object(body: bytes, host: str) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise ProviderError(f"{host} answers with what is no JSON object")
    return document


def secure(address: str) -> str:
    """Raises ProviderError for an address that others could read along; this machine's are fine."""
    parts = urlsplit(address)
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.netloc)):
        raise ProviderError(f"{address} does not begin with https://")
    return address


# --- oidc -----------------------------------------------------------------------------------------

SECRET = "INCUMBENT_OIDC_SECRET"
# Whoever knows the client's secret could sign with HS256, and anybody with none.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "Ed25519")
MINUTES = 10  # from the link to the way back
LEEWAY = 60  # seconds by which clocks may differ


class SignInRefusedError(IncumbentError):
    """The provider, or what it sent, did not show who this is."""


class Flow(Record):
    """What a browser keeps, sealed, while it is at the provider."""

    state: str
    nonce: str
    verifier: str
    next: str
    until: int

    @classmethod
    def begun(cls, to: str, now: datetime) -> "Flow":
        made = [secrets.token_urlsafe(32) for _ in range(3)]
        until = int(now.timestamp()) + MINUTES * 60
        return cls(state=made[0], nonce=made[1], verifier=made[2], next=to, until=until)


class Metadata(BaseModel):
    """The part of a provider's description that is used here."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str


@dataclass
class Provider:
    """One provider. It is asked for its description when the first person signs in."""

    params: OidcParams
    calls: ProviderCalls = field(default_factory=ProviderCalls)
    _metadata: Metadata | None = None

    async def metadata(self) -> Metadata:
        """Raises ProviderError, as all that asks the provider."""
        if self._metadata is None:
            self._metadata = self.checked(await self.calls.fetched(self.params.discovery))
        return self._metadata

    def checked(self, answer: dict[str, Any]) -> Metadata:
        try:
            metadata = Metadata.model_validate(answer)
        except ValidationError as error:
            lacks = ".".join(map(str, error.errors()[0]["loc"]))
            raise ProviderError(f"{self.params.discovery} describes no provider: {lacks}") from None
        address = metadata.issuer.rstrip("/") + "/.well-known/openid-configuration"
        if address != self.params.discovery:
            raise ProviderError(f"{self.params.discovery} names another issuer, {metadata.issuer}")
        return metadata

    async def address(self, flow: Flow, back: str) -> str:
        """Where the browser goes to sign in. `back` is our address that it comes back to."""
        address: str = prepare_grant_uri(
            (await self.metadata()).authorization_endpoint,
            self.params.client_id,
            "code",
            redirect_uri=back,
            scope="openid profile email",
            state=flow.state,
            nonce=flow.nonce,
            code_challenge=create_s256_code_challenge(flow.verifier),
            code_challenge_method="S256",
        )
        return address

    async def name(self, code: str, flow: Flow, back: str, now: datetime) -> str:
        """Exchange the code for an ID token, and read the person's name in it.

        Raises SignInRefusedError for a token that does not hold, ProviderError without an answer.
        """
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": back}
        form["code_verifier"] = flow.verifier
        token_endpoint = (await self.metadata()).token_endpoint
        secret = os.environ.get(SECRET)
        answer = await self.calls.sent(token_endpoint, form, self.params.client_id, secret)
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise SignInRefusedError(f"the provider gave no ID token: {answer.get('error', '')}")
        return self.named(await self.claims(token, flow.nonce, now))

    async def claims(self, token: str, nonce: str, now: datetime) -> CodeIDToken:
        """What a signed token says, once all that it must say is checked."""
        client, provider = self.params.client_id, await self.metadata()
        fetched = await self.calls.fetched(provider.jwks_uri)
        try:
            keys = KeySet.import_key_set({"keys": fetched["keys"]})
            decoded = jwt.decode(token, keys, algorithms=ALGORITHMS)
            wanted = {"iss": {"value": provider.issuer}, "aud": {"value": client}}
            params = {"nonce": nonce, "client_id": client}
            claims = CodeIDToken(decoded.claims, decoded.header, wanted, params)
            claims.validate(now=int(now.timestamp()), leeway=LEEWAY)
        except (JoseError, ValueError, KeyError, TypeError) as error:
            raise SignInRefusedError(f"the provider's ID token does not hold: {error}") from None
        return claims

    def named(self, claims: CodeIDToken) -> str:
        claim = self.params.claim
        name = claims.get(claim)
        if not isinstance(name, str) or not is_name(name):
            raise SignInRefusedError(f"the ID token has no name in {claim}: set review.oidc.claim")
        if claim == "email" and claims.get("email_verified") is not True:
            raise SignInRefusedError(f"the provider has not verified that {name} is theirs")
        return name


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

# Of one person; more are answered with "slow down". A browser's page asks for ten files at most.
REQUESTS_A_MINUTE = 6_000
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
        if params.proxy:
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
        users=UsersFile(params.users, site.secret) if params.users else None,
        provider=Provider(params.oidc) if params.oidc else None,
        requests=Buckets(REQUESTS_A_MINUTE),
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
