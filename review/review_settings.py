"""How the web page is served, and who may use it."""

from pathlib import Path
from typing import Literal, Self
from urllib.parse import SplitResult, urlsplit

from pydantic import PositiveInt, field_validator, model_validator

from project.settings import Settings

SignIn = Literal["token", "users", "oidc", "proxy"]
USUAL_PORTS = {"http": 80, "https": 443}
NO_ADDRESS = "must be an address without a path, such as https://review.example.com"


class OidcParams(Settings):
    """An OpenID Connect provider. The client's secret is in $INCUMBENT_OIDC_SECRET."""

    discovery: str  # its address that ends in /.well-known/openid-configuration
    client_id: str
    claim: str = "preferred_username"  # the name in the registry; "email" where it must be verified


class ProxyParams(Settings):
    """A proxy that signs people in, and names them in a header."""

    header: str = "X-Forwarded-User"
    trusted: tuple[str, ...] = ("127.0.0.1", "::1")  # the addresses that the proxy calls from


class ReviewParams(Settings):
    """The web page of `incumbent review`."""

    # The address by which people reach the page, as https://review.example.com; None: this machine
    # alone. Links in notices begin with it, and no other host is answered.
    url: str | None = None
    # A file with names and passwords, in YAML: {users: {name: argon2 hash}}. This, oidc or proxy
    # says how people are known; without any, one user on this machine is, by the address that is
    # printed at the start.
    users: Path | None = None
    oidc: OidcParams | None = None
    proxy: ProxyParams | None = None
    votes: PositiveInt = 2  # reviewers an item; a third one where two disagree
    # Whoever asks the gateway a sealed prompt may learn whose answer is whose. Such prompts are
    # counted on the page of the votes; "leave_out": no vote on them is counted into a decision.
    unblinded_votes: Literal["count", "leave_out"] = "count"

    @field_validator("url")
    @classmethod
    def refuse_no_address(cls, url: str | None) -> str | None:
        """Also: as a browser writes it, since Host and Origin are compared with it."""
        if not url:
            return None
        parts = urlsplit(url)
        more = parts.query or parts.fragment or parts.username is not None
        if parts.scheme not in USUAL_PORTS or parts.path not in ("", "/") or more:
            raise ValueError(NO_ADDRESS)
        return origin_of(parts)

    @model_validator(mode="after")
    def refuse_two_ways_to_sign_in(self) -> Self:
        if len(ways := self.ways) > 1:
            raise ValueError(f"people sign in by {' and by '.join(ways)}: choose one")
        return self

    @property
    def ways(self) -> list[SignIn]:
        given: dict[SignIn, object] = {
            "users": self.users,
            "oidc": self.oidc,
            "proxy": self.proxy,
        }
        return [way for way, settings in given.items() if settings is not None]

    @property
    def sign_in(self) -> SignIn:
        """How people are known: "token" is the address that is printed at the start."""
        return next(iter(self.ways), "token")

    def place_of(self, link: str) -> str:
        """Where a page is, in words for a terminal."""
        return f"{self.url}{link}" if self.url else f"incumbent review, then {link}"

    @property
    def leaves_out(self) -> bool:
        return self.unblinded_votes == "leave_out"

    @property
    def secure(self) -> bool:
        """Whether browsers reach the page by https alone, so that cookies can demand it."""
        return bool(self.url and self.url.startswith("https:"))


def origin_of(parts: SplitResult) -> str:
    """The origin of an address as browsers write it: in lower case, and a usual port left out.

    Raises ValueError for an address without a host, or with a port that is none.
    """
    if not parts.hostname:
        raise ValueError(NO_ADDRESS)
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    is_usual = parts.port in (None, USUAL_PORTS[parts.scheme])
    return f"{parts.scheme}://{host}" + ("" if is_usual else f":{parts.port}")
